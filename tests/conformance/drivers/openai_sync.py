"""OpenAI's client for Python without asyncio. One client per server, for the life of the program."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openai import OpenAI
from pydantic import BaseModel

from tests.conformance.drivers.reports import Gathered, Order, Report, answer, serve


class Place(BaseModel):
    """The type of answer that `parsed` asks for."""

    city: str
    people: int
    capital: bool


clients: dict[tuple[Any, ...], OpenAI] = {}


def client(order: Order) -> OpenAI:
    wanted = tuple(order[name] for name in ("base_url", "key", "retries", "timeout"))
    if wanted not in clients:
        base_url, key, retries, timeout = wanted
        clients[wanted] = OpenAI(base_url=base_url, api_key=key, max_retries=retries, timeout=timeout)
    return clients[wanted]


def whole(order: Order) -> Report:
    raw = client(order).chat.completions.with_raw_response.create(**order["body"])
    completion = raw.parse()
    type(completion).model_validate_json(raw.text, strict=True)
    return answer(completion) | {
        "request_id": completion._request_id,
        "headers": {name.lower(): value for name, value in raw.headers.items()},
        "untyped": untyped(completion),
    }


def untyped(value: Any, where: str = "") -> list[str]:
    """Received fields that the client's types do not have."""
    if isinstance(value, list):
        return [name for item in value for name in untyped(item, where)]
    if not isinstance(value, BaseModel):
        return []
    strange = [f"{where}{name}" for name in value.model_extra or ()]
    return strange + [
        name for field in type(value).model_fields for name in untyped(getattr(value, field), f"{field}.")
    ]


def stream(order: Order) -> Report:
    seen = Gathered()
    try:
        for chunk in client(order).chat.completions.create(**order["body"], stream=True):
            seen.add(chunk)
    except Exception as error:
        if not seen.ids:
            raise
        return seen.report(error)
    return seen.report()


def leave(order: Order) -> Report:
    """Closes the stream after the first pieces."""
    seen = Gathered()
    with client(order).chat.completions.create(**order["body"], stream=True) as chunks:
        for chunk in chunks:
            seen.add(chunk)
            if len(seen.pieces) == order["after"]:
                break
    return seen.report()


def events(order: Order) -> Report:
    """The helper that turns a stream into events."""
    with client(order).chat.completions.stream(**order["body"]) as helper:
        kinds = [event.type for event in helper]
        return answer(helper.get_final_completion()) | {"events": kinds}


def parsed(order: Order) -> Report:
    completion = client(order).chat.completions.parse(**order["body"], response_format=Place)
    found = completion.choices[0].message.parsed
    return {"parsed": found.model_dump() if found else None}


def crowd(order: Order) -> Report:
    with ThreadPoolExecutor(len(order["bodies"])) as pool:
        return {"reports": list(pool.map(stream, ({**order, "body": body} for body in order["bodies"])))}


def models(order: Order) -> Report:
    return {"models": [model.id for model in client(order).models.list()]}


def model(order: Order) -> Report:
    found = client(order).models.retrieve(order["name"])
    return {"id": found.id, "object": found.object, "created": found.created, "owned_by": found.owned_by}


if __name__ == "__main__":
    serve(
        {
            "whole": whole,
            "stream": stream,
            "leave": leave,
            "events": events,
            "parsed": parsed,
            "crowd": crowd,
            "models": models,
            "model": model,
        }
    )
