"""Each sentence of demo 5's exercise is a promise, and a mutant that breaks it, or a wrong alert, loses points."""

from pathlib import Path

from demos.demo_5_observability.exercise import first_token
from tests.demo_5.test_demo_5 import MUTANTS, WRONG_ALERTS, WRONG_METRICS
from tests.promises import Promises, comments, docstrings

ALERT, METRIC = (Path(first_token.__file__).with_name(name) for name in ("cost_alert.yml", "business.yml"))

PROMISES = Promises(
    docstrings(first_token) | comments(ALERT, METRIC),
    broken_by={
        # Task 1
        "Observe in `seconds`, with the model as its label, how long each stream's first token took.": [
            "labels_all_first_tokens_alike"
        ],
        "For streams only: nobody sees the first token of an answer in one piece.": [
            "times_first_tokens_that_nobody_saw"
        ],
        "In seconds, from the moment the request arrived, `call.started` (a reading of time.perf_counter()),": [
            "times_first_tokens_in_milliseconds"
        ],
        "with every wait included: the queue,": ["times_first_tokens_without_the_queue"],
        "the retries,": ["times_first_tokens_without_the_retries"],
        "the model.": ["times_first_tokens_without_the_model"],
        "To the moment its first token arrives, not its last.": ["times_the_first_token_at_the_end"],
        "Once per stream,": ["times_first_tokens_twice"],
        "also for one that breaks later,": ["times_no_first_token_of_who_breaks_off"],
        "or whose client leaves.": ["times_no_first_token_of_who_is_left"],
        "For a call that failed before its first token: nothing.": ["times_first_tokens_that_never_came"],
        "`model` is the model that answered, the stream's `first.model`: a fallback is not the model that the caller "
        "asked for.": ["labels_first_tokens_with_who_was_asked"],
        "A model that was only asked for may not even exist, and leaves no label:": [
            "makes_a_label_of_whatever_is_asked_for"
        ],
        # Task 2
        "The budget is 6 US dollars an hour,": ["fires at a sixth of the budget", "is always quiet"],
        "for all models together.": ["sees each model by itself"],
        "Spending stays at twice the budget: the alert fires": ["is always quiet", "takes seconds for hours"],
        "within a quarter of an hour,": ["needs an hour to be sure"],
        "whichever models cause it.": ["sees each model by itself", "sees the dearest model alone"],
        "Spending is as usual, at a quarter of the budget: it does not fire,": [
            "is never quiet",
            "fires at a sixth of the budget",
        ],
        # In task 3, too
        "however much was spent in the months before.": ["counts from the beginning", "is the average of a lifetime"],
        "Spending is at five times the budget for one minute, then as usual again: nobody is called for that.": [
            "is startled by a minute"
        ],
        "The overspending ends: the alert ends within half an hour.": ["remembers for six hours"],
        "A service restarts, and counts from 0: this is not spending.": ["takes any change for spending"],
        # Task 3
        "Record what a request costs, in US dollars,": ["is the bill", "is upside down"],
        "A quarter of the requests costs as much as all of them did: the alert fires": [
            "divides what does not match",
            "looks at good news alone",
        ],
        "within twenty minutes,": ["needs hours to move"],
        "Spending moves from one model to another, and a request costs what it did: nobody is called.": [
            "divides model by model"
        ],
        "Four times as many requests come, and each costs what it did: nobody is called.": ["is weighed by the bill"],
        "Requests become cheaper: nobody is called for good news.": ["is startled by good news"],
        "Only two requests a minute are left, and they are expensive: two requests say nothing.": [
            "takes two requests seriously"
        ],
    },
    explains=[
        "A layer that measures how long people wait for the first token, yours to write. As it stands, its numbers are "
        "wrong.",
        "The docstring says what must be true,",
        "and which checks of `make grade-5 SOLUTION=exercise` verify it.",
        "All other metrics are given (shared/layers/metrics.py); only this number is left to you. Stuck? HINTS.md.",
        "as it stands, anybody can fill /metrics with names.",
        "Be told before the bill tells you: a Prometheus rule, yours to write. As it stands, it fires once 6 dollars "
        "are spent, and never stops.",
        'gateway_cost_usd_total{model="…"} counts the dollars spent since each process started.',
        "To try it by hand: promtool check rules demos/demo_5_observability/exercise/cost_alert.yml",
        "Be told when a number of your business is not usual: a Prometheus rule, yours to write. As it stands, its "
        "number hardly ever moves.",
        "as anomaly:level with the anomaly_name cost_per_request. The alert AnomalyDetected compares each such series "
        "with its own past: serving/monitoring/prometheus/rules/anomaly.yml.",
        "To try it by hand: promtool test rules workshop/grader/checks/business_metric.test.yml",
    ],
)


def test_every_sentence_of_the_exercise_is_a_promise_that_a_mutant_breaks() -> None:
    alerts = {alert: {"cost_alert"} for alert in WRONG_ALERTS}
    metrics = {metric: {"business_metric"} for metric in WRONG_METRICS}
    assert PROMISES.faults(MUTANTS | alerts | metrics) == []
