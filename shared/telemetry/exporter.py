"""Sends finished traces to a collector: a bounded queue, and a task that writes and posts them in batches.

In: traces that have ended. Out: OTLP over HTTP. A dead or slow collector costs traces, and never a request. The
operational log has one line when the collector goes, and one when it is back.

Not the OpenTelemetry SDK's exporter: it takes 8 MB per worker, and 215 µs for a trace of 15 spans. OTLP's own messages,
written directly from the recorded data, take 2 MB and 40 µs.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
import uuid
from collections import deque

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from yarl import URL

from shared import SERVICE_NAME, __version__
from shared.http_client.faults import HttpFault
from shared.http_client.pool import Pool
from shared.telemetry.spans import write_attributes, write_spans
from shared.telemetry.trace import Trace

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MOST_WAITING = 1000  # traces; past it new ones are lost
MOST_AT_ONCE = 100  # traces in one request to the collector
POST_SECONDS = 5.0
IDLE_SECONDS = 15.0
WAITS = (1.0, 2.0, 4.0)  # seconds before a batch is sent again; after the last it is lost
TRY_AGAIN = (429, 502, 503, 504)  # statuses that OTLP allows to retry
LARGEST_ANSWER = 1 << 16  # bytes
CLOSE_SECONDS = 2.0

SCOPE = InstrumentationScope(name="shared.telemetry", version=__version__)
HEADERS = {"Content-Type": "application/x-protobuf"}


class NotTaken(Exception):
    """The collector did not take a batch. The text says why; `again`: it may take it later."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Exporter:
    """Open it inside the event loop. `lost`: traces lost since the collector last worked."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._waiting: deque[Trace] = deque()
        self._resource = _resource()
        self._closing = asyncio.Event()
        self._in_trouble = False
        self.lost = 0
        self._pool: Pool | None = None

    async def open(self) -> None:
        self._pool = Pool(self._url, most=1, connect_seconds=POST_SECONDS, idle_seconds=IDLE_SECONDS)
        self._head = self._pool.head("POST", self._url, HEADERS)
        self._task = asyncio.create_task(self._run(self._pool))

    async def close(self) -> None:
        """Send the waiting traces, if the collector takes them within CLOSE_SECONDS."""
        self._closing.set()
        _, unfinished = await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
        if unfinished:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._complain(f"no answer within {CLOSE_SECONDS:g} seconds before this service ended")
        if self._pool is not None:
            self._pool.close()

    # region: export-add
    def add(self, trace: Trace) -> None:
        """Queue `trace` for sending. Never waits, never raises."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(trace)
        else:
            self._lose(1, "more traces come than the collector takes")

    # endregion: export-add

    async def _run(self, pool: Pool) -> None:
        closed = False
        while not closed:
            await self._pause(FLUSH_SECONDS)
            closed = self._closing.is_set()
            while self._waiting:
                body, count = await self._written()
                await self._send(pool, body, count)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but only until the exporter is closed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _written(self) -> tuple[bytes, int]:
        """The next batch, and how many traces are in it."""
        message = ExportTraceServiceRequest()
        scope = message.resource_spans.add(resource=self._resource).scope_spans.add(scope=SCOPE)
        epoch = time.time_ns() - time.perf_counter_ns()
        count = min(len(self._waiting), MOST_AT_ONCE)
        for _ in range(count):
            written = len(scope.spans)
            try:
                write_spans(self._waiting.popleft(), scope, epoch)
            except Exception:
                log.exception("a bug: a trace could not be written")
                del scope.spans[written:]
            await asyncio.sleep(0)  # requests come first: they wait for one trace, not for a hundred
        return message.SerializeToString(), count

    async def _send(self, pool: Pool, body: bytes, count: int) -> None:
        for wait in (*WAITS, None):
            try:
                await self._post(pool, body)
            except NotTaken as refusal:
                if wait is None or not refusal.again or self._closing.is_set():
                    return self._lose(count, str(refusal))
                self._complain(str(refusal))
                await self._pause(wait)
            else:
                return self._recover()

    async def _post(self, pool: Pool, body: bytes) -> None:
        """Raises NotTaken."""
        try:
            async with asyncio.timeout(POST_SECONDS):
                response, _ = await pool.fetch(self._head, body, most=LARGEST_ANSWER)
        except TimeoutError:
            raise NotTaken(f"no answer within {POST_SECONDS:g} seconds", again=True) from None
        except HttpFault as fault:
            raise NotTaken(f"{type(fault).__name__}: {fault}", again=True) from None
        if not 200 <= response.status < 300:
            raise NotTaken(f"it answered {response.status}", again=response.status in TRY_AGAIN)

    def _lose(self, count: int, reason: str) -> None:
        self._complain(reason)
        self.lost += count

    def _complain(self, reason: str) -> None:
        """Log once, until the collector works again."""
        if not self._in_trouble:
            self._in_trouble, self.lost = True, 0
            fields = {"event": "traces_not_taken", "collector": self._url.authority, "reason": reason}
            log.warning("the trace collector takes no traces; some will be lost", extra={"fields": fields})

    def _recover(self) -> None:
        if self._in_trouble:
            self._in_trouble = False
            log.info("the trace collector is back", extra={"fields": {"event": "traces_taken", "lost": self.lost}})


def _resource() -> Resource:
    """Identifies the sender; each worker has its own."""
    said = {
        "service.name": SERVICE_NAME,
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    resource = Resource()
    write_attributes(resource, said)
    return resource
