"""Demo 2's exercise, solved as the third hints in HINTS.md say: an attendee's finished gatekeeper.

`build` is the attendee's own stack, with these in place of the starter's.
"""

import math
import time
from collections.abc import Mapping

import pytest
from fastapi import FastAPI

from demos.demo_2_who_and_how_often.exercise import app as exercise
from demos.demo_2_who_and_how_often.exercise import gatekeeper as starter
from shared.accounts.tokens import WELL_FORMED, digest_of
from shared.limits.allowance import key_of
from shared.pipeline.call import Call, Caller
from shared.pipeline.errors import RateLimited, Unauthorized
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.settings import Settings
from shared.upstream.openai_wire import worst_case


class Doorkeeper(starter.Doorkeeper):
    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        header = headers.get("authorization")
        if header is None or header == "Bearer anonymous":
            return Caller(f"ip:{self.addresses.of(peer, headers)}")
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not WELL_FORMED.fullmatch(token):
            raise Unauthorized("this is no token of this service")
        digest = digest_of(token)
        caller = self.known.get(digest)
        if caller is None:
            caller = await self.tokens.caller(digest)
            if caller is None:
                raise Unauthorized("nobody has this token")
            self.known.put(digest, caller)
        return caller

    def admit(self, caller: Caller) -> None:
        if self.required and caller.user is None:
            raise Unauthorized("a token is required")


class SlidingWindow(starter.SlidingWindow):
    def held(self, now: float) -> int:
        self.entries = [entry for entry in self.entries if entry.at > now - self.window]
        return sum(entry.weight for entry in self.entries)

    def wait(self, now: float, weight: int = 1) -> float:
        missing = self.held(now) + weight - self.limit
        if missing <= 0:
            return 0.0
        for entry in self.entries:
            missing -= entry.weight
            if missing <= 0:
                return entry.at + self.window - now
        return math.inf

    def take(self, now: float, weight: int = 1) -> starter.Entry:
        self.entries.append(starter.Entry(now, weight))
        return self.entries[-1]

    def reset(self, now: float) -> float:
        return self.entries[-1].at + self.window - now if self.held(now) else 0.0


class FairShare(starter.FairShare):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        scope = self.allowances.scope_of(call.endpoint)
        limits = self.allowances.limits_of(call.caller, scope)
        requests, tokens = self.windows_of(key_of(call, scope), limits)
        now, most = time.monotonic(), worst_case(call.request)
        wait = max(requests.wait(now), tokens.wait(now, most))
        if wait:
            call.response_headers |= told(requests, tokens, now)
            raise RateLimited("too many", retry_after=None if wait == math.inf else wait)
        requests.take(now)
        taken = tokens.take(now, most)
        call.response_headers |= told(requests, tokens, now)
        call.on_done(lambda outcome: setattr(taken, "weight", outcome.spent.total))
        return await next(call)


def told(requests: starter.SlidingWindow, tokens: starter.SlidingWindow, now: float) -> dict[str, str]:
    headers = {}
    for name, window in (("requests", requests), ("tokens", tokens)):
        headers[f"x-ratelimit-limit-{name}"] = str(window.limit)
        headers[f"x-ratelimit-remaining-{name}"] = str(max(0, window.limit - window.held(now)))
        headers[f"x-ratelimit-reset-{name}"] = f"{window.reset(now):.3f}s"
    remaining = headers["x-ratelimit-remaining-requests"]
    headers["RateLimit-Policy"] = f'"requests";q={requests.limit};w={math.ceil(requests.window)}'
    headers["RateLimit"] = f'"requests";r={remaining};t={math.ceil(requests.reset(now))}'
    return headers


def build(settings: Settings) -> FastAPI:
    patch = pytest.MonkeyPatch()  # not undone: windows are made when callers arrive
    patch.setattr(exercise, "Doorkeeper", Doorkeeper)
    patch.setattr(exercise, "FairShare", FairShare)
    patch.setattr(starter, "SlidingWindow", SlidingWindow)
    return exercise.build(settings)
