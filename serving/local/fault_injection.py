"""Carries out a fault on one exchange: before the model is asked, instead of its answer, or amid its stream.

In: an Exchange, a Fault and the call's way through the gate. Out: the damage. Does not decide which calls are hit:
faults.py does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson

from serving.local.errors import ApiError
from serving.local.faults import Fault, Garbage
from serving.local.gate import Hold
from serving.local.http_exchange import Exchange

EVENTS = "text/event-stream; charset=utf-8"
KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


@dataclass(slots=True, frozen=True)
class Damage:
    """The faults of one call. A call that is held waits at the gate first, and then meets whatever else was ordered."""

    exchange: Exchange
    fault: Fault
    hold: Hold

    async def before(self, body: bytes) -> None:
        """Every fault that needs no model. Sets a status on the exchange if that is the whole answer."""
        exchange, fault = self.exchange, self.fault
        exchange.fragment_bytes = fault.fragment_bytes
        if fault.hold:
            await self.hold.wait()
        if fault.latency_ms:
            await asyncio.sleep(fault.latency_ms / 1000)
        if fault.hang:
            await _silence()
        if fault.reset:
            await exchange.hang_up(reset=True)
        if fault.status is not None:
            await exchange.error(_error(fault.status), _headers(fault))
        elif fault.garbage is not None:
            await _garbage(exchange, fault.garbage, _wants_stream(body))

    async def instead(self, body: bytes) -> None:
        """An answer that is announced in full, sent by half, and then cut off. Or an answer that never comes."""
        if self.fault.hold_after_tokens is not None:
            await self.hold.wait()
        if self.fault.stall_after_tokens is not None:
            await _silence()
        if self.fault.cut_after_tokens is not None:
            await self.exchange.start(200, "application/json", length=len(body))
            await self.exchange.write(body[: len(body) // 2])
            await self.exchange.hang_up()

    async def amid(self, sent: int) -> None:
        """A fault in the middle of a stream, after `sent` tokens."""
        if _reached(self.fault.hold_after_tokens, sent):
            await self.hold.wait()
        if _reached(self.fault.cut_after_tokens, sent):
            await self.exchange.hang_up()
        if _reached(self.fault.stall_after_tokens, sent):
            await _silence()


def _reached(ordered: int | None, sent: int) -> bool:
    return ordered is not None and sent >= ordered


async def _silence() -> None:
    """Waits until the client leaves or the server stops; both cancel this call."""
    await asyncio.Event().wait()


def _error(status: int) -> ApiError:
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return ApiError(status, f"This {status} was ordered through the fault switches.", kind, code=CODES.get(status))


def _headers(fault: Fault) -> dict[str, str]:
    headers = dict(fault.headers or {})
    if fault.retry_after is not None:
        headers["retry-after"] = f"{fault.retry_after:g}"
    return headers


async def _garbage(exchange: Exchange, kind: Garbage, stream: bool) -> None:
    data, content_type = _events(kind) if stream else _document(kind)
    await exchange.whole(200, data, content_type)


def _document(kind: Garbage) -> tuple[bytes, str]:
    match kind:
        case "text":
            return b"<html><body>It works!</body></html>", "text/html"
        case "json":
            return b'{"hello":"world"}', "application/json"
        case "truncated":
            return b'{"id":"chatcmpl-0","object":"chat.completion","choices":[{"index":0,"mess', "application/json"
        case "empty":
            return b"", "application/json"
        case "wrong-shape":
            return b'{"id":"chatcmpl-0","object":"chat.completion","choices":"none","usage":[]}', "application/json"


def _events(kind: Garbage) -> tuple[bytes, str]:
    match kind:
        case "truncated":
            return b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","choi\n\n', EVENTS
        case "empty":
            return b"", EVENTS
        case "wrong-shape":
            return (
                b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","choices":"none"}\n\ndata: [DONE]\n\n',
                EVENTS,
            )
        case _:
            return _document(kind)


def _wants_stream(body: bytes) -> bool:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and document.get("stream") is True
