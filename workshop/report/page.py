"""The page and the badge of a report, from its payload alone: the same report is always the same text.

In: a Report, and its Seal if it is signed. Out: HTML or SVG in one file, without scripts, which loads nothing. Whatever
stands in a report is escaped.
"""

import html
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from string import Template

from workshop.report.keys import Seal, text_of
from workshop.report.payload import CheckGrade, DemoGrade, Ended, Report

HERE = Path(__file__).parent
PAGE = Template((HERE / "page.html").read_text())
BADGE = Template((HERE / "badge.svg").read_text())
UNSIGNED = "unsigned"
MARKS = {
    Ended.PASSED: "✓ passed",
    Ended.FAILED: "✗ failed",
    Ended.NOT_GRADED: "– not graded",
    Ended.NOT_RUN: "– not run",
    Ended.OUTDATED: "– outdated",
}
SHORT = 12  # characters of a commit
FITS = 30  # characters of a name in the badge; longer ones are squeezed
BARS = 328  # pixels for the bars of all demos
Render = Callable[[Report, Seal | None], str]


def page(report: Report, seal: Seal | None) -> str:
    return PAGE.substitute(
        name=html.escape(report.name),
        score=report.score.replace("/", " of "),
        demos=_demos(report),
        sealed="signed" if seal else UNSIGNED,
        seal=_seal(report, seal),
        sections="\n".join(map(_section, report.demos)),
        made=_time(report.made),
        payload=html.escape(report.canonical.decode()),
        signature=html.escape(_signature(seal)),
    )


def badge(report: Report, seal: Seal | None) -> str:
    sealed = f"signed with key {text_of(seal.key)[:SHORT]}…" if seal else f"{UNSIGNED}: graded on one's own machine"
    return BADGE.substitute(
        label=html.escape(f"{report.name}: LLM in production, {report.score} points, {sealed}"),
        name=html.escape(report.name),
        squeezed=f' textLength="{BARS}" lengthAdjust="spacingAndGlyphs"' if len(report.name) > FITS else "",
        score=report.score,
        bars="\n".join(_bars(report)),
        sealed=html.escape(sealed),
        payload=html.escape(report.canonical.decode()),
        signature=html.escape(_signature(seal)),
    )


# How a file is rendered, by the end of its name.
RENDERED: dict[str, Render] = {".html": page, ".svg": badge}


def _signature(seal: Seal | None) -> str:
    if seal is None:
        return UNSIGNED
    return json.dumps({"key": text_of(seal.key), "signature": text_of(seal.signature)}, separators=(",", ":"))


def _seal(report: Report, seal: Seal | None) -> str:
    name = f"<bdi>{html.escape(report.name)}</bdi>"
    if seal is None:
        return f"<p><strong>Unsigned.</strong> The machine of {name} recorded this. Nobody else has checked it.</p>"
    return (
        f"<p><strong>Signed</strong> with the key <code>{html.escape(text_of(seal.key))}</code>. "
        "Its owner's machine ran the exercises and graded them.</p>\n"
        "<p>Anybody can sign with a key of their own. Verify this page with the key that the workshop's host has "
        "published: <code>make report-verify FILE=report.html KEY=…</code></p>"
    )


def _demos(report: Report) -> str:
    numbers = [str(demo.number) for demo in report.demos]
    return f"demo {numbers[0]}" if len(numbers) == 1 else f"demos {', '.join(numbers[:-1])} and {numbers[-1]}"


def _section(demo: DemoGrade) -> str:
    commit = f"on commit <code>{demo.commit[:SHORT]}</code>" if demo.commit else "outside of git"
    versions = f"workshop {demo.version or '?'}, Python {demo.python or '?'}"
    again = (
        "<p>Some checks were graded before the files last changed. They do not count.</p>\n" if demo.outdated else ""
    )
    return (
        "<section>\n"
        f"<h2>Demo {demo.number} · {html.escape(demo.title)}: {demo.earned}/{demo.total}</h2>\n"
        f'<progress max="{max(1, demo.total)}" value="{demo.earned}"></progress>\n'
        f'<p class="facts">Graded {_time(demo.graded)} {commit}, {versions}.<br>'
        f"The exercise's files: <code>sha256 {demo.files}</code></p>\n"
        f"{again}<table>\n" + "\n".join(map(_row, demo.checks)) + "\n</table>\n</section>"
    )


def _row(check: CheckGrade) -> str:
    return (
        f'<tr><td class="{check.ended}">{MARKS[check.ended]}</td><td><code>{html.escape(check.name)}</code></td>'
        f"<td>{html.escape(check.title)}</td><td>{check.earned}/{check.points}</td></tr>"
    )


def _bars(report: Report) -> list[str]:
    """A bar for each demo, side by side."""
    gap = 4
    width = (BARS + gap) // len(report.demos) - gap
    lines = []
    for place, demo in enumerate(report.demos):
        x, done = 16 + place * (width + gap), width * demo.earned // max(1, demo.total)
        lines.append(f'<rect class="rest" x="{x}" y="58" width="{width}" height="6" rx="3"/>')
        lines.append(f'<rect class="bar" x="{x}" y="58" width="{done}" height="6" rx="3"/>')
    return lines


def _time(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return html.escape(text)
