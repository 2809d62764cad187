"""The answers that may be cached, and the client's Cache-Control.

A cached answer replaces the one that the model would give again. So the cache keeps no sampled answer, no failed one,
and none that the client does not want kept.
"""

from collections.abc import Mapping

from shared.pipeline.call import ChatRequest
from shared.pipeline.reply import Completion

NO_STORE = "no-store"
# Both mean "ask again" (RFC 9111 §5.2.1); browsers send the second when a page is reloaded.
ASK_AGAIN = frozenset({"no-cache", "max-age=0"})

# "length" too: max_tokens is part of the question, and temperature 0 repeats the same cut. "content_filter" is left
# out, as the filter may decide otherwise next time. So is "tool_calls": those are requests to act, not answers.
WHOLE = frozenset({"stop", "length"})


# region: cache-policy
def repeatable(request: ChatRequest) -> bool:
    """Would the model answer the same again?

    Without a temperature in the request the model chooses, and models sample.
    """
    return request.temperature == 0


def keepable(reply: Completion) -> bool:
    """Is the answer complete?"""
    return reply.finish_reason in WHOLE


# endregion: cache-policy


def directives(headers: Mapping[str, str]) -> frozenset[str]:
    """The directives in the request's Cache-Control, in lower case."""
    value = headers.get("cache-control", "")
    return frozenset(part.strip().lower() for part in value.split(",")) if value else frozenset()
