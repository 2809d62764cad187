"""Which answers may be kept, and what the client has to say about it.

A kept answer stands for the one that the model would give again. So: nothing sampled, nothing that failed, and
nothing that the client does not want kept.
"""

from collections.abc import Mapping

from shared.pipeline.call import ChatRequest
from shared.pipeline.reply import Completion

NO_STORE = "no-store"
# Both mean "ask again" (RFC 9111 §5.2.1); browsers send the second when a page is loaded anew.
ASK_AGAIN = frozenset({"no-cache", "max-age=0"})

# "length" too: max_tokens is part of the question, and at temperature 0 the same cut would come again. Not
# "content_filter": the filter may think better of it. Not "tool_calls": those are requests to act, not answers.
WHOLE = frozenset({"stop", "length"})


# region: cache-policy
def repeatable(request: ChatRequest) -> bool:
    """Would the model say the same again?

    A request without a temperature leaves it to the model, and models sample.
    """
    return request.temperature == 0


def keepable(reply: Completion) -> bool:
    """Did the answer come to its proper end?"""
    return reply.finish_reason in WHOLE


# endregion: cache-policy


def directives(headers: Mapping[str, str]) -> frozenset[str]:
    """What the request's Cache-Control says, in lower case."""
    value = headers.get("cache-control")
    if not value:
        return frozenset()
    return frozenset(part.strip().lower() for part in value.split(","))
