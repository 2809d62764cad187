"""Several upstreams for the same models: choose one for each try, and another one if a breaker refuses it.

In: a Call for the primary. Out: the reply of one of UPSTREAMS; `X-Upstream` names it. A retry goes to another one than
the try before. Place it outside the breaker, whose refusals it hears, and inside the retries.

Of two chosen at random the less busy one gets the call (Mitzenmacher, "The power of two choices in randomized load
balancing", 1996): a slow upstream gets fewer calls by itself, and several gateways never all run to the same one. By
prefix, it is the upstream that has seen prompts with this beginning, unless it is much busier than the others (Mirrokni
et al., "Consistent hashing with bounded loads", 2016).
"""

import hashlib
import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import Gauge

from shared.pipeline.call import PRIMARY, Call, Target
from shared.pipeline.errors import CircuitOpen
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply, TokenStream
from shared.settings import Settings
from shared.upstream.members import Member, read_upstreams

HEADER = "X-Upstream"
PREFIX = 1000  # characters of a prompt that decide, by prefix
BUSIER = 1.25  # times the average load that an upstream may have and still be chosen by prefix

under_way = Gauge("gateway_upstream_under_way", "Calls under way", ["upstream"], multiprocess_mode="livesum")


class LoadBalance:
    """Chooses among UPSTREAMS by LOAD_BALANCING. `wait` says how long an upstream's own limits ask a call to wait."""

    def __init__(self, settings: Settings, wait: Callable[[str, Call], float] | None = None) -> None:
        self._members = read_upstreams(settings)
        self._names = {member.name for member in self._members}
        self._load = {member.name: 0 for member in self._members}
        self._shown = {member.name: under_way.labels(member.name) for member in self._members}
        self._in_order = {
            "least_busy": self._least_busy,
            "round_robin": self._each_in_turn,
            "prefix": self._by_prefix,
        }[settings.load_balancing]
        self._turns = itertools.count()
        self._wait = wait

    async def __call__(self, call: Call, next: Handler) -> Reply:
        before = call.target
        if before.upstream != PRIMARY.upstream and before.upstream not in self._names:
            return await next(call)  # a fallback elsewhere
        soonest: CircuitOpen | None = None
        for member in self._candidates(call, before.upstream):
            call.target = Target(member.name, before.model)
            try:
                reply = await self._send(call, member, next)
                call.target = Target(model=before.model)  # whichever it was, it has answered as the primary
                return reply
            except CircuitOpen as refusal:  # it was not asked: another one can be
                if soonest is None or (refusal.retry_after or 0) < (soonest.retry_after or 0):
                    soonest = refusal
        assert soonest is not None
        raise soonest

    async def _send(self, call: Call, member: Member, next: Handler) -> Reply:
        self._count(member, 1)
        try:
            reply = await next(call)
        except BaseException:
            self._count(member, -1)
            raise
        if isinstance(reply, TokenStream):
            call.on_done(lambda _: self._count(member, -1))
        else:
            self._count(member, -1)
        call.response_headers[HEADER] = call.log_fields["upstream"] = member.name
        return reply

    def _count(self, member: Member, calls: int) -> None:
        self._load[member.name] += calls
        self._shown[member.name].inc(calls)

    def _candidates(self, call: Call, tried: str) -> Sequence[Member]:
        """All members, the best one first. Those that ask to wait come last, and the one just tried after them."""
        wait = self._wait
        members = self._in_order(call)
        return sorted(
            members, key=lambda member: (member.name == tried, 0.0 if wait is None else wait(member.name, call))
        )

    def _busy(self, member: Member) -> float:
        """With one more call."""
        return (self._load[member.name] + 1) / member.weight

    def _least_busy(self, call: Call) -> list[Member]:
        left = [*self._members]
        order: list[Member] = []
        while left:
            one = _drawn(left)
            others = [member for member in left if member is not one]
            order.append(min(one, _drawn(others), key=self._busy) if others else one)
            left.remove(order[-1])
        return order

    def _each_in_turn(self, call: Call) -> list[Member]:
        turns = [member for member in self._members for _ in range(member.weight)]
        first = next(self._turns) % len(turns)
        return [*dict.fromkeys(turns[first:] + turns[:first])]

    def _by_prefix(self, call: Call) -> list[Member]:
        """Rendezvous hashing: each prefix has its own order of members, which others that come or go do not change."""
        prefix = call.request.prompt[:PREFIX].encode()
        order = sorted(self._members, key=lambda member: _distance(prefix, member))
        weights = sum(member.weight for member in self._members)
        fair = BUSIER * (sum(self._load.values()) + 1) / weights
        return sorted(order, key=lambda member: self._busy(member) > max(fair, 1 / member.weight))

    def checks(self) -> Mapping[str, Any]:
        """For GET /health."""
        return {"load_balance": {"under_way": dict(self._load)}}


def _drawn(members: Sequence[Member]) -> Member:
    return random.choices(members, [member.weight for member in members])[0]


def _distance(prefix: bytes, member: Member) -> float:
    """The member with the smallest one is preferred; over all prefixes, each is as often as its weight says."""
    drawn = hashlib.blake2b(prefix, digest_size=8, key=member.name.encode()[:64]).digest()
    share = (int.from_bytes(drawn, "big") + 1) / (2**64 + 1)
    return -math.log(share) / member.weight
