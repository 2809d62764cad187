"""All the APIs that this service may call: the primary or the UPSTREAMS, and the FALLBACKS with a URL of their own.

In: a Call; its target says where it goes. Out: the answer of that upstream. Each upstream has its own pool of
connections and its own key. Knows nothing of why a call goes to another upstream: a layer decides that.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

from pydantic import SecretStr

from shared.pipeline.call import PRIMARY, Call, Target
from shared.pipeline.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable, UpstreamUnreachable
from shared.pipeline.outcome import Ending, Outcome
from shared.pipeline.reply import Reply, TokenStream
from shared.settings import EMBEDDED_BASE_URL, Settings
from shared.upstream.client import Upstream
from shared.upstream.event_parser import Events
from shared.upstream.fallbacks import read_fallbacks
from shared.upstream.members import read_upstreams
from shared.upstream.sse import MakeEvents
from shared.upstream.tally import ANSWERED, LEFT, Tally

Headers = Mapping[str, str]

TIMER_GRAIN = 0.01  # seconds; a timer of the event loop may fire this early


class Upstreams:
    """The pools, opened and closed together. Raises BadSetting for invalid UPSTREAMS or FALLBACKS.

    `learn` is told the headers of each reply, with the name of its upstream.
    """

    def __init__(
        self, settings: Settings, events: MakeEvents = Events, learn: Callable[[str, Headers], None] | None = None
    ) -> None:
        def pool(name: str, base_url: str, api_key: SecretStr | None = None) -> Upstream:
            learns = None if learn is None else partial(learn, name)
            return Upstream(settings, base_url=base_url, api_key=api_key, events=events, learn=learns)

        pools: dict[str, Upstream] = {
            each.name: pool(each.name, each.base_url, each.api_key) for each in read_upstreams(settings)
        }
        self._equal = [*pools.values()]  # any of them is the primary
        if not pools:
            primary = pool(PRIMARY.upstream, settings.openai_base_url or EMBEDDED_BASE_URL)
            pools, self._equal = {PRIMARY.upstream: primary}, [primary]
        for fallback in read_fallbacks(settings):
            name = fallback.target.upstream
            if fallback.base_url and name not in pools:
                pools[name] = pool(name, fallback.base_url, fallback.api_key)
        self._pools: Mapping[str, Upstream] = pools
        self._opened = AsyncExitStack()
        self.tallies: Mapping[str, Tally] = {name: Tally(name) for name in self._pools}

    async def open(self) -> None:
        for upstream in self._pools.values():
            await upstream.open()
            self._opened.push_async_callback(upstream.close)

    async def close(self) -> None:
        await self._opened.aclose()

    async def __call__(self, call: Call) -> Reply:
        """Raises UpstreamError."""
        name = call.target.upstream
        tally = self.tallies[name]
        begun = tally.begin()
        try:
            reply = await self._pools[name](call)
        except BaseException as error:
            tally.failed(begun, _status(error, call))
            raise
        tally.replied(begun)
        if isinstance(reply, TokenStream):  # its result is known only at its end
            call.on_done(lambda outcome: tally.ended(_status_of_stream(outcome, call)))
        else:
            tally.ended(ANSWERED)
        return reply

    @property
    def primary(self) -> Upstream:
        """The upstream to ask about models: of several equal ones, one that answers."""
        well = (each for each in self._equal if each.reachable is not False and not each.doubted)
        return next(well, self._equal[0])

    async def models(self, name: str = "") -> bytes:
        """The list of models, or the entry of one, of the first equal upstream that gives it. Raises UpstreamError."""
        well = self.primary
        for upstream in (well, *(each for each in self._equal if each is not well)):
            try:
                return await upstream.models(name)
            except (UpstreamUnavailable, UpstreamTimeout) as error:
                fault = error
        raise fault

    @property
    def pools(self) -> Mapping[str, Upstream]:
        """The pools by name."""
        return self._pools

    def base_url(self, target: Target) -> str:
        return self._pools[target.upstream].base_url

    async def ready(self) -> bool:
        """Whether any upstream answers: one is enough. All are asked at once, so that one that hangs delays nothing."""
        asked = [asyncio.create_task(upstream.ready()) for upstream in self._pools.values()]
        try:
            for answer in asyncio.as_completed(asked):
                if await answer:
                    return True
            return False
        finally:
            for each in asked:
                each.cancel()


def _status(error: BaseException | None, call: Call) -> str:
    if isinstance(error, UpstreamError) and error.upstream_status is not None:
        return str(error.upstream_status)
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    if isinstance(error, asyncio.CancelledError):  # time is up, or the client has left
        return "timeout" if call.remaining() < TIMER_GRAIN else LEFT
    return "connect" if isinstance(error, UpstreamUnreachable) else "cut"


def _status_of_stream(outcome: Outcome, call: Call) -> str:
    if outcome.ending is Ending.FINISHED:
        return ANSWERED
    return LEFT if outcome.ending is Ending.LEFT else _status(outcome.error, call)
