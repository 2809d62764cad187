"""Five guards around a model, for you to write. Until then they let everything through.

Each docstring says what must be true, and which checks of `make grade-1 SOLUTION=exercise` test it.
A layer receives a call and `next`, the rest of the stack: `await next(call)` asks the inner layers and then the model.
You may use `call` (shared/pipeline/call.py) and the errors beside it (errors.py). Stuck? Read HINTS.md.
"""

from typing import Any

from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Outcome, Usage
from shared.pipeline.reply import Reply


class InputLimit:
    """Task 1. A prompt of more than `max_chars` characters goes no further.

    Raise `InvalidRequest` with param="prompt"; its message gives the length of the prompt and the limit. A prompt of
    exactly `max_chars` characters is fine.
    Check: input_limit.
    """

    def __init__(self, max_chars: int) -> None:
        self.max_chars = max_chars

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await next(call)


class Deadline:
    """Task 2. The call is answered within `seconds` of its arrival, whatever the inner layers do.

    When the time is up, cancel the work in progress and raise `DeadlineExceeded` (504). Also store the deadline in
    `call.deadline` (seconds, on the clock of `time.perf_counter()`): task 3 needs it.
    Checks: timeout, arrival, upstream_rate_limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await next(call)


class RetryTransient:
    """Task 3. Retry a call that may succeed on another try, at most `max_retries` times after the first.

    Every `UpstreamError` says whether it is `retryable`; raise any other error at once. Before the first retry, wait
    `delay` seconds, then twice that, and so on, with random jitter (up to a fifth more or less). Wait longer if the
    upstream says so (the error's `retry_after`). Do not retry if the wait would outlast `call.remaining()`. Other calls
    go on while one waits. An `UpstreamRateLimited` (429) that you raise in the end has a `retry_after`: your own wait
    if the upstream gave none. Count in `call.retries`.
    Checks: retries, backoff, upstream_rate_limit; no_retry_of_rejections must stay as it is.
    """

    def __init__(self, max_retries: int, delay: float) -> None:
        self.max_retries = max_retries
        self.delay = delay

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await next(call)


def log_record(call: Call, outcome: Outcome) -> dict[str, Any]:
    """Task 4. The log line of one request: a dict with these names, and no text that the caller or the model wrote.

    request_id · timestamp (seconds since 1970) · latency_ms (call.elapsed_ms()) · prompt_hash (the first 16 hexadecimal
    digits of the prompt's SHA-256) · prompt_length · response_length · tokens_input · tokens_output · tokens_total ·
    cost_usd · model (outcome.model; the model that the caller asked for, if there was no answer).
    Checks: log_line, log_private.
    """
    return {"request_id": call.request_id, "prompt": call.request.prompt}


class Tariff:
    """Task 5. The cost of a call: tokens / 1,000,000 × price, in US dollars with 6 decimals.

    gpt-4o-mini costs 0.15 per million input tokens and 0.60 per million output tokens; the embedded models
    (workshop-tiny, workshop-sim) cost the same. Return the dollars and the source of the price: "model", or "default"
    for a model without a price in your list.
    Check: cost.
    """

    def cost(self, model: str, usage: Usage) -> tuple[float, str]:
        return 0.0, "default"
