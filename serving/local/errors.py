"""The errors of a failed call, in OpenAI's format.

In: a sentence that says what was wrong and what would be right. Out: a status, headers and a JSON body.
Knows nothing of models or sockets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ApiError(Exception):
    """An answer that is not a completion. `status` is the HTTP status; the rest is OpenAI's `error` object."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(400, message, param=param, code=code)


def context_length_exceeded(limit: int, prompt_tokens: str) -> ApiError:
    """`prompt_tokens` is text because a prompt that is clearly too long is not tokenised to the end."""
    return invalid(
        f"This model's maximum context length is {limit} tokens, and at least one of them is for the answer. "
        f"Your messages are {prompt_tokens} tokens long. Please shorten the messages.",
        param="messages",
        code="context_length_exceeded",
    )


def model_not_found(model: str) -> ApiError:
    return ApiError(
        404, f"The model {model!r} does not exist here. GET /v1/models lists those that do.", "invalid_request_error",
        "model", "model_not_found",
    )  # fmt: skip


def unauthorized() -> ApiError:
    return ApiError(
        401,
        "Incorrect API key provided, or none. Send the header 'Authorization: Bearer KEY'.",
        code="invalid_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )


def overloaded(message: str, code: str, retry_after_s: int = 1) -> ApiError:
    return ApiError(503, message, "server_error", code=code, headers={"Retry-After": str(retry_after_s)})


def too_large(limit_bytes: int) -> ApiError:
    return ApiError(413, f"The request body may have at most {limit_bytes} bytes.", code="request_too_large")
