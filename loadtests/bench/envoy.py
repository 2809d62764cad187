"""Envoy's configuration, as JSON: a plain proxy of one upstream, or with a key for each caller and all else on.

Plain, it does without what its documentation of benchmarks wants off: request ids, statistics of its routes, an access
log. Governed, it has its own filters for keys and limits, and its defaults.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

TYPES = "type.googleapis.com/envoy"
MOST = 10**9
ALWAYS = {"default_value": {"numerator": 100}}
CLIENT = "x-client-id"  # the header by which its filters tell each other who is calling
LOG_LINE = {
    "timestamp": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "client": "%REQ(X-CLIENT-ID)%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "duration_ms": "%DURATION%",
}

Json = dict[str, Any]


def plain(port: int, admin: int, upstream: str) -> Json:
    """A proxy that listens on `port`, and nothing else."""
    http = _http([], _typed("filters.http.router", "filters.http.router.v3.Router", dynamic_stats=False))
    return _configuration(port, admin, {"upstream": upstream}, http | {"generate_request_id": False})


def governed(port: int, admin: int, upstream: str, *, key: str, log: str, collector: str) -> Json:
    """With all of it, for one caller. `log`: a path. `collector`: a base URL, for OTLP over HTTP."""
    http = _http([_keys(key), _limits()], _typed("filters.http.router", "filters.http.router.v3.Router"))
    lines = {"path": log, "log_format": {"json_format": LOG_LINE}}
    return _configuration(
        port,
        admin,
        {"upstream": upstream, "collector": collector},
        http
        | {
            "access_log": [_typed("access_loggers.file", "access_loggers.file.v3.FileAccessLog", **lines)],
            "tracing": {"random_sampling": {"value": 10}, "provider": _tracer(collector)},
        },
    )


def _keys(key: str) -> Json:
    return _typed(
        "filters.http.api_key_auth",
        "filters.http.api_key_auth.v3.ApiKeyAuth",
        credentials=[{"key": key, "client": "bench"}],
        key_sources=[{"header": "Authorization"}],  # it knows "Bearer"
        forwarding={"header": CLIENT, "hide_credentials": True},
    )


def _limits() -> Json:
    bucket = {"max_tokens": MOST, "tokens_per_fill": MOST, "fill_interval": "60s"}
    by_client = {"request_headers": {"header_name": CLIENT, "descriptor_key": "client"}}
    return _typed(
        "filters.http.local_ratelimit",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limits",
        token_bucket=bucket,
        filter_enabled=ALWAYS,
        filter_enforced=ALWAYS,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        rate_limits=[{"actions": [by_client]}],
        descriptors=[{"entries": [{"key": "client"}], "token_bucket": bucket}],  # a bucket for each client
    )


def _tracer(collector: str) -> Json:
    export = {"uri": f"{collector}/v1/traces", "cluster": "collector", "timeout": "5s"}
    return {
        "name": "envoy.tracers.opentelemetry",
        "typed_config": {
            "@type": f"{TYPES}.config.trace.v3.OpenTelemetryConfig",
            "service_name": "envoy",
            "http_service": {"http_uri": export},
        },
    }


def _http(filters: Sequence[Json], router: Json) -> Json:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "0s"}}  # streams may be long
    return {
        "stat_prefix": "gateway",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [*filters, router],
    }


def _configuration(port: int, admin: int, clusters: dict[str, str], http: Json) -> Json:
    """`clusters`: their URLs by name."""
    manager = "filters.network.http_connection_manager"
    chain = {"filters": [_typed(manager, f"{manager}.v3.HttpConnectionManager", **http)]}
    return {
        "admin": {"address": _address("127.0.0.1", admin)},
        "static_resources": {
            "listeners": [{"name": "all", "address": _address("127.0.0.1", port), "filter_chains": [chain]}],
            "clusters": [_cluster(name, url) for name, url in clusters.items()],
        },
    }


def _cluster(name: str, url: str) -> Json:
    parts = urlsplit(url)
    endpoint = {"endpoint": {"address": _address(parts.hostname or "", parts.port or 80)}}
    no_limit = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), MOST)
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {"thresholds": [no_limit]},
    }


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def _typed(name: str, kind: str, **settings: Any) -> Json:
    return {"name": f"envoy.{name}", "typed_config": {"@type": f"{TYPES}.extensions.{kind}", **settings}}
