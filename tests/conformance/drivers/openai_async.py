"""OpenAI's client for Python with asyncio. One client per server, for the life of the program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from openai import AsyncOpenAI

from tests.conformance.drivers.openai_sync import Place, untyped
from tests.conformance.drivers.reports import Action, Gathered, Order, Report, answer, serve

clients: dict[tuple[Any, ...], AsyncOpenAI] = {}


def client(order: Order) -> AsyncOpenAI:
    wanted = tuple(order[name] for name in ("base_url", "key", "retries", "timeout"))
    if wanted not in clients:
        base_url, key, retries, timeout = wanted
        clients[wanted] = AsyncOpenAI(base_url=base_url, api_key=key, max_retries=retries, timeout=timeout)
    return clients[wanted]


async def whole(order: Order) -> Report:
    raw = await client(order).chat.completions.with_raw_response.create(**order["body"])
    completion = raw.parse()
    return answer(completion) | {
        "request_id": completion._request_id,
        "headers": {name.lower(): value for name, value in raw.headers.items()},
        "untyped": untyped(completion),
    }


async def stream(order: Order) -> Report:
    seen = Gathered()
    try:
        async for chunk in await client(order).chat.completions.create(**order["body"], stream=True):
            seen.add(chunk)
    except Exception as error:
        if not seen.ids:
            raise
        return seen.report(error)
    return seen.report()


async def leave(order: Order) -> Report:
    """Closes the stream after the first pieces."""
    seen = Gathered()
    async with await client(order).chat.completions.create(**order["body"], stream=True) as chunks:
        async for chunk in chunks:
            seen.add(chunk)
            if len(seen.pieces) == order["after"]:
                break
    return seen.report()


async def events(order: Order) -> Report:
    """The helper that turns a stream into events."""
    async with client(order).chat.completions.stream(**order["body"]) as helper:
        kinds = [event.type async for event in helper]
        return answer(await helper.get_final_completion()) | {"events": kinds}


async def parsed(order: Order) -> Report:
    completion = await client(order).chat.completions.parse(**order["body"], response_format=Place)
    found = completion.choices[0].message.parsed
    return {"parsed": found.model_dump() if found else None}


async def crowd(order: Order) -> Report:
    return {"reports": await asyncio.gather(*(stream({**order, "body": body}) for body in order["bodies"]))}


async def models(order: Order) -> Report:
    return {"models": [model.id async for model in client(order).models.list()]}


async def model(order: Order) -> Report:
    found = await client(order).models.retrieve(order["name"])
    return {"id": found.id, "object": found.object, "created": found.created, "owned_by": found.owned_by}


def main() -> None:
    actions = {
        "whole": whole,
        "stream": stream,
        "leave": leave,
        "events": events,
        "parsed": parsed,
        "crowd": crowd,
        "models": models,
        "model": model,
    }
    with asyncio.Runner() as runner:

        def on_the_loop(action: Callable[[Order], Coroutine[Any, Any, Report]]) -> Action:
            return lambda order: runner.run(action(order))

        serve({name: on_the_loop(action) for name, action in actions.items()})


if __name__ == "__main__":
    main()
