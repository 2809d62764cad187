"""Demo 5 · See it, and be told: each request is counted and traced, memory is watched, and alerts call a person."""

from fastapi import FastAPI

from demos.demo_4_streaming import app as demo_4
from demos.parts import Parts
from shared.app import build_service
from shared.health.checks import health_checks
from shared.http.cors import cors
from shared.layers.memory_guard import MemoryGuard
from shared.layers.metrics import Metrics
from shared.layers.request_log import RequestLog
from shared.layers.tracing import Tracing
from shared.logs.human import on_stdout
from shared.memory.watch import MemoryWatch
from shared.pipeline.layer import Layers
from shared.process.worker_broadcast import WorkerBroadcast
from shared.routes.dashboards import dashboard_routes
from shared.routes.debug import debug_routes
from shared.routes.metrics import metrics_routes
from shared.routes.webhooks import webhook_routes
from shared.settings import Settings
from shared.upstream.pools import Upstreams
from shared.webhooks.alert_board import AlertBoard

TITLE = "Demo 5 · See it, and be told"


def build(settings: Settings, *, title: str = TITLE, metrics: Layers = (), innermost: Layers = ()) -> FastAPI:
    """`metrics`: pass your own layers to replace the one that counts. `innermost`: layers after all others."""
    parts = Parts(settings)
    memory = MemoryWatch(settings, parts.cache.caches)
    counting = (metrics or [Metrics()]) if settings.enable_metrics else []
    broadcast, alerts = WorkerBroadcast(), AlertBoard(settings, parts.accounts.database)
    return build_service(
        settings,
        title=title,
        layers=[
            # region: outer-layers
            RequestLog(settings.log_file, shown=on_stdout(settings)),
            *counting,  #                                         new: counts and times each call
            *([Tracing(settings)] if settings.traced else []),  # new: a trace of each request
            MemoryGuard(memory),  #                               new: refuses work when memory is short
            *demo_4.layers(settings, parts)[1:],  #               demo 4's layers, except its log
            # endregion: outer-layers
            *innermost,
        ],
        upstreams=Upstreams(settings, learn=parts.learn),
        routes=[
            *demo_4.routes(parts),
            dashboard_routes,  #                                     new: GET /playground/traces and /dashboards
            *([metrics_routes] if settings.enable_metrics else []),  # new: GET /metrics
            webhook_routes(alerts),  #                               new: POST /webhooks/ingest, GET /webhooks/alerts
            debug_routes(memory, broadcast),  #                      new: POST /debug/…
        ],
        resources=[*parts.resources, alerts, broadcast],
        gate=parts.gate,
        checks=health_checks(parts.redis, alerts),  #                new: GET /health says what is wrong
        cors=cors(settings.cors_origins),
    )
