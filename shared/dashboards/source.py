"""One HTTP API that is read for the pages, with a short timeout and a bound on the size of an answer.

In: a path and its parameters. Out: the data from its JSON; or Unset or Silent, in words for the reader of a page.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from yarl import URL

from shared.http_client.faults import ConnectTimeout, Dropped, HttpFault, NoConnection
from shared.http_client.pool import Pool
from shared.pipeline.errors import NotFound, ServiceError

SECONDS = 2.0  # for all requests of one page
LARGEST = 4 << 20  # bytes of one answer
MOST_AT_ONCE = 100  # requests


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
        silent = Silent(f"the {self._what} at {self._setting} does not answer")
        try:
            pool = Pool(URL(self._url), most=MOST_AT_ONCE, connect_seconds=SECONDS, idle_seconds=SECONDS)
        except ValueError:
            raise silent from None
        try:
            async with asyncio.timeout(SECONDS):
                yield Asking(pool, self._url)
        except TimeoutError:
            raise Silent(f"the {self._what} at {self._setting} does not answer within {SECONDS:g} seconds") from None
        except (NoConnection, ConnectTimeout, Dropped):
            raise silent from None
        except (HttpFault, orjson.JSONDecodeError, Unlike):
            raise Silent(f"the server at {self._setting} is not a {self._what}") from None
        finally:
            pool.close()


class Unlike(Exception):
    """An answer that this API would not give."""


class Missing(Unlike):
    """The API has no such thing."""


class Asking:
    def __init__(self, pool: Pool, url: str) -> None:
        self._pool = pool
        self._url = url

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Raises Missing for a 404, and the errors that asking() puts into words."""
        url = URL(f"{self._url}{path}").update_query(parameters or {})
        response, body = await self._pool.fetch(self._pool.head("GET", url, {}), most=LARGEST)
        if response.status == 404:
            raise Missing
        if response.status != 200:
            raise Unlike
        return orjson.loads(body)
