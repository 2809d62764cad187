"""The variables that a Ray Serve cluster starts with, each with its reason, and the ports of a cluster on this machine.

Serve reads them when it is imported, in every process: they must be set before Ray starts. In: the cluster's port and a
folder. Out: a mapping. On Kubernetes, PROFILE is in the RayService, and each pod has its own ports.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from serving.ray_serve.arguments import ROOT

PROFILE = {
    # HAProxy in front sends requests straight to a replica's own HTTP server. The default, a proxy in Python, adds one
    # hop for each token.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    # Serve's code runs on our thread, there is no log line per request, garbage collection is frozen after the start.
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # HAProxy drops a dead replica after two failed checks, a quarter of a second apart; it adds a new one as fast.
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
    # The proxy may not repeat a request that has reached a replica: only the gateway knows what is safe to repeat, and
    # retries by both would multiply.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure",
    # How often load is reported to the autoscaler. The default of 10 s limits how fast it can react.
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    # The age of Ray's numbers in Prometheus. With the default of 10 s, a new or dead replica is missing from dashboards
    # for that long. A value that is not reported again within two intervals disappears, so Serve must also report a
    # replica's health more often than every 10 s.
    "RAY_metrics_report_interval_ms": "2000",
    "RAY_SERVE_STATUS_GAUGE_REPORT_INTERVAL_S": "1",
    # No usage reports.
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    # Only those who can read the token may use the cluster: anyone who may submit work to Ray may run anything.
    "RAY_AUTH_MODE": "token",
}


class Ports(NamedTuple):
    """The ports of a cluster on this machine, all on the loopback interface except those that HAProxy binds."""

    http: int
    proxy: int  # Serve's own proxy, which answers while there is no replica
    haproxy_metrics: int
    haproxy_stats: int
    metrics: int  # Ray's, Serve's and vLLM's, as Prometheus reads them
    dashboard: int  # and the REST API that `serve deploy` and `serve status` use
    replicas_http: range
    replicas_grpc: range

    @property
    def single(self) -> list[int]:
        """The ports that must be free; for the others it takes any free one."""
        return [port for port in self if isinstance(port, int)]


def ports(port: int) -> Ports:
    return Ports(
        http=port,
        proxy=port + 1,
        haproxy_metrics=port + 2,
        haproxy_stats=port + 3,
        metrics=port + 4,
        dashboard=port + 5,
        replicas_http=range(port + 10, port + 40),
        replicas_grpc=range(port + 40, port + 70),
    )


def of(port: int, folder: Path) -> dict[str, str]:
    """All variables of a cluster here. `folder` holds its sockets, logs and token; the folder's path must be short."""
    at = ports(port)
    profile = PROFILE | {
        # Two cores: more HAProxy threads would take CPU time from the engine.
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        # The only HAProxy there is: without it there is no service. Serve starts another one after three failed checks,
        # every 10 s by default.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
        # How long a replica that must go stays, even if idle, until load balancers know. Ours knows at once; with the
        # default of 30 s, one more engine would compete for the cores.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "5",
    }
    # The shell's variables win, so that you can try a setting without an edit.
    return {name: os.environ.get(name, value) for name, value in profile.items()} | {
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(at.proxy),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(at.haproxy_metrics),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(at.haproxy_stats),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(at.replicas_http.start),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(at.replicas_http.stop),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(at.replicas_grpc.start),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(at.replicas_grpc.stop),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_AUTH_TOKEN_PATH": os.environ.get("RAY_AUTH_TOKEN_PATH", str(folder / "token")),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
