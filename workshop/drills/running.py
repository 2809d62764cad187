"""The drill that runs at a port: the runner writes a note of it, and the quiz reads the note."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workshop.drills.evidence import Evidence
from workshop.processes import ROOT
from workshop.translation.phrases import say


class NoDrill(Exception):
    """No drill runs there; the text is one line."""


@dataclass(slots=True, frozen=True)
class Running:
    """Which drill runs, and where its metrics, traces and log can be seen."""

    drill: str
    evidence: Evidence


@contextmanager
def noted(port: int, running: Running) -> Iterator[None]:
    """`find` finds the drill at `port` while the context lasts."""
    file = _file(port)
    file.parent.mkdir(exist_ok=True)
    seen = running.evidence
    file.write_text(
        json.dumps(
            {
                "drill": running.drill,
                "prometheus": seen.prometheus,
                "traces": seen.traces,
                "log": str(seen.log.absolute()),
            }
        )
    )
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(port: int) -> Running:
    """The drill at this port. Raises NoDrill."""
    try:
        note = json.loads(_file(port).read_text())
    except OSError:
        where = say("no drill runs at port {port}; start one in another terminal: make drill-slow", port=port)
        raise NoDrill(where) from None
    return Running(note["drill"], Evidence(note["prometheus"], note["traces"], Path(note["log"])))


def _file(port: int) -> Path:
    return ROOT / ".run" / f"drill-{port}.json"
