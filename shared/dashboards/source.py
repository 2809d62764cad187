"""One HTTP API that is read for the pages, with a short timeout and a bound on the size of an answer.

In: a path and its parameters. Out: the data from its JSON; or Unset or Silent, in words for the reader of a page.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from shared.pipeline.errors import NotFound, ServiceError

SECONDS = 2.0  # for all requests of one page
LARGEST = 4 << 20  # bytes of one answer


class Unset(NotFound):
    """The setting with the address is empty."""

    code = "not_set"


class Silent(ServiceError):
    """The API does not answer, or not in the way that it should."""

    status, code = 503, "source_silent"


class Source:
    """`setting` names the setting that `url` comes from; `what` names the program there."""

    def __init__(self, url: str, *, setting: str, what: str) -> None:
        self._url = url.rstrip("/")
        self._setting = setting
        self._what = what

    @property
    def known(self) -> bool:
        return self._url != ""

    @asynccontextmanager
    async def asking(self) -> AsyncIterator["Asking"]:
        """All requests inside share one limit of SECONDS."""
        if not self.known:
            raise Unset(f"{self._setting} is not set, so there is no {self._what} to read")
        try:
            # A session of its own, as this is rare: the upstream's session would send the upstream's key.
            async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as session:
                yield Asking(session, self._url)
        except TimeoutError:
            raise Silent(f"the {self._what} at {self._setting} does not answer within {SECONDS:g} seconds") from None
        except (aiohttp.ClientConnectionError, aiohttp.InvalidURL, OSError):
            raise Silent(f"the {self._what} at {self._setting} does not answer") from None
        except (aiohttp.ClientError, orjson.JSONDecodeError, Unlike):
            raise Silent(f"the server at {self._setting} is not a {self._what}") from None


class Unlike(Exception):
    """An answer that this API would not give."""


class Missing(Unlike):
    """The API has no such thing."""


class Asking:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Raises Missing for a 404, and the errors that asking() puts into words."""
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
