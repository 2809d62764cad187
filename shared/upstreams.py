"""All the APIs that this service may call: the primary, and those of FALLBACKS with a URL of their own.

In: a Call; its target says where it goes. Out: what that upstream answers. Each has its own pool of connections and its
own key. Knows nothing of why a call goes elsewhere: a layer decides that.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from shared.call import PRIMARY, Call
from shared.reply import Reply
from shared.resilience.fallbacks import read_fallbacks
from shared.settings import EMBEDDED_BASE_URL, Settings
from shared.sse import Events, MakeEvents
from shared.upstream import Upstream


class Upstreams:
    """Opened and closed together. Raises BadSetting for FALLBACKS that make no sense."""

    def __init__(self, settings: Settings, events: MakeEvents = Events) -> None:
        self.primary = Upstream(settings, base_url=settings.openai_base_url or EMBEDDED_BASE_URL, events=events)
        self._pools: Mapping[str, Upstream] = {PRIMARY.upstream: self.primary} | {
            fallback.target.upstream: Upstream(
                settings, base_url=fallback.base_url, api_key=fallback.api_key, events=events
            )
            for fallback in read_fallbacks(settings)
            if fallback.base_url
        }
        self._opened = AsyncExitStack()

    async def open(self) -> None:
        for upstream in self._pools.values():
            await upstream.open()
            self._opened.push_async_callback(upstream.close)

    async def close(self) -> None:
        await self._opened.aclose()

    async def __call__(self, call: Call) -> Reply:
        """Raises UpstreamError."""
        return await self._pools[call.target.upstream](call)

    async def ready(self) -> bool:
        """Does any of them answer? One is enough to be of use."""
        if await self.primary.ready():
            return True
        others = [upstream for upstream in self._pools.values() if upstream is not self.primary]
        return any(await asyncio.gather(*(upstream.ready() for upstream in others)))
