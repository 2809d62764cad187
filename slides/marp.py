"""Marp, and the Chromium that it needs.

In: expanded Markdown and the theme. Out: HTML and PDF beside it, and a browser's measurements of the HTML.
Marp comes from package-lock.json; Chromium from the system or not at all.
Knows programs and their paths; knows nothing about decks and their rules.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from workshop import node as nodes
from workshop.node import Node, NodeError, run
from workshop.programs import PROGRAMS

HERE = Path(__file__).resolve().parent
OLDEST_NODE = 18  # the oldest version that Marp runs on
BROWSER_PATIENCE = 120  # seconds that one step of a browser may take; on a busy machine it starts slowly


def find_node(build: Path) -> Node:
    """The system's Node if it is new enough, else the one from PyPI, installed under `build`."""
    return nodes.find_node(build / "slides-node", OLDEST_NODE)


def install_marp(node: Node, build: Path) -> Path:
    """The folder of Marp's node_modules."""
    return nodes.install(node, HERE, build / "slides-npm")


def find_chromium() -> str | None:
    named = os.environ.get("CHROME_PATH")
    if named:
        return named if Path(named).is_file() else None
    return PROGRAMS["chromium"].path()


def write_html(node: Node, marp: Path, theme: Path, decks: Sequence[Path]) -> list[Path]:
    return _convert(node, marp, theme, decks, ".html", [], {})


def write_pdf(node: Node, marp: Path, theme: Path, decks: Sequence[Path], chromium: str) -> list[Path]:
    options = ["--pdf", "--pdf-outlines", f"--browser-timeout={BROWSER_PATIENCE}"]
    return _convert(node, marp, theme, decks, ".pdf", options, {"CHROME_PATH": chromium})


def measure(node: Node, marp: Path, decks: Sequence[Path], chromium: str) -> list[list[tuple[int, str]]]:
    """Per deck, the faults that only a browser sees, each with its slide's number: overflow, tiny type, other fonts."""
    script = [str(HERE / "measure.mjs"), str(marp), chromium, str(BROWSER_PATIENCE), *map(str, decks)]
    report = run([*node.node, *script], "measuring the slides")
    return [[(fault["slide"], fault["text"]) for fault in faults] for faults in json.loads(report)]


def _convert(
    node: Node,
    marp: Path,
    theme: Path,
    decks: Sequence[Path],
    suffix: str,
    options: list[str],
    environment: dict[str, str],
) -> list[Path]:
    """Convert all decks in one run, which starts one browser at most. The output lies beside the Markdown."""
    program = marp / "node_modules" / "@marp-team" / "marp-cli" / "marp-cli.js"
    command = [*node.node, str(program), "--no-stdin", "--config", str(HERE / "marp.config.mjs"), "--html"]
    command += [*options, "--theme", str(theme), *map(str, decks)]
    outputs = [deck.with_suffix(suffix) for deck in decks]
    for output in outputs:
        output.unlink(missing_ok=True)
    run(command, f"marp {suffix.removeprefix('.')}", None, {**os.environ, **environment})
    missing = [output.name for output in outputs if not output.is_file()]
    if missing:
        raise NodeError(f"marp wrote no {', '.join(missing)}")
    return outputs
