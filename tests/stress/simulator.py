"""The embedded server's simulator as the upstream: it counts its calls, and fails on request."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.stress.ports import on_a_free_port
from workshop.grader.upstream import Upstream
from workshop.processes import model_server

MODEL = "workshop-sim"


@contextmanager
def simulator(folder: Path, pace: Mapping[str, int], name: str = "primary") -> Iterator[Upstream]:
    """`pace` has the simulator's settings without the prefix SIM_: `{"ttft_ms": 5}`."""
    environment = {"LOCAL_MODELS": MODEL, **{f"SIM_{key.upper()}": str(value) for key, value in pace.items()}}
    output = folder / f"{name}.txt"
    process, url = on_a_free_port(lambda port: model_server(port=port, environment=environment, output=output))
    upstream = Upstream(url)
    try:
        yield upstream
    finally:
        upstream.close()
        process.stop()
