"""Every way a call can fail, and the one envelope in which each failure reaches the client.

A layer raises one of these; the edge turns it into a status, headers and `{"error": {...}}`.
Knows nothing of FastAPI. The envelope is OpenAI's error object plus our request id.
"""

import math
from typing import Any, ClassVar

CLIENT_CLOSED_REQUEST = 499  # nginx's code; no client receives it, but logs and metrics show it


class ServiceError(Exception):
    """A failure with an honest status.

    `message` says what was wrong and what would be right; `param` names the field at fault;
    `retry_after` (seconds) becomes the Retry-After header. `retryable` means that sending the same call again may
    succeed and does no harm.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.error_code = code or self.code
        self.retry_after = retry_after
        # The edge may use another status: /v1/chat/completions answers 400 where the other routes answer 422.
        self.http_status = self.status
        # Headers that layers set for the reply (rate limits, for example) are sent with a refusal, too.
        self.noted_headers: dict[str, str] = {}

    # region: envelope
    def envelope(self, request_id: str | None) -> dict[str, Any]:
        """The body that a client sees."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.error_code,
                "request_id": request_id,
            }
        }

    # endregion: envelope

    def headers(self) -> dict[str, str]:
        """The layers' headers, and Retry-After in whole seconds, rounded up so that no obedient client is early."""
        if self.retry_after is None:
            return self.noted_headers
        return {**self.noted_headers, "Retry-After": str(max(1, math.ceil(self.retry_after)))}


# --- the client's fault ------------------------------------------------------------------------------------------


class InvalidRequest(ServiceError):
    status, type, code = 422, "invalid_request_error", "invalid_request"


class Unauthorized(ServiceError):
    """The caller is unknown. RFC 9110 requires the WWW-Authenticate header with a 401."""

    status, type, code = 401, "authentication_error", "invalid_api_key"

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "WWW-Authenticate": "Bearer"}


class UnsignedWebhook(Unauthorized):
    """The sender or the time of this webhook cannot be verified."""

    code = "webhook_unsigned"

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "WWW-Authenticate": "Webhook-Signature"}


class Forbidden(ServiceError):
    """The caller is known, and may not do this."""

    status, type, code = 403, "permission_error", "not_allowed"


class BudgetExceeded(ServiceError):
    """A short wait does not help, so the header stops OpenAI's clients, which repeat a 429 unless told not to."""

    status, type, code = 429, "insufficient_quota", "budget_exceeded"

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "x-should-retry": "false"}


class UnsupportedMediaType(ServiceError):
    status, type, code = 415, "invalid_request_error", "unsupported_media_type"


class PayloadTooLarge(ServiceError):
    status, type, code = 413, "invalid_request_error", "payload_too_large"


class HeadersTooLarge(ServiceError):
    status, type, code = 431, "invalid_request_error", "headers_too_large"


class MalformedRequest(ServiceError):
    status, type, code = 400, "invalid_request_error", "malformed_http"


class NotFound(ServiceError):
    status, type, code = 404, "invalid_request_error", "not_found"


class MethodNotAllowed(ServiceError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"


# --- this service's limits ---------------------------------------------------------------------------------------


class DatabaseUnavailable(ServiceError):
    """A token cannot be checked now. The caller is not at fault."""

    status, code = 503, "database_unavailable"
    retryable = True


class Overloaded(ServiceError):
    """This process has as much work as it may take."""

    status, type, code = 503, "server_error", "overloaded"


class MemoryPressure(ServiceError):
    """This process is so close to its memory limit that it takes no more work."""

    status, type, code = 503, "server_error", "memory_pressure"


class ShuttingDown(ServiceError):
    """This process was told to stop, and could not finish the call in time. Another process may: ask again."""

    status, type, code = 503, "server_error", "shutting_down"
    retryable = True

    def __init__(self) -> None:
        super().__init__("the service is shutting down; ask again", retry_after=1)


class RateLimited(ServiceError):
    """The caller asks too often, or for too much; `retry_after` says when the next call fits."""

    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


# --- the upstream's fault ----------------------------------------------------------------------------------------


class UpstreamError(ServiceError):
    """A fault of the upstream. `upstream_status` is the status that it answered, None if it did not answer."""

    status, type, code = 502, "upstream_error", "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        upstream_status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, param=param, code=code, retry_after=retry_after)
        self.upstream_status = upstream_status
        if retryable is not None:
            self.retryable = retryable

    def headers(self) -> dict[str, str]:
        """OpenAI's clients repeat some statuses unless told not to. Tell them, unless we would retry or name a wait."""
        repeated = self.http_status in (408, 409, 429) or self.http_status >= 500
        unwise = repeated and not self.retryable and self.retry_after is None
        return {**super().headers(), "x-should-retry": "false"} if unwise else super().headers()


class UpstreamFault(UpstreamError):
    """The upstream answered 5xx."""

    retryable = True


class UpstreamBadReply(UpstreamError):
    """The upstream answered with something that is neither a completion nor an error of an API."""

    code = "upstream_bad_reply"


class UpstreamUnavailable(UpstreamError):
    """The upstream refused or dropped the connection, or says that it is overloaded."""

    status, code = 503, "upstream_unavailable"
    retryable = True


class UpstreamUnreachable(UpstreamUnavailable):
    """No connection could be made; nothing was sent."""


class UpstreamTimeout(UpstreamError):
    """The upstream, or the connection to it, took too long."""

    status, code = 504, "upstream_timeout"
    retryable = True


class DeadlineExceeded(UpstreamError):
    """The deadline of the whole call has passed; there is no time for another try."""

    status, code = 504, "deadline_exceeded"


class UpstreamRateLimited(UpstreamError):
    """The upstream answered 429, or says that its quota is used up."""

    status, type, code = 429, "rate_limit_error", "upstream_rate_limited"
    retryable = True


class UpstreamRejected(UpstreamError):
    """The upstream rejected the request itself (400, 404, 413, 422 …). The client gets the same status."""

    status, type, code = 400, "invalid_request_error", "upstream_rejected"


class CircuitOpen(UpstreamError):
    """The upstream has failed too often and is not called; `retry_after` says when it is tried again."""

    status, code = 503, "circuit_open"
