"""Who may call, and how often: a token check and a limiter, yours to write. As they stand, they let everything through.

Each docstring says what must be true, and which checks of `make grade-2 SOLUTION=exercise` look whether it is. All
times are seconds on one clock, `time.monotonic()`. Stuck? HINTS.md.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from shared.accounts.address import ClientAddress
from shared.accounts.authenticator import Authenticator
from shared.accounts.token_cache import TokenCache
from shared.accounts.tokens import Tokens
from shared.limits.allowance import SECOND, Allowances, Limits, key_of
from shared.pipeline.call import Call, Caller
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.settings import Settings


class Doorkeeper(Authenticator):
    """Task 1. An Authorization header becomes a caller.

    No header, or `Bearer anonymous`: a stranger, who goes by his address. `Bearer TOKEN`: whom the token belongs to,
    and `Unauthorized` if it is nobody. Any other header: `Unauthorized`, without a look at the database. Where tokens
    are `required`, `admit` raises `Unauthorized` for a stranger.

    Given: `digest_of(token)` (shared/accounts/tokens.py), and the database knows nothing but these digests;
    `await tokens.caller(digest)`, which is None if there is nobody and raises DatabaseUnavailable (503) by itself;
    `known`, a dictionary that forgets, with `get(digest)` and `put(digest, caller)`: whoever is in it need not be
    looked up.
    Checks: token_check, hostile_headers, keys_required, revoked, database_outage, per_address, usage, budget;
    token_secret must stay as it is.
    """

    def __init__(self, tokens: Tokens, addresses: ClientAddress, *, required: bool, cache_ttl: float) -> None:
        super().__init__(tokens, addresses, required=required, cache_ttl=cache_ttl)
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
    """Something that was let in: when, and what it counts. A request counts 1; a call's tokens count as they are."""

    at: float
    weight: int


class SlidingWindow:
    """Task 2. At most `limit` in any `window` seconds, wherever they begin.

    `wait`: 0.0 if `weight` more fits in at this moment, otherwise the seconds until it does; infinite if it never will.
    `take`: write it down. What is not taken must leave no trace.
    Checks: window_limit, sliding, retry_after, refused_free, token_limit, limit_headers.
    """

    def __init__(self, limit: int, window: float) -> None:
        self.limit = limit
        self.window = window
        self.entries: list[Entry] = []

    def held(self, now: float) -> int:
        """The weight of all that is in the window."""
        return 0

    def wait(self, now: float, weight: int = 1) -> float:
        return 0.0

    def take(self, now: float, weight: int = 1) -> Entry:
        return Entry(now, weight)

    def reset(self, now: float) -> float:
        """Seconds until the window is empty, if nothing more comes."""
        return 0.0


class FairShare:
    """Tasks 3 and 4. Each key has a window for its requests and one for its tokens.

    Task 3. A request that does not fit is refused with `RateLimited` (pipeline/errors.py), whose `retry_after` is true.
    Checks: window_limit, retry_after, per_caller, per_address, forwarded_for, workers.

    Task 4. Before the model is called, the tokens that the call may use are taken: `worst_case(call.request)`
    (shared/layers/rate_limit.py). When it has ended (`call.on_done`), what it really used stands in their place:
    `outcome.spent.total`. What can never fit has no `retry_after`.
    Checks: token_limit, token_refund, limit_headers.
    """

    def __init__(self, settings: Settings) -> None:
        self.allowances = Allowances(settings)
        self.requests: dict[str, SlidingWindow] = {}
        self.tokens: dict[str, SlidingWindow] = {}

    async def __call__(self, call: Call, next: Handler) -> Reply:
        scope = self.allowances.scope_of(call.endpoint)
        limits = self.allowances.limits_of(call.caller, scope)
        key = key_of(call, scope)  # for whom the call counts
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
    """Task 5. What the caller hears about the limits, with each answer and each refusal, in both conventions.

    x-ratelimit-limit-requests: 12 · x-ratelimit-remaining-requests: 11 · x-ratelimit-reset-requests: 2s, and the same
    three with -tokens. RateLimit-Policy: "requests";q=12;w=2 and RateLimit: "requests";r=11;t=2, in whole seconds. What
    remains is what remains after this request.
    Check: limit_headers.
    """
    return {}
