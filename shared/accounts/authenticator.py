"""Identifies the caller: an Authorization header and an address in, a Caller out.

Verified tokens are remembered, so a call costs microseconds, and known callers go on while the database is away. A
malformed token never reaches the database. Knows nothing of layers or routes: both ask it.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache

from shared.accounts.address import ClientAddress
from shared.accounts.token_cache import TokenCache
from shared.accounts.tokens import WELL_FORMED, Tokens, digest_of
from shared.pipeline.call import Caller
from shared.pipeline.errors import DatabaseUnavailable, Unauthorized

NO_TOKEN = "anonymous"  # SDKs must send something; this counts as no token

SWEEP_SECONDS = 60.0
MOST_KNOWN = 50_000  # tokens; about 20 MB
UNKNOWN_TTL = 5.0  # negative-cache TTL, in seconds
MOST_UNKNOWN = 10_000


class Authenticator:
    """`required`: callers without a token are refused. `cache_ttl`: seconds that a verified token is believed."""

    def __init__(
        self, tokens: Tokens, addresses: ClientAddress, *, required: bool = False, cache_ttl: float = 300.0
    ) -> None:
        self._required = required
        self._tokens = tokens
        self._addresses = addresses
        self._known: TokenCache[Caller] = TokenCache(cache_ttl, MOST_KNOWN)
        self._unknown: TokenCache[bool] = TokenCache(min(cache_ttl, UNKNOWN_TTL), MOST_UNKNOWN)
        self._asking: dict[bytes, asyncio.Task[Caller | None]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        self._sweep()

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for asking in self._asking.values():
            asking.cancel()

    # region: identify
    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        """The caller, who may be a stranger. Raises Unauthorized, DatabaseUnavailable."""
        token = _token(headers)
        if token is None:
            return _stranger(self._addresses.of(peer, headers))
        digest = digest_of(token)
        caller = self._known.get(digest) or await self._look_up(digest)
        if caller is None:
            raise Unauthorized("this token is not known here, or was revoked; make token USER=… makes one")
        return caller

    # endregion: identify

    def admit(self, caller: Caller) -> None:
        """Raises Unauthorized for a stranger if a token is required."""
        if self._required and caller.user is None:
            raise Unauthorized("a token is required: Authorization: Bearer wk_…; make token USER=… makes one")

    async def revoke(self, name: str) -> int:
        """Revoke a token (by id) or all of a user's, in this process at once. Returns how many. Raises UnknownName."""
        ended = await self._tokens.revoke(name)
        for digest in ended:
            if asking := self._asking.get(digest):  # it may have read the row before the revocation
                await asyncio.wait([asking])
            self._known.forget(digest)
        return len(ended)

    async def _look_up(self, digest: bytes) -> Caller | None:
        """Ask the database, once for all concurrent calls with the same token."""
        if self._unknown.get(digest):
            return None
        asking = self._asking.get(digest)
        if asking is None:
            # A task of its own: the first call may leave while the others still wait.
            asking = self._asking[digest] = asyncio.create_task(self._ask(digest))
            asking.add_done_callback(_hear)
        try:
            return await asyncio.shield(asking)
        except DatabaseUnavailable as lost:
            # Each call gets its own error: notes on it go out with that call's reply.
            raise DatabaseUnavailable(
                "the token cannot be checked now: the database does not answer", retry_after=lost.retry_after
            ) from None

    async def _ask(self, digest: bytes) -> Caller | None:
        try:
            caller = await self._tokens.caller(digest)
        finally:
            del self._asking[digest]
        if caller is None:
            self._unknown.put(digest, True)
        else:
            self._known.put(digest, caller)
        return caller

    def _sweep(self) -> None:
        self._known.sweep()
        self._unknown.sweep()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)


def _token(headers: Mapping[str, str]) -> str | None:
    """The token of a request, or None without one. Raises Unauthorized for malformed credentials."""
    header = headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer":
        token = token.strip()
        if WELL_FORMED.fullmatch(token):
            return token
        if token == NO_TOKEN:
            return None
    raise Unauthorized("the Authorization header holds no token of this service; it must be: Bearer wk_…")


@lru_cache(maxsize=10_000)
def _stranger(address: str) -> Caller:
    return Caller(f"ip:{address}")


def _hear(asking: "asyncio.Task[Caller | None]") -> None:
    """Read its exception, if any: when all callers have left, nobody else does."""
    if not asking.cancelled():
        asking.exception()
