"""The lint for English finds its phrases in prose, and ignores code."""

from pathlib import Path

import pytest

from workshop import english
from workshop.processes import ROOT


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("page.md", "Limits for who has no token.\n", [1]),
        ("page.md", "Ask again.\n\n```bash\nfor who in ana; do echo anew; done\n```\n\nAsk `anew` anew.\n", [7]),
        ("code.py", '"""A token that is none."""\n\nx = None\nif x is None:\n    pass  # made anew\n', [1, 5]),
        ("code.py", "whoever = {'of': 1}\n", []),
        ("code.py", '"""One.\n\nTwo, for who asks.\n"""\n', [3]),
        ("settings.yml", "# started anew\n", [1]),
    ],
)
def test_it_finds_a_phrase_with_its_line(name: str, text: str, lines: list[int], tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert [int(complaint.split(":")[1]) for complaint in english.complaints(file)] == lines


def test_it_reads_no_page_in_another_language(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(english, "complaints", lambda file: [file.relative_to(ROOT).as_posix()])
    english.main([])
    names = set(capsys.readouterr().out.splitlines())
    assert {"README.md", "docs/glossary.md"} <= names
    assert not [name for name in names if name.endswith(".es.md")]


def test_it_fails_when_it_finds_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.md").write_text("A new one is made anew.\n")
    assert english.main([str(tmp_path / "page.md")]) == 1
    assert "“anew”: again" in capsys.readouterr().out
