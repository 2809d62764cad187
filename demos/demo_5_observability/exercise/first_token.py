"""A layer that measures how long people wait for the first token, yours to write. As it stands, its numbers are wrong.

The docstring says what must be true, and which checks of `make grade-5 SOLUTION=exercise` verify it. All other metrics
are given (shared/layers/metrics.py); only this number is left to you. Stuck? HINTS.md.
"""

from prometheus_client import Histogram

from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class FirstToken:
    """Task 1. Observe in `seconds`, with the model as its label, how long each stream's first token took.

    - For streams only: nobody sees the first token of an answer in one piece.
    - In seconds, from the moment the request arrived, `call.started` (a reading of time.perf_counter()), with every
      wait included: the queue, the retries, the model. To the moment its first token arrives, not its last.
    - Once per stream, also for one that breaks later, or whose client leaves. For a call that failed before its first
      token: nothing.
    - `model` is the model that answered, the stream's `first.model`: a fallback is not the model that the caller asked
      for. A model that was only asked for may not even exist, and leaves no label: as it stands, anybody can fill
      /metrics with names.
    Checks: first_token, bounded_labels.
    """

    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.on_done(lambda _: self._seconds.labels(call.request.model).observe(call.elapsed_ms()))
        return await next(call)
