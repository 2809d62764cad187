"""A token check and a limiter, for you to write. Until then they let everything through.

Each docstring says what must be true, and which checks of `make grade-2 SOLUTION=exercise` test it. All times are
seconds on one clock, `time.monotonic()`. Stuck? Read HINTS.md.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from shared.accounts.address import ClientAddress
from shared.accounts.identity import Identity
from shared.accounts.token_cache import TokenCache
from shared.accounts.tokens import Tokens
from shared.limits.allowance import SECOND, Allowances, Limits, key_of
from shared.pipeline.call import Call, Caller
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.settings import Settings


class Doorkeeper(Identity):
    """Task 1. Turn an Authorization header into a caller.

    Without a header, or with `Bearer anonymous`, the caller is a stranger, identified by address. With `Bearer TOKEN`,
    the caller is the owner of the token; an unknown token raises `Unauthorized`. Any other header raises `Unauthorized`
    without a database query. If tokens are `required`, `admit` raises `Unauthorized` for a stranger.

    Given: `digest_of(token)` (shared/accounts/tokens.py); the database knows only these digests.
    `await tokens.caller(digest)` returns None for an unknown token, and raises DatabaseUnavailable (503) by itself.
    `known` is a dictionary with a time to live, with `get(digest)` and `put(digest, caller)`: do not look up a caller
    that it holds.
    Checks: token_check, hostile_headers, keys_required, revoked, database_outage, per_address, usage, budget;
    token_secret must stay as it is.
    """

    def __init__(self, tokens: Tokens, addresses: ClientAddress, *, required: bool, cache_ttl: float) -> None:
        self.tokens = tokens
        self.addresses = addresses
        self.required = required
        self.known: TokenCache[Caller] = TokenCache(cache_ttl, size=10_000)

    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        return Caller(f"ip:{self.addresses.of(peer, headers)}")

    def admit(self, caller: Caller) -> None:
        return


@dataclass(slots=True)
class Entry:
    """One admission: its time and its weight. The weight of a request is 1; that of tokens is their number."""

    at: float
    weight: int


class SlidingWindow:
    """Task 2. Admit at most `limit` in any `window` seconds, whenever they begin.

    `wait` returns 0.0 if `weight` more fits now, otherwise the seconds until it fits; infinity if it never will.
    `take` records the admission. A request that is not taken must leave no trace. You see it work only together with
    task 3.
    Checks: window_limit, sliding, retry_after, refused_free, token_limit, limit_headers.
    """

    def __init__(self, limit: int, window: float) -> None:
        self.limit = limit
        self.window = window
        self.entries: list[Entry] = []

    def held(self, now: float) -> int:
        """The total weight in the window."""
        return 0

    def wait(self, now: float, weight: int = 1) -> float:
        return 0.0

    def take(self, now: float, weight: int = 1) -> Entry:
        return Entry(now, weight)

    def reset(self, now: float) -> float:
        """Seconds until the window is empty, if nothing is added."""
        return 0.0


class FairShare:
    """Tasks 3 and 4. Each key has a window for its requests and one for its tokens.

    Task 3. A request that does not fit is refused with `RateLimited` (pipeline/errors.py) and an exact `retry_after`.
    Checks: window_limit, retry_after, per_caller, per_address, forwarded_for, workers.

    Task 4. Before the model is called, take the tokens that the call may use: `worst_case(call.request)`
    (shared/upstream/openai_wire.py). When the call has ended (`call.on_done`), replace them with the tokens that it
    really used: `outcome.spent.total`. A request that can never fit gets no `retry_after`.
    Checks: token_limit, token_refund, limit_headers.
    """

    def __init__(self, settings: Settings) -> None:
        self.allowances = Allowances(settings)
        self.requests: dict[str, SlidingWindow] = {}
        self.tokens: dict[str, SlidingWindow] = {}

    async def __call__(self, call: Call, next: Handler) -> Reply:
        scope = self.allowances.scope_of(call.endpoint)
        limits = self.allowances.limits_of(call.caller, scope)
        key = key_of(call, scope)  # whose limits the call uses
        requests, tokens = self.windows_of(key, limits)
        now = time.monotonic()
        call.response_headers |= told(requests, tokens, now)
        return await next(call)

    def windows_of(self, key: str, limits: Limits) -> tuple[SlidingWindow, SlidingWindow]:
        window = limits.window / SECOND
        return (
            self.requests.setdefault(key, SlidingWindow(limits.requests, window)),
            self.tokens.setdefault(key, SlidingWindow(limits.tokens, window)),
        )


def told(requests: SlidingWindow, tokens: SlidingWindow, now: float) -> dict[str, str]:
    """Task 5. The headers that tell the caller the limits, on each answer and each refusal, in both conventions.

    x-ratelimit-limit-requests: 12 · x-ratelimit-remaining-requests: 11 · x-ratelimit-reset-requests: 2s, and the same
    three with -tokens. RateLimit-Policy: "requests";q=12;w=2 and RateLimit: "requests";r=11;t=2, in whole seconds. The
    remaining number is the one after this request.
    Check: limit_headers.
    """
    return {}
