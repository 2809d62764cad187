"""vLLM under Ray Serve: a deployment for you to write. As it stands it answers, but badly.

Each docstring with a task says what must be true, and which checks of `make grade-6 SOLUTION=exercise` test it. The
rest of the HTTP code is given. serve.yaml beside this file deploys it, in the environment that has Ray and vLLM
(.venv-serving). Stuck? HINTS.md has three hints per task.
"""

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
from vllm.v1.engine.async_llm import AsyncLLM
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


@serve.deployment
@serve.ingress(app)
class VLLMDeployment:
    """One replica: one engine, and the HTTP around it."""

    async def __init__(self, arguments: ServingArguments) -> None:  # type: ignore[misc]  # Serve awaits it
        """Task 5. Ready means warm: Serve sends requests as soon as this returns.

        - An engine's first answers take seconds. Before this returns, the engine has finished a few. (Make them of
          different lengths, several of them at the same time, with a stream among them.)
        Check: warm.
        """
        self.arguments = arguments
        engine = AsyncEngineArgs(**arguments.engine_arguments())
        self.engine = AsyncLLM.from_engine_args(engine, stat_loggers=[RayPrometheusStatLogger])
        self.tokenizer = self.engine.get_tokenizer()

    async def check_health(self) -> None:
        """Task 3. Report a dead engine: Serve calls this every few seconds, and an exception ends the replica.

        - The engine is a process of its own, and may die alone: then this raises, and a new replica comes.
        - GET /health does not say that all is well, either.
        - A request that comes meanwhile gets an error of the 500s (503 fits best), and no made-up answer.
        Checks: health, engine_gone.
        """

    @app.get("/health")
    async def health(self) -> dict[str, str]:
        return {"status": "healthy"}

    @app.get("/v1/models")
    async def models(self) -> dict[str, Any]:
        return {"object": "list", "data": [{"id": self.arguments.model, "object": "model", "owned_by": "vllm"}]}

    @app.post("/v1/chat/completions")
    async def chat(self, request: ChatCompletionRequest) -> Response:
        outputs = self._ask(request)
        if request.stream:
            return StreamingResponse(self._events(outputs, request), media_type="text/event-stream")
        return JSONResponse(await self._finished(outputs))

    def _ask(self, request: ChatCompletionRequest) -> AsyncIterator[RequestOutput]:
        """Task 2. Give the engine exactly what the caller asked.

        - The whole conversation, in the form that the model was trained on: `self.tokenizer` has its template.
        - The request's temperature, max_tokens, stop, seed, n …: every field of the request that vLLM knows, also those
          that OpenAI's API lacks, like top_k.
        - Without max_tokens, the answer may fill the context: `arguments.max_model_len` holds prompt and answer.
        - A request that does not fit gets a 400, and a request for another model a 404.
        Checks: answer, tokens, sampling, context_length, unknown_model.
        """
        prompt = str(request.messages[-1]["content"])
        return self.engine.generate(prompt, SamplingParams(max_tokens=16), uuid.uuid4().hex)  # type: ignore[no-any-return]

    async def _events(
        self, outputs: AsyncIterator[RequestOutput], request: ChatCompletionRequest
    ) -> AsyncIterator[str]:
        """Task 4. Stream as OpenAI does.

        - Each event has the text that is new since the one before, as soon as it is there. `output_kind` of the
          sampling selects what the engine yields: all text so far (the default), only the new text, or only the end.
        - The first has the role, the last its `finish_reason`; with `stream_options.include_usage` one more follows,
          without choices, with the usage. Then comes `data: [DONE]`.
        - A failure before the first token gets an honest error status, and no 200 whose stream breaks.
        - When a client leaves, its request leaves the engine.
        - Many streams are under way at once: none waits for the end of another.
        Checks: stream, stream_steps, stream_usage, commitment, batching, client_leaves.
        """
        whole = await self._finished(outputs)
        for choice in whole["choices"]:
            choice["delta"] = choice.pop("message")
        yield _event({**whole, **self._head("chat.completion.chunk")})
        yield "data: [DONE]\n\n"

    async def _finished(self, outputs: AsyncIterator[RequestOutput]) -> dict[str, Any]:
        """The whole answer, from an engine that yields all text so far, or only the end."""
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
