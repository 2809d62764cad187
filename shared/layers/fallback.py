"""When an upstream fails, ask the next one: other models or other upstreams, in the order of FALLBACKS.

In: a Call. Out: the first reply, which names the fallback that gave it, or the primary's error. Does nothing for an
invalid request, or when the time is up. Each upstream has its own retries and breakers further in.
"""

from prometheus_client import Counter

from shared.pipeline.call import Call
from shared.pipeline.errors import DeadlineExceeded, UpstreamError, UpstreamRejected
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.settings import Settings
from shared.upstream import fallbacks

HEADER = "X-Fallback"
LEAST_TIME = 0.1  # seconds; with less left, another upstream can only fail too

fallbacks_total = Counter("gateway_fallbacks_total", "Replies from a fallback", ["fallback"])


class Fallback:
    """Asks the FALLBACKS in turn. Raises BadSetting for invalid ones."""

    def __init__(self, settings: Settings) -> None:
        self.fallbacks = fallbacks.read_fallbacks(settings)

    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await next(call)
        except UpstreamError as error:
            if isinstance(error, UpstreamRejected | DeadlineExceeded):
                raise
            reply = await self._ask_others(call, next)
            if reply is None:
                # Raise the primary's error: the caller asked for the primary, and its Retry-After says when to ask
                # again. The caller is not at fault if a fallback rejects the request (for a model that it lacks).
                raise
            return reply

    # region: ask-others
    async def _ask_others(self, call: Call, next: Handler) -> Reply | None:
        asked, primary = {_asks(call)}, call.target
        for fallback in self.fallbacks:
            call.target = fallback.target
            if _asks(call) in asked or call.remaining() < LEAST_TIME:
                continue
            asked.add(_asks(call))
            try:
                reply = await next(call)
            except UpstreamError:
                continue
            _note(call, fallback.name)
            return reply
        call.target = primary
        return None

    # endregion: ask-others


def _asks(call: Call) -> tuple[str, str]:
    """The upstream and the model of the next try."""
    return call.target.upstream, call.target.model or call.request.model


def _note(call: Call, name: str) -> None:
    call.metadata["fallback"] = call.response_headers[HEADER] = call.log_fields["fallback"] = name
    fallbacks_total.labels(name).inc()
