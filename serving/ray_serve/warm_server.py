"""A replica that has answered before Serve sends it traffic, and whose engine must show signs of life after that.

An engine's first answers take seconds: kernels are chosen, buffers are allocated, Python imports the rest of its code.
Serve calls a replica ready once its constructor returns, so the constructor sends requests first.
"""

import asyncio
from typing import Any

from ray.llm._internal.common.callbacks.base import CallbackBase
from ray.llm._internal.serve.engines.vllm.vllm_engine import VLLMEngine
from ray.serve.llm.deployment import LLMServer
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

PROMPTS = ("Hello", "What is this?", "Say more about it, please.", "And in one word?") * 2  # a batch, not a queue
TOKENS = 16
HEARTBEAT_SECONDS = 5.0  # an engine that does not answer for this long between two steps is frozen


class WarmServer(LLMServer):  # type: ignore[misc]  # Ray's classes have no types
    def _get_default_engine_class(self) -> type[VLLMEngine]:
        return AsWritten

    async def _start_engine(self) -> None:
        await self.engine.start()  # Ray's own version also reports usage, in a process that each start waits for

    # region: warm-server
    async def start(self) -> None:
        await super().start()
        await asyncio.gather(*(self._ask(prompt, stream) for prompt in PROMPTS for stream in (False, True)))

    async def _ask(self, prompt: str, stream: bool) -> None:
        request = warm_up_request(prompt, stream)
        async for _ in self.engine.chat(request, None):
            pass

    # endregion: warm-server

    async def check_health(self) -> None:
        await super().check_health()
        await heartbeat(self.engine)


def warm_up_request(prompt: str, stream: bool) -> ChatCompletionRequest:
    return ChatCompletionRequest(
        messages=[{"role": "user", "content": prompt}], max_tokens=TOKENS, stream=stream, ignore_eos=True
    )


async def heartbeat(engine: Any) -> None:
    """A dead engine reports itself; a frozen one must be asked. Raises TimeoutError."""
    async with asyncio.timeout(HEARTBEAT_SECONDS):
        await engine.is_sleeping()


class AsWritten(VLLMEngine):  # type: ignore[misc]
    """The engine with the executor that the file names: on a CPU, Ray would use another one, whatever the file says."""

    def _prepare_engine_config(self, callback_ctx: Any) -> Any:
        prepared = super()._prepare_engine_config(callback_ctx)
        if executor := self.llm_config.engine_kwargs.get("distributed_executor_backend"):
            prepared[-1].parallel_config.distributed_executor_backend = executor
        return prepared


class LocalModel(CallbackBase):  # type: ignore[misc]
    """For weights in a local folder: nothing must be downloaded, and a process to find that out takes 8 s."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.ctx.run_init_node = False
