"""LiteLLM's client, as a library: whole answers without asyncio, streams with it. Runs in the peers' environment."""

from __future__ import annotations

import asyncio
from typing import Any

import litellm

from tests.conformance.drivers.reports import Gathered, Order, Report, answer, serve


def fields(order: Order) -> dict[str, Any]:
    body = order["body"]
    return {
        **body,
        "model": f"openai/{body['model']}",  # the provider and its model
        "api_base": order["base_url"],
        "api_key": order["key"],
        "max_retries": order["retries"],
        "timeout": order["timeout"],
    }


def whole(order: Order) -> Report:
    completion = litellm.completion(**fields(order))
    headers = completion._hidden_params["additional_headers"]
    return answer(completion) | {
        "headers": {name.lower().removeprefix("llm_provider-"): str(value) for name, value in headers.items()}
    }


async def streamed(order: Order) -> Report:
    seen = Gathered()
    try:
        async for chunk in await litellm.acompletion(**fields(order), stream=True):
            seen.add(chunk)
    except Exception as error:
        if not seen.ids:
            raise
        return seen.report(error)
    return seen.report()


async def left(order: Order) -> Report:
    seen = Gathered()
    chunks = await litellm.acompletion(**fields(order), stream=True)
    async for chunk in chunks:
        seen.add(chunk)
        if len(seen.pieces) == order["after"]:
            break
    await chunks.aclose()
    return seen.report()


async def crowded(order: Order) -> Report:
    return {"reports": await asyncio.gather(*(streamed({**order, "body": body}) for body in order["bodies"]))}


def main() -> None:
    litellm.suppress_debug_info = True
    with asyncio.Runner() as runner:
        serve(
            {
                "whole": whole,
                "stream": lambda order: runner.run(streamed(order)),
                "leave": lambda order: runner.run(left(order)),
                "crowd": lambda order: runner.run(crowded(order)),
            }
        )


if __name__ == "__main__":
    main()
