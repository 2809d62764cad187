"""One deadline for the whole call, computed from the size of its work: a long answer gets more time.

In: a Call. Out: its reply, in time, or DeadlineExceeded. For a stream it limits the time to the first token.
"""

from shared.layers.timeout import Timeout
from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.upstream.openai_wire import prompt_tokens

# Seconds.
TO_BEGIN = 10.0
PER_TOKEN_IN = 0.01
PER_TOKEN_OUT = 0.05
MARGIN = 1.2


class AdaptiveTimeout:
    """Gives a call the time that its tokens may take, but at least `least` and at most `most` seconds."""

    def __init__(self, least: float, most: float) -> None:
        self.least = least
        self.most = most

    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await Timeout(self.seconds(call.request))(call, next)

    def seconds(self, request: ChatRequest) -> float:
        # Several choices (`n`) are generated in parallel, and take no longer than one.
        tokens_in, tokens_out = prompt_tokens(request), request.longest_answer
        work = (TO_BEGIN + PER_TOKEN_IN * tokens_in + PER_TOKEN_OUT * tokens_out) * MARGIN
        return min(max(work, self.least), self.most)
