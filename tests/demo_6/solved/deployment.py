"""An attendee's finished deployment: the starter, with each task done as its third hint says."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from ray import serve
from vllm import AsyncEngineArgs, RequestOutput, SamplingParams
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.exceptions import VLLMClientError
from vllm.inputs import TokensPrompt
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError
from vllm.v1.metrics.ray_wrappers import RayPrometheusStatLogger

from serving.ray_serve.arguments import ServingArguments

app = FastAPI()
# Everything that the class uses is defined before it: Serve copies the class and its globals when it decorates it.


def _usage(tokens_in: int, tokens_out: int) -> dict[str, int]:
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _error(status: int, message: str) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)


@app.exception_handler(HTTPException)
async def _refused(request: Request, error: HTTPException) -> Response:
    return _error(error.status_code, str(error.detail))


@app.exception_handler(RequestValidationError)
async def _invalid(request: Request, error: RequestValidationError) -> Response:
    return _error(400, "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()))


@app.exception_handler(VLLMClientError)
async def _impossible(request: Request, error: VLLMClientError) -> Response:
    return _error(400, str(error))


@app.exception_handler(EngineDeadError)
async def _gone(request: Request, error: EngineDeadError) -> Response:
    return _error(503, "the engine is gone; a new one is on its way")


@serve.deployment
@serve.ingress(app)
class VLLMDeployment:
    async def __init__(self, arguments: ServingArguments) -> None:  # type: ignore[misc]  # Serve awaits it
        self.arguments = arguments
        engine = AsyncEngineArgs(**arguments.engine_arguments())
        self.engine = AsyncLLM.from_engine_args(engine, stat_loggers=[RayPrometheusStatLogger])
        self.tokenizer = self.engine.get_tokenizer()
        await asyncio.gather(*(self._warm_up(length) for length in (1, 2, 4, 8, 16, 32)))

    async def _warm_up(self, tokens: int) -> None:
        for stream in (False, True):
            messages: Any = [{"role": "user", "content": "Hello " * tokens}]
            request = ChatCompletionRequest(messages=messages, max_tokens=tokens, ignore_eos=True, stream=stream)
            async for _ in self._ask(request):
                pass

    async def check_health(self) -> None:
        await self.engine.check_health()

    @app.get("/health")
    async def health(self) -> dict[str, str]:
        await self.engine.check_health()
        return {"status": "healthy"}

    @app.get("/v1/models")
    async def models(self) -> dict[str, Any]:
        return {"object": "list", "data": [{"id": self.arguments.model, "object": "model", "owned_by": "vllm"}]}

    @app.post("/v1/chat/completions")
    async def chat(self, request: ChatCompletionRequest) -> Response:
        outputs = self._ask(request)
        if not request.stream:
            return JSONResponse(await self._finished(outputs))
        first = await anext(outputs)
        return StreamingResponse(self._events(first, outputs, request), media_type="text/event-stream")

    def _ask(self, request: ChatCompletionRequest) -> AsyncIterator[RequestOutput]:
        if request.model not in (None, self.arguments.model):
            raise HTTPException(404, f"The model `{request.model}` does not exist.")
        messages: list[Any] = list(request.messages)
        tokens = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        room = self.arguments.max_model_len - len(tokens)
        wanted = request.max_completion_tokens or request.max_tokens or room
        if room < 1 or wanted > room:
            raise HTTPException(
                400, f"The context holds {self.arguments.max_model_len} tokens, {len(tokens)} are taken."
            )
        sampling: SamplingParams = request.to_sampling_params(wanted, {})
        sampling.output_kind = RequestOutputKind.DELTA if request.stream else RequestOutputKind.FINAL_ONLY
        prompt = TokensPrompt(prompt_token_ids=tokens)
        return self.engine.generate(prompt, sampling, uuid.uuid4().hex)  # type: ignore[no-any-return]

    async def _events(
        self, first: RequestOutput, outputs: AsyncIterator[RequestOutput], request: ChatCompletionRequest
    ) -> AsyncIterator[str]:
        head, begun, tokens_out = self._head("chat.completion.chunk"), set[int](), 0
        output = first
        while output is not None:
            for part in output.outputs:
                role = {} if part.index in begun else {"role": "assistant"}
                begun.add(part.index)
                tokens_out += len(part.token_ids)
                delta = {**role, "content": part.text}
                yield _event(
                    {**head, "choices": [{"index": part.index, "delta": delta, "finish_reason": part.finish_reason}]}
                )
            output = await anext(outputs, None)
        if request.stream_options and request.stream_options.include_usage:
            yield _event({**head, "choices": [], "usage": _usage(len(first.prompt_token_ids or ()), tokens_out)})
        yield "data: [DONE]\n\n"

    async def _finished(self, outputs: AsyncIterator[RequestOutput]) -> dict[str, Any]:
        choices, tokens_in, tokens_out = list[dict[str, Any]](), 0, 0
        async for output in outputs:
            choices = [
                {
                    "index": part.index,
                    "message": {"role": "assistant", "content": part.text},
                    "finish_reason": part.finish_reason,
                }
                for part in output.outputs
            ]
            tokens_in = len(output.prompt_token_ids or ())
            tokens_out = sum(len(part.token_ids) for part in output.outputs)
        return {**self._head("chat.completion"), "choices": choices, "usage": _usage(tokens_in, tokens_out)}

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
