"""Run one service: `python -m shared.server demos.demo_1_guarded.app:build [--port 8000]`.

In: the import path of a `build` function. Out: a listening server until SIGINT or SIGTERM, then a clean end in which
the requests in flight finish. What keeps it from starting is one line on stderr and exit status 1.
"""

import argparse
import importlib
import logging
import socket
import sys

import uvicorn

from shared.asgi.protocol import BoundedHttpProtocol
from shared.logs import configure_operational_log, writable
from shared.settings import BadSetting, Settings, load_settings

log = logging.getLogger(__name__)

KEEP_ALIVE = 75  # seconds; longer than the usual load balancer's 60, so that it is never us who close first


class CannotStart(Exception):
    """One line that says what is wrong and what would be right."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m shared.server", description=__doc__.split("\n")[0])
    parser.add_argument("build", help="module:function that makes the application from Settings")
    parser.add_argument("--host", help="address to listen on (HOST)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (PORT)")
    options = parser.parse_args(arguments)
    given = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    configure_operational_log()
    try:
        serve(options.build, load_settings(**given))
    except (CannotStart, BadSetting) as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # uvicorn raises the signal again once it has shut down
    return 0


def serve(build: str, settings: Settings) -> None:
    """Listen and answer until told to stop. Raises CannotStart."""
    if settings.log_file != "-" and (reason := writable(settings.log_file)):
        raise CannotStart(f"LOG_FILE={settings.log_file}: cannot be written: {reason}")
    module, _, function = build.partition(":")
    app = getattr(importlib.import_module(module), function or "build")(settings)
    with _listen(settings) as listener:
        host, port = listener.getsockname()[:2]
        log.info("listening", extra={"fields": {"event": "listening", "url": f"http://{host}:{port}"}})
        config = uvicorn.Config(
            app,
            http=BoundedHttpProtocol,
            loop="uvloop",
            log_config=None,
            access_log=False,  # the request log has more, and never a prompt
            server_header=False,
            proxy_headers=False,  # X-Forwarded-For is believed from nobody
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=int(settings.timeout) + 1,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotStart(f"cannot listen on {settings.host}:{settings.port}: {reason}; choose another PORT") from None
    return listener


if __name__ == "__main__":
    sys.exit(main())
