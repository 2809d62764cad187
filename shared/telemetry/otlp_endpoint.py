"""Reads OTLP_ENDPOINT, the collector that traces go to.

In: the base URL of an OTLP/HTTP collector. Out: the URL that takes traces, or BadSetting, which shows no password.
https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
"""

from yarl import URL

from shared.settings import BadSetting

TRACES = "/v1/traces"


def read_endpoint(given: str) -> URL:
    try:
        url = URL(given.strip())
        _ = url.port
    except ValueError:
        raise _bad("cannot be read") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise _bad("must start with http:// or https://, and a host")
    if url.query_string or url.fragment:
        raise _bad("must not have a ? or a #; a base URL ends with its path")
    path = url.path.rstrip("/")
    return url.with_path(path if path.endswith(TRACES) else path + TRACES)


def _bad(reason: str) -> BadSetting:
    return BadSetting(f"OTLP_ENDPOINT: {reason}")
