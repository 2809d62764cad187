"""The same service written by hand: a Serve deployment over vLLM's engine. Read it to see what the builder does.

In: ServingArguments. Out: a Serve application with POST /v1/chat/completions, GET /v1/models and GET /health. It
supports the part of OpenAI's API that fits on a page: no tools, no log probabilities.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ValidationError
from ray import serve
from starlette.types import Receive, Scope, Send
from vllm import AsyncEngineArgs, RequestOutput, SamplingParams
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.exceptions import VLLMClientError
from vllm.inputs import TokensPrompt
from vllm.sampling_params import RequestOutputKind
from vllm.tracing import extract_trace_headers
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError
from vllm.v1.metrics.ray_wrappers import RayPrometheusStatLogger

from serving.ray_serve.arguments import ServingArguments
from serving.ray_serve.warm_server import PROMPTS, heartbeat, warm_up_request

app = FastAPI()
# What the class uses stands before it: the decorator makes Serve copy the class, with everything that it refers to.


class Usage:
    def __init__(self) -> None:
        self.prompt = self.completion = 0

    def add(self, output: RequestOutput) -> None:
        self.prompt = len(output.prompt_token_ids or ())
        self.completion += sum(len(part.token_ids) for part in output.outputs)

    def shown(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        }


def _whole(message: Any) -> dict[str, Any]:
    """A message as the chat template needs it: its text may come in parts, or be missing. Raises HTTPException."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return {**message, "content": content}
    try:
        parts = [dict(part) for part in content]  # pydantic validates each part only now
    except ValidationError as error:
        raise HTTPException(400, f"content: {error.errors()[0]['msg']}") from None
    if foreign := {part["type"] for part in parts} - {"text"}:
        raise HTTPException(400, f"This model reads only text, not parts of type {', '.join(sorted(foreign))}.")
    return {**message, "content": "\n".join(part["text"] for part in parts)}


Outputs = AsyncGenerator[RequestOutput]


async def _begun(outputs: Outputs) -> AsyncIterator[RequestOutput]:
    """The same, with its first output already here: a failure before that still gets an honest status."""
    first = await anext(outputs)

    async def whole() -> AsyncIterator[RequestOutput]:
        yield first
        async for output in outputs:
            yield output

    return whole()


class _Events(StreamingResponse):
    """Closes `outputs` as soon as the client leaves, and not when the garbage collector finds them."""

    def __init__(self, events: AsyncIterator[str], outputs: Outputs) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._outputs = outputs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._outputs):
            await super().__call__(scope, receive, send)


def _end(part: Any) -> dict[str, Any]:
    return {"finish_reason": part.finish_reason, "logprobs": None}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _error(status: int, message: str, param: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": None}}, status)


@app.exception_handler(HTTPException)
async def _refused(request: Request, error: HTTPException) -> Response:
    return _error(error.status_code, str(error.detail))


@app.exception_handler(RequestValidationError)
async def _invalid(request: Request, error: RequestValidationError) -> Response:
    return _error(400, "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()))


@app.exception_handler(VLLMClientError)
async def _impossible(request: Request, error: VLLMClientError) -> Response:
    return _error(400, str(error), getattr(error, "parameter", None))


@app.exception_handler(EngineDeadError)
async def _dead(request: Request, error: EngineDeadError) -> Response:
    return _error(503, "the engine is gone; a new one is starting")


@serve.deployment
@serve.ingress(app)
class VLLMDeployment:
    """One replica: one engine, and the HTTP around it."""

    async def __init__(self, arguments: ServingArguments) -> None:  # type: ignore[misc]  # Serve awaits it
        self.arguments, self.created = arguments, int(time.time())
        # Its metrics go where Ray's own are read; vLLM's default puts them into a registry that nobody reads here.
        self.engine = AsyncLLM.from_engine_args(
            AsyncEngineArgs(**arguments.engine_arguments()), stat_loggers=[RayPrometheusStatLogger]
        )
        # A long conversation takes milliseconds to become tokens: on the event loop, every stream would wait for it.
        self.tokenizer, self.beside = self.engine.get_tokenizer(), ThreadPoolExecutor(max_workers=1)
        requests = [warm_up_request(prompt, stream) for prompt in PROMPTS for stream in (False, True)]
        await asyncio.gather(*(self._answer(request) for request in requests))

    async def check_health(self) -> None:
        """Serve calls this every few seconds. If it raises, Serve replaces the replica."""
        await self.engine.check_health()
        await heartbeat(self.engine)

    @app.get("/health")
    async def health(self) -> dict[str, str]:
        await self.engine.check_health()
        return {"status": "healthy"}

    @app.get("/v1/models")
    async def models(self) -> dict[str, Any]:
        model = {"id": self.arguments.model, "object": "model", "created": self.created, "owned_by": "vllm"}
        return {"object": "list", "data": [model]}

    @app.post("/v1/chat/completions")
    async def chat(self, request: ChatCompletionRequest, received: Request) -> Response:
        if request.model not in (None, self.arguments.model):
            raise HTTPException(404, f"The model `{request.model}` does not exist.")
        if not request.messages:
            raise HTTPException(400, "messages: must not be empty.")
        trace = extract_trace_headers(received.headers)
        if not request.stream:
            return JSONResponse(await self._answer(request, trace))
        outputs = await self._ask(request, trace)
        return _Events(self._events(await _begun(outputs), request), outputs)

    async def _answer(self, request: ChatCompletionRequest, trace: Mapping[str, str] | None = None) -> dict[str, Any]:
        async with aclosing(await self._ask(request, trace)) as outputs:
            return await self._finished(outputs, request)

    async def _ask(self, request: ChatCompletionRequest, trace: Mapping[str, str] | None = None) -> Outputs:
        """The engine batches concurrent requests. Closing the outputs removes the request from the engine."""
        # region: ask
        messages = [_whole(message) for message in request.messages]
        template = partial(self.tokenizer.apply_chat_template, add_generation_prompt=True, return_dict=False)
        tokens = await asyncio.get_running_loop().run_in_executor(self.beside, template, messages)
        room = self.arguments.max_model_len - len(tokens)
        wished = [request.max_completion_tokens, request.max_tokens, room]
        wanted = next(length for length in wished if length is not None)
        if room < 1 or wanted > room:
            limit = self.arguments.max_model_len
            raise HTTPException(400, f"{len(tokens)} tokens and {wanted} to come exceed the context of {limit}.")
        sampling: SamplingParams = request.to_sampling_params(wanted, {})
        sampling.output_kind = RequestOutputKind.DELTA if request.stream else RequestOutputKind.FINAL_ONLY
        prompt = TokensPrompt(prompt_token_ids=tokens)
        outputs: Outputs = self.engine.generate(prompt, sampling, uuid.uuid4().hex, trace_headers=trace)
        return outputs
        # endregion: ask

    async def _finished(self, outputs: AsyncIterator[RequestOutput], request: ChatCompletionRequest) -> dict[str, Any]:
        choices, usage = [], Usage()
        async for output in outputs:
            usage.add(output)
            choices = [
                {"index": part.index, "message": {"role": "assistant", "content": part.text}, **_end(part)}
                for part in output.outputs
            ]
        return {**self._head("chat.completion"), "choices": choices, "usage": usage.shown()}

    async def _events(
        self, outputs: AsyncIterator[RequestOutput], request: ChatCompletionRequest
    ) -> AsyncIterator[str]:
        head, usage, begun = self._head("chat.completion.chunk"), Usage(), set[int]()
        async for output in outputs:
            usage.add(output)
            for part in output.outputs:
                role = {} if part.index in begun else {"role": "assistant"}
                begun.add(part.index)
                yield _event(
                    {**head, "choices": [{"index": part.index, "delta": {**role, "content": part.text}, **_end(part)}]}
                )
        if request.stream_options and request.stream_options.include_usage:
            yield _event({**head, "choices": [], "usage": usage.shown()})
        yield "data: [DONE]\n\n"

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": kind,
            "created": int(time.time()),
            "model": self.arguments.model,
        }


def build(arguments: ServingArguments) -> serve.Application:
    deployment: Any = VLLMDeployment
    return deployment.options(
        name=arguments.deployment,
        **arguments.serve_options(),
        ray_actor_options={"num_cpus": arguments.cpus, "runtime_env": {"env_vars": arguments.process_environment()}},
    ).bind(arguments)
