"""The engine under all of it, from Python: how much faster are many together?

    VLLM_LOGGING_LEVEL=ERROR .venv-serving/bin/python -m demos.demo_6_ray_serve_vllm.engine

In: nothing. Out: a line for each number of requests at the same time, with the tokens a second of all of them. Runs
where vLLM is. Knows nothing of HTTP, of Ray, or of the gateway.
"""

import asyncio
import time

from vllm import AsyncEngineArgs, SamplingParams
from vllm.v1.engine.async_llm import AsyncLLM

TOKENS = 40


async def main() -> None:
    # region: engine
    engine = AsyncLLM.from_engine_args(
        AsyncEngineArgs(
            model="serving/tiny_model/weights/hf",
            dtype="bfloat16",
            max_model_len=1024,
            enforce_eager=True,
            kv_cache_memory_bytes=64 * 1024 * 1024,
            block_size=32,
        )
    )

    async def ask(name: str) -> None:
        async for output in engine.generate("A cache is", SamplingParams(max_tokens=TOKENS, ignore_eos=True), name):
            assert output.outputs  # all of the text so far, at each step

    # endregion: engine

    for together in (1, 1, 4, 16, 64):
        begun = time.perf_counter()
        await asyncio.gather(*(ask(f"{begun}-{number}") for number in range(together)))
        seconds = time.perf_counter() - begun
        print(f"{together} together: {seconds:.2f} s, {together * TOKENS / seconds:.0f} tokens a second", flush=True)
    engine.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
