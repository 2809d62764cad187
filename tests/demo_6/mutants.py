"""Deployments with one deliberate fault each. The checks must find every fault.

Each class is the deployment by hand with one change; mutant_server.py serves its API. Needs the serving environment.
test_mutants.py says which checks must catch which mutant.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.exceptions import VLLMClientError
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.exceptions import EngineDeadError

from serving.ray_serve import by_hand
from serving.ray_serve.warm_server import warm_up_request

Event = dict[str, Any]
DONE = "data: [DONE]\n\n"


def written_class(module: Any) -> Any:
    """The deployment's class as written, without Serve's wrapper."""
    return module.VLLMDeployment.func_or_class.__mro__[1]


ByHand: Any = written_class(by_hand)


def written(event: Event) -> str:
    return f"data: {json.dumps(event)}\n\n"


class Mutant(ByHand):  # type: ignore[misc]  # known when it runs
    """`changed` gets each event of a stream and returns the event to send instead, or None to send nothing."""

    handlers: dict[Any, Callable[..., Any]] = {}  # noqa: RUF012  # exception handlers that replace the right ones

    def changed(self, event: Event) -> Event | None:
        return event

    async def _events(self, outputs: Any, request: Any) -> AsyncIterator[str]:
        async for line in super()._events(outputs, request):
            if line == DONE:
                yield line
            elif event := self.changed(json.loads(line.removeprefix("data: "))):
                yield written(event)


class Right(Mutant):
    """Has no fault."""


# --- the answer's text -------------------------------------------------------------------------------------------


class SaysTheSameToEverybody(Mutant):
    async def _finished(self, outputs: Any, request: Any) -> Event:
        whole: Event = await super()._finished(outputs, request)
        for choice in whole["choices"]:
            choice["message"]["content"] = "As a language model I cannot say."
        return whole


class LeavesTheTemplateOut(Mutant):
    async def _ask(self, request: Any, *given: Any) -> Any:
        return _with_prompt(self, request, str(request.messages[-1]["content"]), given)


class HearsTheLastTurnAlone(Mutant):
    def _ask(self, request: Any, *given: Any) -> Any:
        return super()._ask(request.model_copy(update={"messages": request.messages[-1:]}), *given)


class ShowsTheMarksOfTurns(Mutant):
    """Shows the reader the model's end-of-turn token."""

    async def _finished(self, outputs: Any, request: Any) -> Event:
        whole: Event = await super()._finished(outputs, request)
        for choice in whole["choices"]:
            if choice["finish_reason"] == "stop":
                choice["message"]["content"] += self.tokenizer.eos_token
        return whole


class AnswersAsNobody(Mutant):
    async def _finished(self, outputs: Any, request: Any) -> Event:
        whole: Event = await super()._finished(outputs, request)
        for choice in whole["choices"]:
            del choice["message"]["role"]
        return whole


# --- tokens ------------------------------------------------------------------------------------------------------


class CountsNothing(Mutant):
    async def _finished(self, outputs: Any, request: Any) -> Event:
        whole: Event = await super()._finished(outputs, request)
        return {**whole, "usage": dict.fromkeys(whole["usage"], 0)}


class CountsWords(Mutant):
    async def _finished(self, outputs: Any, request: Any) -> Event:
        whole: Event = await super()._finished(outputs, request)
        prompt = sum(len(str(message["content"]).split()) for message in request.messages)
        answer = len(whole["choices"][0]["message"]["content"].split())
        usage = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
        return {**whole, "usage": usage}


class AnswersAtAnyLength(Mutant):
    """Ignores max_tokens."""

    def _ask(self, request: Any, *given: Any) -> Any:
        changes = {"max_tokens": None, "max_completion_tokens": None} if _small(request) else {}
        return super()._ask(request.model_copy(update=changes), *given)


def _small(request: Any) -> bool:
    """A larger max_tokens is refused, as it should be."""
    return (request.max_tokens or request.max_completion_tokens or 0) < 1000


class IsAlwaysDone(Mutant):
    """Says "stop" even if the answer was cut off."""

    async def _finished(self, outputs: Any, request: Any) -> Event:
        whole: Event = await super()._finished(outputs, request)
        for choice in whole["choices"]:
            choice["finish_reason"] = "stop"
        return whole


# --- sampling ----------------------------------------------------------------------------------------------------


class IsAlwaysSure(Mutant):
    """Always uses temperature 0."""

    def _ask(self, request: Any, *given: Any) -> Any:
        return super()._ask(request.model_copy(update={"temperature": 0}), *given)


class IsNeverSure(Mutant):
    """The penalty because the hottest sampling alone says the same twice, once in 200 times."""

    def _ask(self, request: Any, *given: Any) -> Any:
        changes = {"temperature": 2.0, "repetition_penalty": 2.0} if request.temperature == 0 else {}
        return super()._ask(request.model_copy(update=changes), *given)


class ForgetsTheSeed(Mutant):
    def _ask(self, request: Any, *given: Any) -> Any:
        return super()._ask(request.model_copy(update={"seed": None}), *given)


class StopsAtNothing(Mutant):
    def _ask(self, request: Any, *given: Any) -> Any:
        return super()._ask(request.model_copy(update={"stop": []}), *given)


class KnowsOpenAIsAlone(Mutant):
    """Drops the parameters that only vLLM has."""

    def _ask(self, request: Any, *given: Any) -> Any:
        return super()._ask(request.model_copy(update={"top_k": None}), *given)


class HasOneChoice(Mutant):
    def _ask(self, request: Any, *given: Any) -> Any:
        return super()._ask(request.model_copy(update={"n": 1}), *given)


class NumbersNoChoices(Mutant):
    async def _finished(self, outputs: Any, request: Any) -> Event:
        whole: Event = await super()._finished(outputs, request)
        for choice in whole["choices"]:
            choice["index"] = 0
        return whole


# --- refusals ----------------------------------------------------------------------------------------------------


class SaysSoMuchAndNoMore(Mutant):
    """Stops after 50 tokens by default, however many would fit."""

    def _ask(self, request: Any, *given: Any) -> Any:
        changes = {} if request.max_tokens or request.max_completion_tokens else {"max_tokens": 50}
        return super()._ask(request.model_copy(update=changes), *given)


class CutsWhatIsTooLong(Mutant):
    async def _ask(self, request: Any, *given: Any) -> Any:
        try:
            return await super()._ask(request, *given)
        except HTTPException:
            messages = [{"role": "user", "content": str(request.messages[-1]["content"])[:200]}]
            return await super()._ask(request.model_copy(update={"messages": messages, "max_tokens": 8}), *given)


class BreaksAtWhatIsTooLong(Mutant):
    async def _ask(self, request: Any, *given: Any) -> Any:
        try:
            return await super()._ask(request, *given)
        except HTTPException:
            raise HTTPException(500, "CUDA out of memory") from None


class HasEveryModel(Mutant):
    async def chat(self, request: ChatCompletionRequest, received: Request) -> Any:
        return await super().chat(request.model_copy(update={"model": None}), received)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": {"message": str(error), "type": "server_error", "param": None, "code": None}}, 500)


class BlamesItself(Mutant):
    """Answers a bad request with 500."""

    handlers = {RequestValidationError: _broken, VLLMClientError: _broken}  # noqa: RUF012


class HasItsOwnErrors(Mutant):
    """Uses FastAPI's error format, where clients expect OpenAI's."""

    handlers = {  # noqa: RUF012
        HTTPException: http_exception_handler,
        RequestValidationError: request_validation_exception_handler,
    }


# --- streams -----------------------------------------------------------------------------------------------------


class HoldsItsStreamBack(Mutant):
    async def _events(self, outputs: Any, request: Any) -> AsyncIterator[str]:
        events = [event async for event in super()._events(outputs, request)]
        yield "".join(events)


class StreamsInGulps(Mutant):
    async def _events(self, outputs: Any, request: Any) -> AsyncIterator[str]:
        kept: list[str] = []
        async for event in super()._events(outputs, request):
            kept.append(event)
            if len(kept) == 40:
                yield "".join(kept)
                kept = []
        yield "".join(kept)


class IsNeverDone(Mutant):
    async def _events(self, outputs: Any, request: Any) -> AsyncIterator[str]:
        async for event in super()._events(outputs, request):
            if event != DONE:
                yield event


class HasNoRole(Mutant):
    def changed(self, event: Event) -> Event:
        for choice in event["choices"]:
            choice["delta"].pop("role", None)
        return event


class NeverSaysWhyItEnded(Mutant):
    def changed(self, event: Event) -> Event:
        for choice in event["choices"]:
            choice["finish_reason"] = None
        return event


class SaysWhyItEndsAllAlong(Mutant):
    def changed(self, event: Event) -> Event:
        for choice in event["choices"]:
            choice["finish_reason"] = "stop"
        return event


class CallsAChunkAnAnswer(Mutant):
    def changed(self, event: Event) -> Event:
        return {**event, "object": "chat.completion"}


class NamesEachChunkAnew(Mutant):
    def changed(self, event: Event) -> Event:
        return {**event, "id": self._head("")["id"]}


class RepeatsItself(Mutant):
    """Sends all of the text so far in each event, as the engine returns it by default."""

    async def _ask(self, request: Any, *given: Any) -> Any:
        outputs = await super()._ask(request, *given)
        return _so_far(outputs) if request.stream else outputs


async def _so_far(outputs: Any) -> Any:
    text = ""
    async for output in outputs:
        output.outputs[0].text = text = text + output.outputs[0].text
        yield output


class TellsNobodyTheUsage(Mutant):
    def changed(self, event: Event) -> Event | None:
        return event if event["choices"] else None


class TellsEverybodyTheUsage(Mutant):
    async def _events(self, outputs: Any, request: Any) -> AsyncIterator[str]:
        options = type("Options", (), {"include_usage": True})()
        async for event in super()._events(outputs, request.model_copy(update={"stream_options": options})):
            yield event


class TellsTheUsageTooEarly(Mutant):
    """Sends the usage with the last chunk instead of after it."""

    async def _events(self, outputs: Any, request: Any) -> AsyncIterator[str]:
        held: Event | None = None
        async for line in super()._events(outputs, request):
            if line == DONE:
                if held:
                    yield written(held)
                yield line
                continue
            event = json.loads(line.removeprefix("data: "))
            if event.get("usage") and held:
                held["usage"] = event["usage"]
                continue
            if held:
                yield written(held)
            held = event


class CountsChunks(Mutant):
    """Counts one token per chunk, which is wrong as soon as a chunk has two tokens."""

    def changed(self, event: Event) -> Event:
        if usage := event.get("usage"):
            usage["completion_tokens"] = usage["completion_tokens"] // 2
            usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        return event


class PromisesTooEarly(Mutant):
    """Sends a stream's 200 before it knows whether there will be an answer."""

    async def chat(self, request: ChatCompletionRequest, received: Request) -> Any:
        if not request.stream:
            return await super().chat(request, received)
        return StreamingResponse(self._late(request), media_type="text/event-stream")

    async def _late(self, request: Any) -> AsyncIterator[str]:
        try:
            if request.model not in (None, self.arguments.model):
                raise HTTPException(404, "no such model")
            async for event in self._events(await self._ask(request), request):
                yield event
        except HTTPException as error:
            yield written({"error": {"message": error.detail, "type": "invalid_request_error"}})


# --- the engine --------------------------------------------------------------------------------------------------


class WorksForWhoHasLeft(Mutant):
    async def _ask(self, request: Any, *given: Any) -> Any:
        return _read_by_itself(await super()._ask(request, *given))


async def _read_by_itself(outputs: Any) -> Any:
    line: asyncio.Queue[Any] = asyncio.Queue()

    async def read() -> None:
        try:
            async for output in outputs:
                await line.put(output)
        finally:
            await line.put(None)

    reading = asyncio.create_task(read())
    while (output := await line.get()) is not None:
        yield output
    await reading


class TakesOneAtATime(Mutant):
    async def __init__(self, arguments: Any) -> None:  # type: ignore[misc]  # who makes it awaits it
        self.turn = asyncio.Lock()
        await super().__init__(arguments)

    async def _ask(self, request: Any, *given: Any) -> Any:
        return self._in_turn(await super()._ask(request, *given))

    async def _in_turn(self, outputs: Any) -> Any:
        async with self.turn:
            async for output in outputs:
                yield output


class IsAlwaysWell(Mutant):
    """Reports healthy, whatever happens to its engine."""

    async def check_health(self) -> None:
        return

    async def health(self) -> dict[str, str]:
        return {"status": "healthy"}


class SaysItIsWell(Mutant):
    """GET /health always reports healthy; Serve's health check tells the truth."""

    async def health(self) -> dict[str, str]:
        return {"status": "healthy"}


class KeepsItFromServe(Mutant):
    async def check_health(self) -> None:
        return


class StartsCold(Mutant):
    """Has no warm-up: all mutants share an engine, and none of them warms it up (see mutant_server.py)."""


class WarmsUpOnce(Mutant):
    async def __init__(self, arguments: Any) -> None:  # type: ignore[misc]  # who makes it awaits it
        await super().__init__(arguments)
        request = warm_up_request("Hello", stream=False)
        await self._answer(request)


class AnswersWithoutAnEngine(Mutant):
    async def chat(self, request: ChatCompletionRequest, received: Request) -> Any:
        try:
            return await super().chat(request, received)
        except EngineDeadError:
            return JSONResponse({"choices": [], "error": "the engine is gone"})


def _with_prompt(mutant: Any, request: Any, prompt: str, given: tuple[Any, ...]) -> Any:
    """Sends the engine exactly this text."""
    sampling = request.to_sampling_params(request.max_tokens or 64, {})
    sampling.output_kind = RequestOutputKind.DELTA if request.stream else RequestOutputKind.FINAL_ONLY
    return mutant.engine.generate(prompt, sampling, mutant._head("")["id"])


def api(deployment: Any, right: FastAPI) -> FastAPI:
    """The routes of `right`, the app that the class was written for, bound to it, and Serve's health check."""
    bound = FastAPI()
    for route in right.routes:
        name = getattr(getattr(route, "endpoint", None), "__name__", "")
        if name and getattr(route, "methods", None) and hasattr(deployment, name) and not name.startswith("_"):
            bound.add_api_route(route.path, getattr(deployment, name), methods=list(route.methods))  # type: ignore[attr-defined]
    for error, handler in {**right.exception_handlers, **getattr(deployment, "handlers", {})}.items():
        bound.add_exception_handler(error, handler)

    @bound.get("/check_health")
    async def check_health() -> dict[str, str]:
        await deployment.check_health()
        return {"status": "healthy"}

    return bound
