"""The embedded model server behind the service, through its admin routes: order faults, and see which calls arrived.

In: faults in the format of PUT /admin/faults. Out: the calls that the server really received.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from workshop.grader.curl import curl
from workshop.grader.verdict import Failed

POLL_SECONDS = 0.02
PATIENCE = 30.0  # seconds for an answer from its admin routes
SETTLES_WITHIN = 5.0  # seconds for calls in flight to end
GIVES_UP_AFTER = 30  # seconds; the time limit of a shown command that meets a fault
ARRIVES_WITHIN = 60.0  # seconds for calls to reach the upstream; a busy machine may take long


@dataclass(slots=True, frozen=True)
class Received:
    """One call as the upstream saw it. Times in seconds; `started` is on the upstream's clock."""

    started: float
    ended: float
    tokens_input: int
    tokens_output: int

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "Received":
        return cls(
            started=record["started"],
            ended=record["started"] + (record["duration_s"] or 0.0),
            tokens_input=record["prompt_tokens"] or 0,
            tokens_output=record["completion_tokens"] or 0,
        )


class Gate:
    """Where the upstream holds calls that arrive, until they are released. See Upstream.held."""

    def __init__(self, client: httpx2.Client, shown: str) -> None:
        self._client = client
        self._shown = shown

    @property
    def held(self) -> int:
        """How many calls the upstream holds at this moment."""
        return int(self._client.get("/admin/faults").json()["held"])

    def wait_for(self, calls: int, *, unless: Callable[[], object] = lambda: None) -> None:
        """Return once exactly `calls` are held. Raises Failed if that takes too long, or if `unless` comes true."""
        patience_ends = time.monotonic() + ARRIVES_WITHIN
        while True:
            given_up = unless() or time.monotonic() > patience_ends
            held = self.held
            if held == calls:
                return
            if given_up:
                raise Failed(f"{calls} calls in flight at the upstream", f"{held}", self._shown)
            time.sleep(POLL_SECONDS)

    def release(self, calls: int | None = None) -> None:
        """Let the first `calls` go on, or all of them. Calls that arrive later are still held."""
        body = {} if calls is None else {"calls": calls}
        self._client.put("/admin/release", json=body).raise_for_status()


class Upstream:
    """`shown_url` is the URL that the curl commands talk to. Without it, they use the real URL, and its key if any."""

    def __init__(self, url: str, *, key: str = "", shown_url: str = "") -> None:
        self.url = url.rstrip("/")
        self._shown_url = shown_url or self.url
        # The shell inserts the key: it must not appear in a report.
        self._shown_key = ' -H "Authorization: Bearer $OPENAI_API_KEY"' if key and not shown_url else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=PATIENCE)
        self._ordered: str | None = None

    def close(self) -> None:
        self._client.close()

    def obeys(self) -> bool:
        """Do the admin routes exist, and may we use them?"""
        try:
            return bool(self._client.get("/admin/faults").status_code == 200)
        except httpx2.TransportError:
            return False

    def models(self) -> list[str]:
        response = self._client.get("/v1/models")
        return [model["id"] for model in response.json()["data"]] if response.status_code == 200 else []

    @contextmanager
    def fault(self, plan: Mapping[str, Any]) -> Iterator[None]:
        """Inside the block, calls meet this plan. The register of calls starts empty."""
        self.forget_calls()
        self._client.put("/admin/faults", json=plan).raise_for_status()
        self._ordered = json.dumps(plan)
        try:
            yield
        finally:
            self._ordered = None
            self.clear()

    @contextmanager
    def held(self, **fault: Any) -> Iterator[Gate]:
        """Inside the block, calls are held until released; `fault` may set `hold_after_tokens`, or further faults."""
        with self.fault(fault if "hold_after_tokens" in fault else {"hold": True} | fault):
            yield self._gate()

    @contextmanager
    def played(self, *faults: Mapping[str, Any]) -> Iterator[Gate]:
        """Inside the block, calls meet these faults, one after the other; calls that a fault holds wait at the gate."""
        with self.fault({"sequence": faults}):
            yield self._gate()

    def _gate(self) -> Gate:
        return Gate(self._client, f"curl {self._shown_url}/admin/faults{self._shown_key}")

    def clear(self) -> None:
        """End all faults. Waits for a server that was told to refuse connections."""
        patience_ends = time.monotonic() + 60
        while True:
            try:
                self._client.delete("/admin/faults").raise_for_status()
                return
            except httpx2.TransportError:
                if time.monotonic() > patience_ends:
                    raise
                time.sleep(POLL_SECONDS)

    def around(self, shown: str) -> str:
        """The curl of a request, between the commands that order the present fault and end it."""
        if self._ordered is None:
            return shown
        faults = f"{self._shown_url}/admin/faults"
        # It may hang, and the reader's terminal must not.
        shown = shown.replace("curl -i", f"curl -m {GIVES_UP_AFTER} -i")
        order, take_back = curl("PUT", faults, body=self._ordered), curl("DELETE", faults)
        return "\n".join([order + self._shown_key, shown, take_back + self._shown_key])

    def forget_calls(self) -> None:
        self._settled()
        self._client.delete("/admin/calls").raise_for_status()

    def calls(self) -> list[Received]:
        """The calls since the register was emptied (the last hundred), once none is in flight."""
        return [Received.read(record) for record in self._settled()["last"]]

    def register(self) -> Any:
        """GET /admin/calls, as it is at this moment."""
        return self._client.get("/admin/calls").json()

    def received(self) -> int:
        """The number of calls since the register was emptied, once none is in flight."""
        return int(self._settled()["received"])

    def _settled(self) -> Any:
        patience_ends = time.monotonic() + SETTLES_WITHIN
        while True:
            register = self.register()
            if register["in_flight"] == 0 or time.monotonic() > patience_ends:
                return register
            time.sleep(POLL_SECONDS)
