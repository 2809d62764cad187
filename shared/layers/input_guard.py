"""Let only valid requests further in, with prompts that are not too long.

In: a Call, validated at the edge or with its refusal. Out: the reply, or a refusal before anything is spent.
"""

from collections.abc import Mapping

from shared.pipeline.call import Call
from shared.pipeline.errors import InvalidRequest
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply

OPENAI_CODE = "context_length_exceeded"  # OpenAI's code, by which its clients know what to shorten


# region: input-guard
class InputGuard:
    """Refuses prompts longer than `max_chars` characters (about four per token).

    `longer`: higher limits for some endpoints. A conversation grows with each turn, a prompt does not.
    """

    def __init__(self, max_chars: int, longer: Mapping[str, int] | None = None) -> None:
        self.max_chars = max_chars
        self.longer = longer or {}

    # region: input-guard-call
    async def __call__(self, call: Call, next: Handler) -> Reply:
        if call.refusal is not None:
            raise call.refusal
        length = len(call.request.prompt)
        if call.endpoint in self.longer:
            if length > self.longer[call.endpoint]:
                raise _too_long("conversation", length, self.longer[call.endpoint], "messages", OPENAI_CODE)
        elif length > self.max_chars:
            raise _too_long("prompt", length, self.max_chars, "prompt", "prompt_too_long")
        return await next(call)

    # endregion: input-guard-call


# endregion: input-guard


def _too_long(what: str, length: int, most: int, param: str, code: str) -> InvalidRequest:
    return InvalidRequest(f"the {what} has {length} characters; the limit is {most}", param=param, code=code)
