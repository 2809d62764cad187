"""LangChain's ChatOpenAI. Runs in the peers' environment."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_messages
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.conformance.drivers.reports import Order, Report, choice, failure, serve

# Arguments of the client itself; all other fields are arguments of a call.
OWN = ("extra_headers", "extra_body", "stream_options")


class Place(BaseModel):
    """The type of answer that `parsed` asks for."""

    city: str
    people: int
    capital: bool


def client(order: Order) -> ChatOpenAI:
    body = order["body"]
    return ChatOpenAI(
        base_url=order["base_url"],
        api_key=order["key"],
        model=body["model"],
        max_retries=order["retries"],
        timeout=order["timeout"],
        default_headers=body.get("extra_headers"),
        extra_body=body.get("extra_body"),
        stream_usage=bool(body.get("stream_options")),
        include_response_headers=True,
        use_responses_api=False,
    )


def asked(order: Order) -> tuple[list[BaseMessage], dict[str, Any]]:
    body = order["body"]
    # LangChain's own messages always have content.
    messages = convert_to_messages([{"content": None, **message} for message in body["messages"]])
    return messages, {name: value for name, value in body.items() if name not in (*OWN, "messages", "model")}


def whole(order: Order) -> Report:
    messages, fields = asked(order)
    [generations] = client(order).generate([messages], **fields).generations
    said = [generation.message for generation in generations]
    about = said[0].response_metadata
    return {
        "id": about.get("id"),
        "model": about.get("model_name"),
        "choices": [_choice(message) for message in said],
        "usage": _usage(said[0]),
        "headers": {name.lower(): value for name, value in about.get("headers", {}).items()},
    }


def stream(order: Order) -> Report:
    messages, fields = asked(order)
    pieces: list[str] = []
    total: AIMessageChunk | None = None
    usages = 0
    try:
        for chunk in client(order).stream(messages, **fields):
            total, usages = _add(pieces, total, usages, chunk)
    except Exception as error:
        if total is None:
            raise
        return _streamed(pieces, total, usages, error)
    return _streamed(pieces, total, usages)


def _add(
    pieces: list[str], total: AIMessageChunk | None, usages: int, chunk: AIMessageChunk
) -> tuple[AIMessageChunk, int]:
    if chunk.content:
        pieces.append(str(chunk.content))
    return (chunk if total is None else total + chunk), usages + bool(chunk.usage_metadata)


def _streamed(
    pieces: list[str], total: AIMessageChunk | None, usages: int, error: BaseException | None = None
) -> Report:
    return {
        "pieces": pieces,
        "choices": [_choice(total)] if total else [],
        "usage": _usage(total) if total else None,
        "usages": usages,
        "error": failure(error) if error else None,
    }


def leave(order: Order) -> Report:
    """Closes the stream after the first pieces."""
    messages, fields = asked(order)
    pieces: list[str] = []
    chunks = client(order).stream(messages, **fields)
    for chunk in chunks:
        if chunk.content:
            pieces.append(str(chunk.content))
        if len(pieces) == order["after"]:
            break
    chunks.close()
    return {"pieces": pieces}


def parsed(order: Order) -> Report:
    messages, _ = asked(order)
    found = client(order).with_structured_output(Place).invoke(messages)
    return {"parsed": found.model_dump()}


def crowd(order: Order) -> Report:
    async def one(body: Any) -> Report:
        messages, fields = asked({**order, "body": body})
        pieces = [str(chunk.content) async for chunk in client({**order, "body": body}).astream(messages, **fields)]
        return {"choices": [choice("".join(pieces), None)], "error": None}

    async def all_of_them() -> list[Report]:
        return await asyncio.gather(*(one(body) for body in order["bodies"]))

    return {"reports": asyncio.run(all_of_them())}


def _choice(message: BaseMessage) -> Report:
    assert isinstance(message, AIMessage)
    about = message.response_metadata
    calls = [{"id": call["id"], "name": call["name"], "arguments": call["args"]} for call in message.tool_calls]
    logprobs = (about.get("logprobs") or {}).get("content")
    tokens = [token["token"] for token in logprobs] if logprobs else None
    return choice(str(message.content), about.get("finish_reason"), calls, tokens)


def _usage(message: BaseMessage) -> list[int] | None:
    assert isinstance(message, AIMessage)
    usage = message.usage_metadata
    return [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]] if usage else None


if __name__ == "__main__":
    serve({"whole": whole, "stream": stream, "leave": leave, "parsed": parsed, "crowd": crowd})
