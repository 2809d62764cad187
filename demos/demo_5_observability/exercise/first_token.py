"""How long people wait for the first word: a layer that measures it, yours to write. As it stands, it measures wrong.

The docstring says what must be true, and which checks of `make grade-5 SOLUTION=exercise` look whether it is. What is
measured by other layers is given (shared/layers/metrics.py); this one number they leave to you. Stuck? HINTS.md.
"""

from prometheus_client import Histogram

from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class FirstToken:
    """Task 1. Observe in `seconds`, with the model as its label, how long each stream's first token took.

    - Of streams only: of an answer in one piece nobody sees the first token.
    - In seconds, from the moment the request arrived, `call.started` (a reading of time.perf_counter()), with all
      that it waited for: the queue, the retries, the model. To the moment its first token is here, and not its last.
    - Once a stream, also of one that breaks later, or whose client leaves. Of a call that failed before there was a
      token: nothing.
    - `model` is who answered, which `first.model` of the stream says: a fallback is another model than the one that
      was asked for. A model that was only asked for may not even exist, and leaves no label: as it stands, anybody can
      fill /metrics with names.
    Checks: first_token, bounded_labels.
    """

    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.on_done(lambda _: self._seconds.labels(call.request.model).observe(call.elapsed_ms()))
        return await next(call)
