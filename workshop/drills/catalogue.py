"""All drills, by name."""

from workshop.drills.dead_upstream import DEAD_UPSTREAM
from workshop.drills.leak import LEAK
from workshop.drills.slow import SLOW
from workshop.drills.stampede import STAMPEDE
from workshop.drills.throttled import THROTTLED

DRILLS = {drill.name: drill for drill in (SLOW, THROTTLED, STAMPEDE, DEAD_UPSTREAM, LEAK)}
