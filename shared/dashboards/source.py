"""One HTTP API that is read for the pages: with little patience, and no more than a bound.

In: a path and its parameters. Out: what its JSON holds; or Unset or Silent, in words for who looks at a page.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from shared.pipeline.errors import NotFound, ServiceError

SECONDS = 2.0  # for all that one page asks
LARGEST = 4 << 20  # bytes of one answer


class Unset(NotFound):
    """Nobody has said where to look."""

    code = "not_set"


class Silent(ServiceError):
    """It does not answer, or not in the way that it should."""

    status, code = 503, "source_silent"


class Source:
    """`setting` names the one that `url` comes from; `what` stands there."""

    def __init__(self, url: str, *, setting: str, what: str) -> None:
        self._url = url.rstrip("/")
        self._setting = setting
        self._what = what

    @property
    def known(self) -> bool:
        return self._url != ""

    @asynccontextmanager
    async def asking(self) -> AsyncIterator["Asking"]:
        """For everything that is asked inside together there are SECONDS."""
        if not self.known:
            raise Unset(f"{self._setting} is not set, so that there is no {self._what} to read")
        try:
            # A session of its own, as this is rare: the upstream's would send the upstream's key along.
            async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as session:
                yield Asking(session, self._url)
        except TimeoutError:
            raise Silent(f"the {self._what} at {self._setting} does not answer within {SECONDS:g} seconds") from None
        except (aiohttp.ClientConnectionError, aiohttp.InvalidURL, OSError):
            raise Silent(f"the {self._what} at {self._setting} does not answer") from None
        except (aiohttp.ClientError, orjson.JSONDecodeError, Unlike):
            raise Silent(f"what answers at {self._setting} is no {self._what}") from None


class Unlike(Exception):
    """An answer that this API would not give."""


class Missing(Unlike):
    """It is not there."""


class Asking:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Raises Missing, if its own 404 says so, and whatever asking() makes words of."""
        url = f"{self._url}{path}"
        async with self._session.get(url, params=parameters, allow_redirects=False) as response:
            if response.status == 404:
                raise Missing
            body = bytearray()
            async for block in response.content.iter_any():
                body += block
                if len(body) > LARGEST:
                    raise Unlike
            if response.status != 200:
                raise Unlike
            return orjson.loads(body)
