"""Which commands the presenter view offers. What it looks like, test_pages.py sees in a browser."""

import subprocess

import pytest

from slides.build import ROOT
from slides.deck import deck_files, parse_deck, read_deck
from slides.presenter import commands_of

SLIDE = """\
---
title: A deck
---

## A slide

{blocks}

<!-- 1 min. {note} -->
"""


def _commands(blocks: str, note: str = "Say: hello.") -> list[str]:
    return commands_of(parse_deck(SLIDE.format(blocks=blocks, note=note), "deck.md").slides[0])


def _bash(text: str) -> str:
    return f"```bash\n{text}\n```"


@pytest.mark.parametrize(
    ("block", "commands"),
    [
        ("make demo-1", ["make demo-1"]),
        ("make demo-1\nmake grade-1", ["make demo-1", "make grade-1"]),
        ("curl -s \\\n  localhost:8000", ["curl -s \\\n  localhost:8000"]),
        ("# all lines\ncat logs.json\n\n# sorted\nsort logs.json", ["cat logs.json", "sort logs.json"]),
        ("for n in 1 2; do\n  echo $n\ndone\necho end", ["for n in 1 2; do\n  echo $n\ndone\necho end"]),
        ("kill $(curl -s a |\n  jq b)\nsleep 2", ["kill $(curl -s a |\n  jq b)", "sleep 2"]),
        ("MAX_CHARS=4000\nOPENAI_API_KEY=sk-...   # in .env", []),
        ("python - <<'EOF'\nprint(1)\nEOF", ["python - <<'EOF'\nprint(1)\nEOF"]),
    ],
)
def test_a_block_is_split_where_it_can_be_pasted_in_parts(block: str, commands: list[str]) -> None:
    assert _commands(_bash(block)) == commands


def test_code_that_is_not_bash_is_no_command() -> None:
    assert _commands("```python\nmake = 1\n```\n\n```text\nmake demo-1\n```") == []


def test_what_the_note_wants_running_comes_first_and_once() -> None:
    note = "Demo: have `TIMEOUT=10 make demo-1` and `make start` running. Say: `exercise/` is yours."
    assert _commands(_bash("make start"), note) == ["TIMEOUT=10 make demo-1", "make start"]


def test_each_command_of_each_deck_is_valid_shell_alone() -> None:
    commands = [
        one for deck in deck_files(ROOT) for slide in read_deck(deck, ROOT).slides for one in commands_of(slide)
    ]
    assert len(commands) > 30
    for command in commands:
        parsed = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True, check=False)
        assert parsed.returncode == 0, f"{command}: {parsed.stderr}"
