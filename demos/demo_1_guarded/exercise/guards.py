"""Five guards around a model, yours to write. As they stand, they let everything through.

Each docstring says what must be true, and which check of `make grade-1 SOLUTION=exercise` looks whether it is.
A layer is given a call and the rest of the stack, `next`: `await next(call)` asks the layers further in, and at the end
the model. What you may use: `call` (shared/pipeline/call.py) and the errors beside it (errors.py). Stuck? HINTS.md.
"""

from typing import Any

from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Outcome, Usage
from shared.pipeline.reply import Reply


class InputLimit:
    """Task 1. A prompt of more than `max_chars` characters goes no further.

    `InvalidRequest` says how long the prompt is and what the limit is, with param="prompt". Exactly `max_chars` is
    fine.
    Check: input_limit.
    """

    def __init__(self, max_chars: int) -> None:
        self.max_chars = max_chars

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await next(call)


class Deadline:
    """Task 2. The call is answered within `seconds` of its arrival, whatever happens further in.

    When the time is up, what is still going on is cancelled and the caller hears `DeadlineExceeded` (504). Put the
    moment into `call.deadline` as well (seconds, on the clock of `time.perf_counter()`): task 3 wants to know it.
    Checks: timeout, arrival, upstream_rate_limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await next(call)


class RetryTransient:
    """Task 3. What may work on another try is tried again, at most `max_retries` times after the first.

    Every `UpstreamError` knows whether it is `retryable`; what is not, is raised at once. Before the first retry pass
    `delay` seconds, then twice that, and so on, with a little chance in it (a fifth more or less); longer if the
    upstream says so (the error's `retry_after`); and not at all if the wait would outlast `call.remaining()`. While one
    call waits, the others go on. An `UpstreamRateLimited` (429) that is raised in the end has a `retry_after`, ours if
    the upstream gave none. `call.retries` is there to count in.
    Checks: retries, backoff, upstream_rate_limit; no_retry_of_rejections must stay as it is.
    """

    def __init__(self, max_retries: int, delay: float) -> None:
        self.max_retries = max_retries
        self.delay = delay

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await next(call)


def log_record(call: Call, outcome: Outcome) -> dict[str, Any]:
    """Task 4. The log line of one request, as a dict with these names and no text that the caller or the model wrote.

    request_id · timestamp (seconds since 1970) · latency_ms (call.elapsed_ms()) · prompt_hash (the first 16 hexadecimal
    digits of the prompt's SHA-256) · prompt_length · response_length · tokens_input · tokens_output · tokens_total ·
    cost_usd · model (outcome.model; what the caller asked for, if nobody answered).
    Checks: log_line, log_private.
    """
    return {"request_id": call.request_id, "prompt": call.request.prompt}


class Tariff:
    """Task 5. What a call costs: tokens / 1,000,000 × price, in US dollars with 6 decimals.

    gpt-4o-mini costs 0.15 a million tokens in and 0.60 a million tokens out; the embedded models (workshop-tiny,
    workshop-sim) are charged the same. Beside the dollars stands where the price is from: "model", or "default" for a
    model that you have no price for.
    Check: cost.
    """

    def cost(self, model: str, usage: Usage) -> tuple[float, str]:
        return 0.0, "default"
