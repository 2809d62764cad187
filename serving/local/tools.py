"""Which functions the simulator calls, and with which arguments.

In: a chat request. Out: the tool calls, in pieces of one token each; none if the answer should be text. The arguments
are invented from each function's JSON schema, always the same ones. Knows nothing of time or of streams.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import orjson

from serving.local import tokens
from serving.local.chat_request import ChatRequest, Function, NamedTool
from serving.local.completion import ToolPiece
from serving.local.errors import invalid
from serving.local.schema_example import specimen


def called(request: ChatRequest) -> list[Function]:
    """The function that `tool_choice` demands, or those that the last user message names.

    A request that ends with a tool's result gets text. Raises ApiError for an impossible choice.
    """
    functions = [tool.function for tool in request.tools or ()]
    choice = request.tool_choice or "auto"
    if not functions and choice not in ("auto", "none"):
        raise invalid("tool_choice: there are no tools to choose from; send 'tools' too.", param="tool_choice")
    if isinstance(choice, NamedTool):
        functions = [function for function in functions if function.name == choice.function.name]
        if not functions:
            raise invalid(f"tool_choice: no tool has the name {choice.function.name!r}.", param="tool_choice")
    if choice == "none" or not functions or request.messages[-1].role == "tool":
        return []
    if isinstance(choice, NamedTool):
        return functions
    asked = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    named = [function for function in functions if function.name in asked]
    if choice == "required":
        named = named or functions[:1]
    return named if request.parallel_tool_calls is not False else named[:1]


def calls(functions: list[Function]) -> Iterator[ToolPiece]:
    """Each call begins with its id, its name and empty arguments, as OpenAI streams it."""
    for place, function in enumerate(functions):
        yield ToolPiece(place, "", id=f"call_{uuid.uuid4().hex[:24]}", name=function.name)
        arguments = orjson.dumps(specimen({"type": "object", **(function.parameters or {})})).decode()
        for token in tokens.split(arguments):
            yield ToolPiece(place, token)
