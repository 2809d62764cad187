"""Each drill runs for real: only the right alerts fire, right answers score, and wrong answers do not."""

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from demos.demo_5_observability.audit import RECORD
from tests.drills.conftest import Fire
from workshop.drills.catalogue import DRILLS
from workshop.drills.traffic import RATE

WINDOW = 30  # seconds that questions look back


def percent(fire: Fire, error: str | None) -> str:
    """The percentage of the last half minute's log lines that have this error."""
    lines = fire.lines(WINDOW)
    return f"{100 * sum(line['error'] == error for line in lines) / len(lines):.0f}"


def refused_tries(fire: Fire) -> str:
    """The percentage of the last half minute's tries that the upstream refused, by the log."""
    lines = [line for line in fire.lines(WINDOW) if line.get("cache") != "hit"]
    tries = sum(line["retries"] + 1 for line in lines)
    refused = sum(line["retries"] + (line["status"] == 429) for line in lines)
    return f"{100 * refused / tries:.0f}"


# The right answers, as an attendee finds them: from the fault's description and the log.
RIGHT: Mapping[str, Callable[[Fire], str]] = {
    "slow": lambda fire: "c 'chat workshop-sim' 4 LatencyBudgetBurnsFast b",
    "429": lambda fire: f"d {refused_tries(fire)} UpstreamThrottles c",
    "stampede": lambda fire: f"c {percent(fire, 'queue_full')} CacheHitRateCollapsed d",
    "dead-upstream": lambda fire: f"b circuit_open {percent(fire, None)} ErrorBudgetBurnsFast a",
    "leak": lambda fire: f"d {RATE * RECORD * 60 / 1e6:.0f} MemoryPressure c",
}
WRONG: Mapping[str, str] = {
    "slow": "a RateLimit 0.3 QueueSheds a",
    "429": "a 10 CircuitIsOpen b",
    "stampede": "b 100 CostBurnsTooFast a",
    "dead-upstream": "a upstream_error 95 MemoryGrows b",
    "leak": "a 1 GatewayIsDown a",
}


# One after the other; the one that takes longest is last, and keeps burning meanwhile.
@pytest.fixture(scope="module", params=sorted(DRILLS, key=lambda name: name == "stampede"))
def fire(request: pytest.FixtureRequest, fires: Mapping[str, Fire]) -> Fire:
    """A drill whose alerts have fired."""
    fire = fires[request.param]
    fire.wait_until_fired(DRILLS[fire.name].alerts)
    fire.wait_until_burning_for(WINDOW)
    return fire


def test_only_the_right_alerts_fire(fire: Fire) -> None:
    drill = DRILLS[fire.name]
    assert drill.alerts <= fire.fired() <= drill.alerts | drill.besides


def test_right_answers_are_right(fire: Fire) -> None:
    answers = RIGHT[fire.name](fire)
    score, said = fire.answered(answers)
    assert score == len(DRILLS[fire.name].questions), said


def test_wrong_answers_are_wrong_and_explained(fire: Fire) -> None:
    score, said = fire.answered(WRONG[fire.name])
    assert score == 0, said
    assert Counter(line.strip().partition(".")[0] for line in said.splitlines())["wrong"] == len(
        DRILLS[fire.name].questions
    ), said


def test_a_drill_shows_the_users_complaint_and_not_the_cause(fire: Fire) -> None:
    drill = DRILLS[fire.name]
    assert drill.complaint in fire.printed
    assert not [alert for alert in drill.alerts if alert in fire.printed]
    assert '"request_id"' not in fire.printed
