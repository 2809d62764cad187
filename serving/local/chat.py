"""POST /v1/chat/completions: reads a request, lets a model answer it, and keeps the register, whatever happens.

In: an HTTP exchange. Out: a completion, a stream of chunks, an error, or the fault that was ordered.
Knows the protocol and the faults, but no model by name.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from serving.local.access import Access
from serving.local.call_log import CallRecord, Calls, Outcome
from serving.local.chat_request import ChatRequest, FinishReason, decode, validate
from serving.local.chat_response import DONE, Answer, Choice, Usage
from serving.local.completion import Completion, Model
from serving.local.errors import ApiError, model_not_found, overloaded
from serving.local.fault_injection import Damage
from serving.local.faults import MODIFIERS, Faults
from serving.local.http_exchange import ClientLeft, Exchange, HungUp

SANE_ID = re.compile(r"[\x21-\x7e]{1,200}")


class ChatCompletions:
    """An ASGI application for one route."""

    def __init__(
        self, models: Mapping[str, Model], faults: Faults, calls: Calls, access: Access, max_body_bytes: int
    ) -> None:
        self._models = models
        self._faults = faults
        self._calls = calls
        self._access = access
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        call = self._calls.begin(exchange.header("x-request-id"), exchange.header("traceparent"))
        outcome: Outcome = "failed"
        try:
            outcome = await self._answer_or_error(exchange, call)
        except ClientLeft:
            outcome = "cancelled"
        except HungUp:
            pass
        except asyncio.CancelledError:
            # The server is stopping and this call was still open: hang up instead of keeping it waiting.
            await exchange.close()
        finally:
            call.status = exchange.status
            self._calls.end(call, outcome)
        if outcome != "finished":
            await exchange.client_gone()  # the ASGI server must see the connection end before the call returns

    async def _answer_or_error(self, exchange: Exchange, call: CallRecord) -> Outcome:
        try:
            await self._answer(exchange, call)
        except ApiError as error:
            await exchange.error(error, _identity(call))
            return "failed"
        except (ClientLeft, HungUp):
            raise
        except Exception as error:
            print(f"chat: {error!r}", file=sys.stderr, flush=True)
            if exchange.status is not None:
                await exchange.hang_up()
            await exchange.error(ApiError(500, "The model failed on this request.", "server_error", code="model_error"))
            return "failed"
        return "failed" if call.fault and call.fault not in MODIFIERS else "finished"

    async def _answer(self, exchange: Exchange, call: CallRecord) -> None:
        self._access.check(exchange.header("authorization"))
        body = await exchange.body(self._max_body_bytes)
        async with exchange.client_present():
            damage = self._damage(exchange, call)
            if damage is not None:
                await damage.before(body)
                if exchange.status is not None:
                    return
            document = decode(body)
            call.unknown_fields = sorted(document.keys() - ChatRequest.model_fields.keys())
            request = validate(document)
            call.model, call.stream, call.max_tokens = request.model, request.stream, request.token_limit
            completion = await self._model(request.model).begin(request)
            call.prompt_tokens = completion.prompt_tokens
            reply = _Reply(exchange, request, completion, call, damage)
            await (reply.stream() if request.stream else reply.whole())

    def _damage(self, exchange: Exchange, call: CallRecord) -> Damage | None:
        fault = self._faults.next()
        if fault is None:
            return None
        call.fault = fault.name
        return Damage(exchange, fault, self._faults.hold())

    def _model(self, name: str) -> Model:
        model = self._models.get(name)
        if model is None:
            raise model_not_found(name)
        if not model.ready:
            raise overloaded(f"The model {name!r} is still loading. Try again in a moment.", "model_loading")
        return model


class _Reply:
    def __init__(
        self, exchange: Exchange, request: ChatRequest, completion: Completion, call: CallRecord, damage: Damage | None
    ) -> None:
        self._exchange = exchange
        self._completion = completion
        self._call = call
        self._damage = damage
        self._wants_usage = request.wants_usage
        self._answer = Answer(request.model, request.stream and request.wants_usage)

    async def whole(self) -> None:
        choices = [Choice(index) for index in range(self._completion.choices)]
        async with aclosing(self._completion.deltas()) as deltas:
            async for delta in deltas:
                choices[delta.choice].add(delta)
                self._call.completion_tokens += delta.tokens
        self._call.finish_reason = choices[-1].finish_reason
        body = self._answer.completion(choices, self._usage())
        if self._damage is not None:
            await self._damage.instead(body)
        await self._exchange.whole(200, body, headers=_identity(self._call))

    async def stream(self) -> None:
        exchange, answer, completion = self._exchange, self._answer, self._completion
        reasons: list[FinishReason] = ["stop"] * completion.choices
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"} | _identity(self._call)
        await exchange.start(200, "text/event-stream; charset=utf-8", headers)
        await exchange.write(b"".join(answer.role(i, completion.calls_tools) for i in range(completion.choices)))
        async with aclosing(completion.deltas()) as deltas:
            if self._damage is not None:
                await self._damage.amid(sent=0)
            async for delta in deltas:
                self._call.completion_tokens += delta.tokens
                if delta.text or delta.tools:
                    await exchange.write(answer.delta(delta))
                if delta.finish_reason:
                    reasons[delta.choice] = self._call.finish_reason = delta.finish_reason
                elif self._damage is not None:
                    await self._damage.amid(self._call.completion_tokens)
        await self._end(reasons)

    async def _end(self, reasons: list[FinishReason]) -> None:
        if self._damage is not None:
            # An answer shorter than the ordered fault still meets it, before the finish reason.
            await self._damage.amid(sent=sys.maxsize)
        tail = b"".join(self._answer.last(choice, reason) for choice, reason in enumerate(reasons))
        if self._wants_usage:
            tail += self._answer.usage(self._usage())
        await self._exchange.write(tail + DONE, more=False)

    def _usage(self) -> Usage:
        return Usage(self._completion.prompt_tokens, self._call.completion_tokens)


def _identity(call: CallRecord) -> dict[str, str]:
    """Returns the caller's own request id, if it is valid in a header."""
    given = call.x_request_id
    return {"x-request-id": given} if given and SANE_ID.fullmatch(given) else {}
