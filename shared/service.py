"""The service that the routes call: a stack of layers around its upstreams. It gives each call exactly one outcome.

In: a Call. Out: its Reply or a ServiceError, and always an Outcome with its usage and cost.
Knows nothing of HTTP; app.py puts it behind the routes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from fastapi import APIRouter

from shared.accounts.prices import Price, PriceList, Prices
from shared.pipeline.call import Call
from shared.pipeline.errors import InvalidRequest, ServiceError, ShuttingDown
from shared.pipeline.layer import Batching, Checked, Innermost, Layer, compose
from shared.pipeline.outcome import Ending, Outcome, Usage
from shared.pipeline.reply import Chunk, Completion, Relay, Reply, TokenStream
from shared.settings import Settings
from shared.upstream.openai_wire import estimate

log = logging.getLogger(__name__)


class Service:
    """Layers around the upstreams, and the accounting of every call."""

    def __init__(
        self,
        settings: Settings,
        title: str,
        layers: Sequence[Layer],
        upstreams: Innermost,
        prices: Prices | None = None,
        relay: Relay | None = None,
        checks: Sequence["MakeCheck"] = (),
    ) -> None:
        self.settings = settings
        self.title = title
        self.layers = layers
        self.started = time.time()
        self.relay = relay
        self.upstreams = upstreams
        self._prices = prices or PriceList(Price(settings.price_input_per_1m, settings.price_output_per_1m))
        self._handler = compose(layers, self._send)
        self.checks = [make_check(self) for make_check in checks]
        self._batching = [layer for layer in layers if isinstance(layer, Batching)]

    async def answer(self, call: Call) -> Reply:
        """Send the call through the layers and settle it. Raises ServiceError, and nothing else."""
        try:
            reply = await self._handler(call)
            if not isinstance(reply, TokenStream):
                self._settle_completion(call, reply)
                return reply
        except ServiceError as error:
            error.noted_headers = call.response_headers
            if isinstance(error, InvalidRequest):
                error.http_status = call.invalid_status
            call.finish(Outcome(Ending.FAILED, error=error))
            raise
        except asyncio.CancelledError as cancelled:
            fault = _fault(cancelled)
            call.finish(Outcome(Ending.FAILED if fault else Ending.LEFT, error=fault))
            raise
        except Exception:
            fields = {"request_id": call.request_id}
            log.exception("a bug: request %s failed inside the stack", call.request_id, extra={"fields": fields})
            bug = ServiceError("the service failed; the request id is in its log")
            call.finish(Outcome(Ending.FAILED, error=bug))
            raise bug from None
        waited = round(call.elapsed_ms(), 2)
        call.metadata["time_to_first_token_ms"] = call.log_fields["time_to_first_token_ms"] = waited
        return self._settled_at_its_end(call, reply)

    @contextmanager
    def together(self, calls: Sequence[Call]) -> Iterator[None]:
        """Tell the layers that these calls belong to one request, while they are answered."""
        with ExitStack() as told:
            for layer in self._batching:
                told.enter_context(layer.together(calls))
            yield

    async def _send(self, call: Call) -> Reply:
        if call.refusal is not None:  # a stack without an input guard must not send a malformed request
            raise call.refusal
        if call.trace is None:
            return await self.upstreams(call)
        return await call.trace.follow_try(call, self.upstreams.base_url(call.target), self.upstreams)

    def _settle_completion(self, call: Call, reply: Completion) -> None:
        reason, cached = reply.finish_reason, reply.cached
        self._settle(call, Ending.FINISHED, reply.model, reply.usage, len(reply.text), cached=cached, reason=reason)

    def _settle(
        self,
        call: Call,
        ending: Ending,
        model: str,
        usage: Usage,
        response_length: int,
        error: ServiceError | None = None,
        cached: bool = False,
        reason: str | None = None,
    ) -> None:
        cost, source = (0.0, "cache") if cached else self._prices.cost(model, usage)
        call.finish(Outcome(ending, usage, cost, source, model, response_length, error, cached, reason))

    def _settled_at_its_end(self, call: Call, stream: TokenStream) -> TokenStream:
        """The same stream; it settles the call when it ends, breaks, or is closed early."""
        chunks = self._relay(call, stream)

        async def close() -> None:
            await chunks.aclose()
            await stream.aclose()
            if call.outcome is None:  # closed before anybody asked for a second chunk
                first = stream.first
                usage = first.usage or estimate(call.request, first.length)
                self._settle(call, Ending.LEFT, first.model or call.request.model, usage, first.length)

        return TokenStream(stream.first, chunks, close)

    # region: relay-settles
    async def _relay(self, call: Call, stream: TokenStream) -> AsyncGenerator[Chunk]:
        model, usage, reason, length = call.request.model, None, None, 0
        ending, error = Ending.LEFT, None
        try:
            async for chunk in stream:
                model, usage = chunk.model or model, chunk.usage or usage
                reason = chunk.finish_reason or reason
                length += chunk.length
                if chunk is not stream.first:
                    yield chunk
            ending = Ending.FINISHED
        except (ServiceError, asyncio.CancelledError) as broken:
            error = _fault(broken)
            ending = Ending.CUT if error else Ending.LEFT
            raise
        finally:
            usage = usage or estimate(call.request, length)
            self._settle(call, ending, model, usage, length, error, reason=reason)
            await stream.aclose()

    # endregion: relay-settles


def _fault(broken: ServiceError | asyncio.CancelledError) -> ServiceError | None:
    """The reason for a call's end; None if its client left.

    The server also cancels calls, at the end of its grace period. It gives that a message, and nobody else does.
    """
    if isinstance(broken, ServiceError):
        return broken
    return ShuttingDown() if broken.args else None


MakeCheck = Callable[[Service], Checked]
Routes = Callable[[Service], APIRouter]
