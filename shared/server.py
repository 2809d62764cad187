"""Run one service: `python -m shared.server demos.demo_1_guarded.app:build [--port 8000]`.

In: the import path of a `build` function. Out: a listening server, with one process or several. On SIGINT or SIGTERM it
refuses new requests, finishes those in flight, and exits. The grace period is the longest time that a call may take,
plus a second. A request that is not finished by then, such as a long stream, gets the error `shutting_down`. A server
that cannot start prints the reason on stderr and exits with status 1.
"""

import argparse
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess, multiprocess

from shared.http.protocol import HttpProtocol
from shared.logs.human import ReadableFormatter
from shared.logs.json_lines import configure_operational_log, writable
from shared.process.listener import CannotListen, bound
from shared.process.load_app import CannotLoad, load_application
from shared.process.worker_broadcast import worker_broadcasts
from shared.process.write_behind import gather
from shared.settings import BadSetting, Settings, load_settings, remarks
from shared.telemetry.multiprocess import forget_gauges, metrics_of_workers

log = logging.getLogger(__name__)

YOUNG_OBJECTS = 20_000  # objects created minus objects freed, before the collector looks at them
GENERATIONS = (20, 20)  # collections of one generation before one of the next older
KEEP_ALIVE = 75  # seconds; longer than the usual load balancer's 60, so that we never close first
BACKLOG = 2048
BUILD = "SERVICE_BUILD"  # the environment variable that tells a worker what to build
ATTENDED = "SERVICE_ATTENDED"  # and the one that tells it that somebody reads its output while it stops
# Seconds until the supervisor replaces a worker that does not answer. With uvicorn's five seconds, a busy machine kills
# starting workers before they can answer, and then kills their replacements, forever.
WORKER_STARTS_WITHIN = 60
PARENT_LOOK_SECONDS = 1.0


class CannotStart(Exception):
    """One line that says what is wrong and what would be right."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m shared.server", description=__doc__.split("\n")[0])
    parser.add_argument("build", help="module:function that makes the application from Settings")
    parser.add_argument("--host", help="address to listen on (HOST)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (PORT)")
    parser.add_argument("--grace", type=int, metavar="SECONDS", help="most time for requests in flight at shutdown")
    parser.add_argument(
        "--attended", action="store_true", help="at shutdown, print what the server waits for, for a person"
    )
    options = parser.parse_args(arguments)
    if options.attended:
        os.environ[ATTENDED] = "yes"
    given = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    configure_operational_log()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # exit with 0 on SIGTERM
    try:
        settings = load_settings(**given)
        for remark in remarks(settings):
            log.warning(remark, extra={"fields": {"event": "setting"}})
        serve(options.build, settings, options.grace)
    except (CannotStart, CannotListen, CannotLoad, BadSetting) as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # uvicorn raises the signal again once it has shut down
    return 0


def serve(build: str, settings: Settings, grace: int | None = None) -> None:
    """Listen and answer until told to stop. Raises CannotStart, CannotListen, BadSetting."""
    _speak(settings)
    if settings.log_file != "-" and (reason := writable(settings.log_file)):
        raise CannotStart(f"LOG_FILE={settings.log_file}: cannot be written: {reason}")
    app = _build(build, settings)  # also when workers build their own: an error is reported once, and here
    with bound(settings.host, settings.port) as listener:
        listener.listen(BACKLOG)
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        told = {"url": url, "workers": settings.workers}
        if settings.config_file:
            told["config_file"] = settings.config_file
        log.info("listening", extra={"fields": {"event": "listening", **told}})
        longest = int(getattr(app.state, "longest_call", settings.timeout)) + 1
        grace = longest if grace is None else min(grace, longest)
        if settings.workers == 1:
            _Server(_configuration(app, settings, grace)).run(sockets=[listener])
        else:
            os.environ[BUILD] = build
            with metrics_of_workers(), worker_broadcasts():
                _Workers(_configuration("shared.server:worker", settings, grace), [listener]).run()


def worker() -> FastAPI:
    """The application of one of several workers, built from the environment that the parent left."""
    gather()
    configure_operational_log()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = load_settings()
    _speak(settings)
    return _build(os.environ[BUILD], settings)


class _Server(uvicorn.Server):
    """uvicorn's server; while it stops, it says what it waits for."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        grace, in_flight = self.config.timeout_graceful_shutdown, len(self.server_state.tasks)
        if in_flight and os.environ.get(ATTENDED):
            waiting = f"waiting for {in_flight} request{'s' * (in_flight > 1)} in flight, at most {grace} s"
            print(f"stopping: {waiting}; Ctrl-C again ends at once", file=sys.stderr, flush=True)
        elif in_flight:
            fields = {"event": "stopping", "in_flight": in_flight, "grace_s": grace}
            log.info("stopping", extra={"fields": fields})
        await super().shutdown(sockets)


class _Worker(multiprocess.Process):
    """uvicorn's worker process, with our server in it.

    On Linux it is forked: the parent has already imported all the code, and has no threads and no connections yet.
    Starting Python again costs two seconds of CPU for each of four workers, and for each replacement.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        if sys.platform == "linux":  # elsewhere, system libraries do not survive a fork
            fork = multiprocessing.get_context("fork")
            self.process = fork.Process(target=self.target, args=(sockets,))  # type: ignore[assignment]

    def start(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, multiprocess.SIGNALS)  # until the worker has its own handlers
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, multiprocess.SIGNALS)
        # Now only the worker holds its end of the pipe. If the worker dies while the supervisor waits for an answer,
        # the wait ends at once. With a copy of that end here, it would last for all of WORKER_STARTS_WITHIN.
        self.child_conn.close()

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        for number in multiprocess.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, multiprocess.SIGNALS)
        super().target(sockets)

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = _Server(self.config)
        return self._server


multiprocess.Process = _Worker  # type: ignore[misc]  # uvicorn has no other way to choose the process class


class _Workers(Multiprocess):
    """uvicorn's supervisor; it releases the port as soon as it stops, and says when a worker could not start.

    It also removes the last gauges of workers that are gone, whether they died or were replaced.
    """

    _alive: frozenset[int | None] = frozenset()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        alive = frozenset(process.pid for process in self.processes)
        forget_gauges(pid for pid in self._alive - alive if pid is not None)
        self._alive = alive

    def terminate_all(self) -> None:
        # While the port stays open, the kernel accepts connections that nobody will ever serve.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def run(self) -> None:
        super().run()
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise CannotStart("a worker could not start; the reason is above")


def _build(path: str, settings: Settings) -> FastAPI:
    app = load_application(path, settings)
    _spare_the_collector()
    return app


def _spare_the_collector() -> None:
    """Keep the garbage collector away from the objects built at start-up, which live as long as the process.

    With Python's default thresholds it took a seventh of the CPU. About every 1,600 requests it stopped all calls for
    60 to 80 ms, while it looked through everything. Measured in alternation, three times (demo 5 with 16 connections,
    on 2 cores that had other work too): p99 latency of 24, 32 and 95 ms, instead of 81, 237 and 207.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *GENERATIONS)


def _speak(settings: Settings) -> None:
    if not settings.enable_structured_logging:
        configure_operational_log(formatter=ReadableFormatter())


def _configuration(app: FastAPI | str, settings: Settings, grace: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        http=HttpProtocol,
        loop="uvloop",
        log_config=None,
        access_log=False,  # the request log has more, and never a prompt
        server_header=False,
        ws="none",
        proxy_headers=False,  # X-Forwarded-For is not trusted here; see TRUSTED_PROXIES
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=grace,
        timeout_worker_healthcheck=WORKER_STARTS_WITHIN,
    )


def _end_with_parent() -> None:
    """When the parent was killed, end this worker as SIGTERM would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        while os.getppid() == parent.pid:  # the pipe alone is no sign: workers forked later hold its other end too
            parent.join(PARENT_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
