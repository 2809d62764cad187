"""The Markdown for Marp, and the speaker's script."""

import sys
from pathlib import Path

import pytest

from slides.deck import Fence, read_deck
from slides.includes import IncludeError, Listing, resolve
from slides.render import LARGEST, SMALLEST, code_size, marp_markdown, speaker_script


def _deck_text(repository: Path) -> str:
    return marp_markdown(read_deck(repository / "slides" / "demo_1.md", repository), repository)


def test_included_code_is_in_the_deck_with_the_name_of_its_file(repository: Path) -> None:
    text = _deck_text(repository)
    assert "```python\nasync def call(self) -> str:\n    return await self.inner()\n```" in text
    assert '<div class="source">shared/retry.py</div>' in text
    assert "include=" not in text
    assert "region:" not in text


def test_a_picture_is_embedded_in_the_deck_with_its_alt_text(repository: Path) -> None:
    text = _deck_text(repository)
    assert '<figure><svg role="img" aria-label="Two boxes" xmlns="http://www.w3.org/2000/svg"' in text
    assert "box.svg" not in text


def test_a_photograph_is_embedded_as_data(repository: Path) -> None:
    (repository / "slides" / "box.png").write_bytes(b"PNG")
    deck = repository / "slides" / "demo_1.md"
    deck.write_text(deck.read_text().replace("box.svg", "box.png"))
    assert '<img alt="Two boxes" src="data:image/png;base64,UE5H">' in _deck_text(repository)


def test_two_pictures_keep_their_own_arrowheads_and_survive_markdown(repository: Path) -> None:
    arrow = '<?xml version="1.0"?>\n<svg><defs><marker id="tip"/></defs>\n\n  <path marker-end="url(#tip)"/>\n</svg>\n'
    for name in ("box.svg", "other.svg"):
        (repository / "slides" / name).write_text(arrow)
    deck = repository / "slides" / "demo_1.md"
    deck.write_text(deck.read_text().replace("(box.svg)", "(box.svg)\n\n![Other boxes](other.svg)"))
    figures = [line for line in _deck_text(repository).splitlines() if line.startswith("<figure>")]
    assert [line.replace("Two", "Other").replace("box-tip", "other-tip") for line in figures] == [
        '<figure><svg role="img" aria-label="Other boxes"><defs><marker id="other-tip"/></defs> '
        '<path marker-end="url(#other-tip)"/> </svg></figure>'
    ] * 2
    assert "box-tip" in figures[0]
    assert "other-tip" in figures[1]


def test_code_with_fences_of_its_own_gets_a_longer_fence(repository: Path) -> None:
    (repository / "shared" / "lab.md").write_text("Run:\n```bash\nmake\n```\n")
    deck = repository / "slides" / "demo_1.md"
    deck.write_text(deck.read_text().replace("python include=shared/retry.py#retry-loop", "md include=shared/lab.md"))
    assert "````md\nRun:\n```bash\nmake\n```\n````" in _deck_text(repository)


def test_the_script_says_at_which_minute_each_slide_begins(repository: Path) -> None:
    script = speaker_script(read_deck(repository / "slides" / "demo_1.md", repository))
    assert script.startswith("A deck: 3.5 min\n")
    assert "00:00  1. A deck (1 min)\nSay: welcome." in script
    assert "01:00  2. Code (2 min)\nAsk: what does it show?\n\nDemo: run it." in script
    assert "03:00  3. Next: home (0.5 min)" in script


def test_short_code_is_large_and_a_full_slide_of_code_is_still_readable() -> None:
    assert code_size([Listing("bash", "make demo-1")], 1) == LARGEST
    assert code_size([Listing("python", "\n".join(["x" * 90] * 22))], 0) >= SMALLEST


def test_wide_python_is_wrapped_and_keeps_its_tokens(repository: Path) -> None:
    wide = "raise DeadlineExceeded(f'no answer within {self.seconds:g} seconds', code='late') from None\n"
    (repository / "shared" / "wide.py").write_text(wide)
    deck = repository / "slides" / "demo_1.md"
    deck.write_text(deck.read_text().replace("shared/retry.py#retry-loop", "shared/wide.py"))
    code = resolve(read_deck(deck, repository).slides[1].fences[0], repository).code
    assert max(map(len, code.splitlines())) <= 90
    assert "".join(code.replace(",\n)", ")").replace('"', "'").split()) == "".join(wide.split())


def test_wide_python_without_a_formatter_says_which_one_is_missing(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = repository / "python"
    python.write_text("#!/bin/sh\ncat > /dev/null\necho 'No module named ruff' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    (repository / "shared" / "wide.py").write_text(f"call({'x' * 50}, {'y' * 50})\n")
    with pytest.raises(
        IncludeError, match=r"^include shared/wide\.py: 108 columns wide, and ruff, .* is not installed$"
    ):
        resolve(Fence(1, "python include=shared/wide.py", ""), repository)


def test_comments_beside_wide_code_lose_their_padding_before_the_code_is_wrapped(repository: Path) -> None:
    wide = f"Layer(a),  #{' ' * 80}why this one\nOther(b, c),  # {'x' * 60}\n"
    (repository / "shared" / "wide.py").write_text(wide)
    deck = repository / "slides" / "demo_1.md"
    deck.write_text(deck.read_text().replace("shared/retry.py#retry-loop", "shared/wide.py"))
    code = resolve(read_deck(deck, repository).slides[1].fences[0], repository).code
    assert code == f"Layer(a), # why this one\nOther(b, c), # {'x' * 60}"


def test_a_comment_loses_the_padding_that_aligns_it_with_others_if_there_are_none(repository: Path) -> None:
    (repository / "shared" / "wide.py").write_text("Layer(a),\nOther(b),  #    why this one\n")
    deck = repository / "slides" / "demo_1.md"
    deck.write_text(deck.read_text().replace("shared/retry.py#retry-loop", "shared/wide.py"))
    code = resolve(read_deck(deck, repository).slides[1].fences[0], repository).code
    assert code == "Layer(a),\nOther(b),  # why this one"
