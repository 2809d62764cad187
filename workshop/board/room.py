"""What the page shows: everybody's demos, the checks that most of the room fails right now, and totals.

In: the attendees, the catalogue, and the time. Out: a document for JSON. No id and no commit is in it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from workshop.board.catalogue import Catalogue, Demo
from workshop.board.store import Attendee, Result
from workshop.progress.record import FAILED

RECENT = 3600.0  # seconds; people who were not seen for longer are not stuck, they are away
MOST_STUCK = 4


def room(attendees: Sequence[Attendee], catalogue: Catalogue, now: float) -> dict[str, Any]:
    shown = [attendee for attendee in attendees if not attendee.hidden]
    return {
        "now": now,
        "hidden": len(attendees) - len(shown),
        "attendees": [_attendee(attendee) for attendee in shown],
        "stuck": _stuck(shown, catalogue, now),
        "demos": [_demo(demo, shown) for demo in catalogue.demos.values()],
    }


def latest(attendee: Attendee) -> tuple[int, Result] | None:
    """The demo that they worked on last; None for those who have graded nothing yet."""
    return max(attendee.demos.items(), key=lambda one: one[1].seen, default=None)


def _attendee(attendee: Attendee) -> dict[str, Any]:
    last = latest(attendee)
    return {
        "seat": attendee.seat,
        "name": attendee.name,
        "demo": last[0] if last else 0,
        "seen": last[1].seen if last else 0,
        "demos": {
            str(number): {
                "earned": result.earned,
                "verified": result.verified,
                "verifiable": result.verifiable,
            }
            for number, result in attendee.demos.items()
        },
    }


def _stuck(shown: Sequence[Attendee], catalogue: Catalogue, now: float) -> list[dict[str, Any]]:
    """The checks that fail for most people, of the demo that each is in. At equal numbers, the earlier check first."""
    working = [last for attendee in shown if (last := latest(attendee)) and now - last[1].seen < RECENT]
    in_demo = Counter(number for number, _ in working)
    failing = Counter(
        (number, name) for number, result in working for name, status in result.checks.items() if status == FAILED
    )
    places = {(demo.number, name): place for demo in catalogue.demos.values() for place, name in enumerate(demo.checks)}
    known = [one for one in failing if one in places]  # an older class may have had other checks
    most = sorted(known, key=lambda one: (-failing[one], one[0], places[one]))[:MOST_STUCK]
    return [_failing(catalogue.demos[number], name, failing[number, name], in_demo[number]) for number, name in most]


def _failing(demo: Demo, name: str, people: int, of: int) -> dict[str, Any]:
    check = demo.checks[name]
    return {
        "demo": demo.number,
        "check": name,
        "title": check.title,
        "task": check.task,
        "hints": demo.hints,
        "attendees": people,
        "of": of,
    }


def _demo(demo: Demo, shown: Sequence[Attendee]) -> dict[str, Any]:
    earned = [attendee.demos[demo.number].earned for attendee in shown if demo.number in attendee.demos]
    return {
        "number": demo.number,
        "titles": demo.titles,
        "total": demo.total,
        "begun": len(earned),
        "done": sum(points == demo.total for points in earned),
        "average": round(sum(earned) / len(earned), 1) if earned else 0,
    }
