"""The variables that a Ray Serve cluster is started with, each with its reason, and the ports of one on this machine.

Serve reads them when it is imported, in every process: they must be there before Ray starts. In: the cluster's port and
a folder. Out: a mapping. On Kubernetes PROFILE stands in the RayService, and the ports are each pod's own.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from serving.ray_serve.arguments import ROOT

PROFILE = {
    # HAProxy in front, which sends requests straight to a replica's own HTTP server. The default, a proxy in Python, is
    # one more hop for each token.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    # Serve's code on the thread of ours, no log line a request, garbage collection frozen after the start.
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # A replica that is gone is out after two looks, a quarter of a second apart; a replica that is new is in as fast.
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
    # No request may be repeated by a proxy that has been sent to a replica: who knows what is safe to repeat is the
    # gateway, and retries of both would multiply.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure",
    # How often load is told to the autoscaler. The default of 10 s bounds how fast it can react.
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    # How old Prometheus finds what Ray tells of its processes. With the default of 10 s a replica that is new or dead
    # stands on no dashboard for as long. What is not said again within two intervals is gone from the page, so Serve
    # must say more often than every 10 s, too, that a replica is well.
    "RAY_metrics_report_interval_ms": "2000",
    "RAY_SERVE_STATUS_GAUGE_REPORT_INTERVAL_S": "1",
    # Nobody is told what runs here.
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    # Who may not read the token may not use the cluster: whoever may submit work to Ray may run anything.
    "RAY_AUTH_MODE": "token",
}


class Ports(NamedTuple):
    """Where a cluster of this machine listens, all on the loopback interface but what HAProxy binds everywhere."""

    http: int
    proxy: int  # Serve's own proxy, which takes what comes while there is no replica
    haproxy_metrics: int
    haproxy_stats: int
    metrics: int  # Ray's, Serve's and vLLM's, as Prometheus reads them
    dashboard: int  # and its REST API, which `serve deploy` and `serve status` speak to
    replicas_http: range
    replicas_grpc: range

    @property
    def single(self) -> list[int]:
        """Those that must be free; of the others it takes what is."""
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
    """All of a cluster on this machine. `folder` holds what runs: sockets, logs, the token; its path must be short."""
    at = ports(port)
    profile = PROFILE | {
        # Two cores: more threads of HAProxy would be taken from the engine.
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        # The only HAProxy there is: when it is gone, so is the service. Another is started after three looks in vain,
        # every 10 s by default.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
        # How long a replica that must go stays, however idle, for balancers to hear of it. Ours does at once; with
        # the default of 30 s an engine more would compete for the cores.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "5",
    }
    # What the shell says wins: a knob is tried without an edit.
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
