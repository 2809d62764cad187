"""The model behind all contenders: the embedded server's simulator, about as slow as a large model's API.

An answer takes half a second, give or take: 300 ms to the first token and 5 ms for each further one. A model that
answers at once would only show what the gateway itself costs, which `make bench` measures. The simulator has a place
for every call, so the services decide how many are answered at the same time. It runs on the core of the load.
"""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from workshop import direct
from workshop.processes import free_port, model_server

MODEL = "workshop-sim"
ANSWER_TOKENS = 40
PACE = {
    "LOCAL_MODELS": MODEL,
    "SIM_TTFT_MS": "300",
    "SIM_TPOT_MS": "5",
    "SIM_JITTER": "0.2",
    "SIM_SLOTS": "10000",
    "SIM_OUTPUT_TOKENS": str(ANSWER_TOKENS),
}
PATIENCE = 10.0  # seconds, for the switches of its faults


class Model:
    """One of them, a server of its own. `url` is the base URL for an upstream."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self._server = model_server(port=port, environment=PACE, output=folder / f"model-{port}.log")
        self._root = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return f"{self._root}/v1"

    def fail(self, plan: Mapping[str, Any]) -> None:
        """Faults for the calls from now on; see serving/local/README.md."""
        self._admin("PUT", json.dumps(plan).encode())

    def recover(self) -> None:
        self._admin("DELETE")

    def _admin(self, method: str, body: bytes | None = None) -> None:
        with direct.urlopen(urllib.request.Request(f"{self._root}/admin/faults", body, method=method), PATIENCE):
            pass
