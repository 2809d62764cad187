"""Marp, and the Chromium that it needs.

In: expanded Markdown. Out: HTML and PDF beside it, and what a browser measured on the HTML.
Marp comes from package-lock.json; Chromium from the system or not at all.
Knows programs and where they lie; knows nothing about decks and their rules.
"""

import json
import os
import shutil
from pathlib import Path

from workshop import node as nodes
from workshop.node import Node, run

HERE = Path(__file__).resolve().parent
OLDEST_NODE = 18  # that Marp runs on
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


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
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def write_html(node: Node, marp: Path, markdown: Path) -> Path:
    return _convert(node, marp, markdown, ".html", ["--html"], {})


def write_pdf(node: Node, marp: Path, markdown: Path, chromium: str) -> Path:
    return _convert(node, marp, markdown, ".pdf", ["--html", "--pdf", "--pdf-outlines"], {"CHROME_PATH": chromium})


def measure(node: Node, marp: Path, html: Path, chromium: str) -> list[tuple[int, str]]:
    """The faults that only a browser sees, each with the number of its slide: overflow, tiny type, outside requests."""
    script = [str(HERE / "measure.mjs"), str(marp), chromium, str(html)]
    report = run([*node.node, *script], f"measuring {html.name}")
    return [(fault["slide"], fault["text"]) for fault in json.loads(report)]


def _convert(
    node: Node, marp: Path, markdown: Path, suffix: str, options: list[str], environment: dict[str, str]
) -> Path:
    output = markdown.with_suffix(suffix)
    program = marp / "node_modules" / "@marp-team" / "marp-cli" / "marp-cli.js"
    command = [*node.node, str(program), "--no-stdin", "--config", str(HERE / "marp.config.mjs")]
    command += [*options, "--theme", str(HERE / "theme.css"), "--output", str(output), str(markdown)]
    run(command, f"marp {output.name}", None, {**os.environ, **environment})
    return output
