"""What an upstream says when it fails, in any usual shape, as the error that the caller gets.

In: a status with its body, a 200 whose body is an error, or an error inside a stream. Out: an UpstreamError with the
upstream's own message and an honest status. Faults of this service's own credentials are told to nobody in detail.
Knows nothing of connections, nor of how an error is retried.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.http_client.headers import NO_HEADERS
from shared.pipeline.errors import (
    UpstreamBadReply,
    UpstreamError,
    UpstreamFault,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.upstream import lenient_json
from shared.upstream.retry_after import parse_retry_after

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 1000  # characters

# The fields that hold the message, in OpenAI's shape, FastAPI's, Mistral's, Azure's, Google's, RFC 9457's, AWS's.
MESSAGES = ("message", "detail", "msg", "error", "errors", "error_description", "title", "Message")

# The request itself was refused, and the caller gets the same status.
REJECTED = (400, 404, 410, 413, 422, 451)

# For errors without a status of their own: what the words in their code, type and status mean.
WORDS = (
    (re.compile(r"quota|billing|insufficient.?(balance|credit|fund)", re.I), 429),
    (re.compile(r"rate.?limit|too.?many.?requests|resource.?exhausted|throttl", re.I), 429),
    (re.compile(r"overloaded|unavailable|capacity", re.I), 503),
    (re.compile(r"authenticat|unauthori[sz]ed|invalid.?api.?key|api.?key.?invalid", re.I), 401),
    (re.compile(r"permission|forbidden", re.I), 403),
    (re.compile(r"not.?found", re.I), 404),
    (re.compile(r"time.?out|deadline", re.I), 504),
    (re.compile(r"invalid.?(request|argument|prompt)|bad.?request|context.?length|validation|content.?(filter|policy)"
                r"|unsupported", re.I), 400),
)  # fmt: skip
NO_MORE = re.compile(r"insufficient.?quota|billing|insufficient.?(balance|credit|fund)", re.I)  # no wait helps
CREDENTIALS = re.compile(
    r"api[ _-]?key|\bkeys?\b|credential|authenticat|unauthori[sz]ed|\btoken\b|subscription|bearer", re.I
)
REFUSED_KEY = re.compile(
    r"(invalid|incorrect|wrong|missing|expired|no|valid)\W+(\w+\W+){0,2}api[ _-]?key"
    r"|api[ _-]?key\W+(\w+\W+){0,3}(invalid|not|incorrect|expired|missing)|api_key_invalid",
    re.I,
)


@dataclass(slots=True, frozen=True)
class Said:
    """The parts of an upstream's error. `words` are its code, type and status, for those who look for a meaning."""

    message: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None
    words: str = ""


def refused(status: int, headers: Mapping[str, str], raw: bytes) -> UpstreamError:
    """The error for a status other than 200."""
    if 300 <= status < 400:
        log.warning("the upstream answered %d, a redirect to %s", status, headers.get("location", "nowhere"))
        return UpstreamBadReply(
            f"the upstream answered {status}, a redirect: OPENAI_BASE_URL must be the address that it leads to",
            upstream_status=status,
        )
    try:
        document = lenient_json.read(raw)
    except lenient_json.Unreadable:
        if status == 404:
            # From a proxy, which knows no servers right after its start, not from an API: it says nothing of the model.
            return UpstreamBadReply(
                "there is no chat API at the upstream's URL", upstream_status=status, retryable=True
            )
        return _error(status, headers, Said(message=_plain(raw)))
    return _error(status, headers, _said(_one(document)))


def error_in(document: object) -> UpstreamError | None:
    """The error that a document with status 200 holds, as a whole answer or a frame; None if it holds none."""
    document = _one(document)
    if not isinstance(document, dict) or not (document.get("error") or _is_flat(document)):
        return None
    said = _said(document)
    status = said.status or _meant(said.words)
    return (
        UpstreamFault(said.message or "the upstream answered with an error")
        if status is None
        else _error(status, NO_HEADERS, said)
    )


def _is_flat(document: dict[str, Any]) -> bool:
    """Whether this is an error without a field `error`: vLLM's, FastAPI's."""
    if "choices" in document:
        return False
    named = "error" in (document.get("object"), document.get("type"))
    told = "detail" in document or ("message" in document and "code" in document)
    return named or (told and "id" not in document)  # a chunk of a kind that is new has an id


def _error(status: int, headers: Mapping[str, str], said: Said) -> UpstreamError:
    error = _error_of_status(status, headers, said)
    error.upstream_status = status
    if headers.get("x-should-retry", "").strip().lower() == "false":
        error.retryable = False
    return error


def _error_of_status(status: int, headers: Mapping[str, str], said: Said) -> UpstreamError:
    message, retry_after = said.message, parse_retry_after(headers)
    if _is_about_our_key(status, said):
        # Our key is at fault. The caller did nothing wrong, and must not get a 401, nor hear of the key.
        return UpstreamFault("the upstream refused this service's credentials (OPENAI_API_KEY)", retryable=False)
    if status == 402 or (status == 429 and NO_MORE.search(said.words)):
        spent = UpstreamRateLimited(
            message or "the upstream's quota is used up", code=said.code or "insufficient_quota", retryable=False
        )
        spent.http_status = status
        return spent
    if status == 429:
        return UpstreamRateLimited(
            message or "the upstream's rate limit is reached", code=said.code, retry_after=retry_after
        )
    if status in REJECTED or status == 403:
        rejected = UpstreamRejected(
            message or f"the upstream rejected the request with {status}",
            # OpenAI's code for a model that it does not have; other engines use another code, or none.
            code="model_not_found" if status == 404 else said.code,
            param=said.param,
        )
        rejected.http_status = status
        return rejected
    if status in (408, 504):
        return UpstreamTimeout(message or f"the upstream answered {status}")
    if status in (498, 503, 529):  # 498 is Groq's, 529 Anthropic's
        return UpstreamUnavailable(message or "the upstream is overloaded", retry_after=retry_after)
    if status >= 500 or status in (409, 424):
        fault = UpstreamFault(message or f"the upstream answered {status}", retry_after=retry_after)
        if status == 409:
            fault.http_status = status
        return fault
    return UpstreamBadReply(f"the upstream answered {status}" + (f": {message}" if message else ""))


def _is_about_our_key(status: int, said: Said) -> bool:
    text = f"{said.words} {said.message or ''}"
    if status == 403:  # a reason (moderation, a region, a model) is the caller's to know
        return said.message is None or bool(CREDENTIALS.search(text))
    return status == 401 or (400 <= status < 500 and bool(REFUSED_KEY.search(text)))


def _meant(words: str) -> int | None:
    return next((status for pattern, status in WORDS if pattern.search(words)), None)


# --- reading ------------------------------------------------------------------------------------------------------


def _one(document: object) -> object:
    """The error of a list of them, which is Google's shape."""
    return document[0] if isinstance(document, list) and document else document


def _said(document: object) -> Said:
    if not isinstance(document, dict):
        return Said(message=_message(document))
    error = document.get("error")
    fields = {**document, **error} if isinstance(error, dict) else document
    named = [fields.get(name) for name in ("code", "type", "status", "statusCode", "status_code")]
    return Said(
        message=_message(error) or _message(document),
        code=_short(fields.get("code")),
        param=_short(fields.get("param")),
        status=next((status for value in named if (status := _status(value))), None),
        words=" ".join(word for word in named if isinstance(word, str))[:LONGEST_MESSAGE],
    )


def _status(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[45]\d\d", value):
        return int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None


def _message(value: object, depth: int = 4) -> str | None:
    """The first message that the value holds, wherever the usual shapes have it."""
    if isinstance(value, str):
        return _short(value)
    if depth == 0:
        return None
    if isinstance(value, list):
        return _short("; ".join(message for one in value[:3] if (message := _message(one, depth - 1))))
    if not isinstance(value, dict):
        return None
    message = next((found for name in MESSAGES if (found := _message(value.get(name), depth - 1))), None)
    where = value.get("loc")  # FastAPI's: the way to the field at fault
    return _short(f"{'.'.join(map(str, where))}: {message}") if message and isinstance(where, list) else message


def _short(text: object) -> str | None:
    """An upstream's text, cut to a length that fits an error."""
    return lenient_json.well_formed(text[:LONGEST_MESSAGE]) if isinstance(text, str) and text else None


def _plain(raw: bytes) -> str | None:
    """A body of plain words. None for a page, or for bytes."""
    try:
        text = raw[: LONGEST_MESSAGE + 1].decode().strip()
    except UnicodeDecodeError:
        return None
    readable = len(raw) <= LONGEST_MESSAGE and text.isprintable() and not text.startswith(("<", "{", "["))
    return text if text and readable else None
