"""A translated page has the code and numbers of its English one, and says which of its sections are stale.

In: the pages of the repository; and small pages in a git repository of their own.
"""

import re
import subprocess
from pathlib import Path

import pytest

from workshop.processes import ROOT
from workshop.translation import ENGLISH, __main__, files, in_language, language, page

PAGES = files.translations()
DECKS = [path for path in PAGES if page.is_deck(path.read_text())]
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
# All that somebody who walks these labs reads.
LABS = [path.name for path in sorted(ROOT.glob("demos/demo_*"))]
LAB_PAGES = ("README.md", "MORE.md", "ANSWERS.md", "exercise/HINTS.md")
OF_LABS = [f"demos/{lab}/{name}" for lab in LABS for name in LAB_PAGES]
IN_SPANISH = [
    "README.md",
    "docs/glossary.md",
    "docs/troubleshooting.md",
    *(name for name in OF_LABS if (ROOT / name).exists()),
]
STEP = re.compile(r"^## (\d+ · .+)$", re.MULTILINE)

LAB = """# A lab

A lab of 1,900 words. See [words](words.md).

## 1 · Start it

```console
$ make demo-1
```

It listens on port 8000, and `LIMIT=10` is its limit.

| step | 1 | 2 |
|---|---|---|
| minutes | 2 | *15* |

## 2 · Ask

```bash
# What is this?
curl localhost:8000
```

| file | what it does |
|---|---|
| `app.py` | everything |
"""
SPANISH = """# Un laboratorio

Un laboratorio de 1900 palabras. Mira las [palabras](words.md).

## 1 · Arráncalo

```
```

`LIMIT=10` es su límite, y escucha en el puerto 8000.

| paso | 1 | 2 |
|---|---|---|
| minutos | - | - |

## 2 · Pregunta

```
```

| archivo | qué hace |
|---|---|
| - | todo |
"""


@pytest.mark.parametrize("name", IN_SPANISH)
def test_these_pages_are_there_in_spanish(name: str) -> None:
    assert in_language(ROOT / name, "es") in PAGES


@each_page
def test_a_translation_has_the_code_and_numbers_of_its_english_page(path: Path) -> None:
    assert path.read_text() == files.written(path), "run make reference"


@each_page
def test_no_section_of_a_translation_is_stale_or_says_something_else(path: Path) -> None:
    found = list(files.complaints(path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", [path for path in PAGES if path not in DECKS], ids=lambda path: path.name)
def test_a_page_leads_to_its_other_languages(path: Path) -> None:
    source = in_language(path, ENGLISH)
    assert source.read_text() == files.with_switch(source), "run make reference"
    assert f"]({path.name})" in source.read_text().partition("\n## ")[0]
    assert f"]({source.name})" in path.read_text().partition("\n## ")[0]


@pytest.mark.parametrize("lab", [path for path in PAGES if path.match("demos/*/README.*")])
def test_the_answers_have_the_titles_of_the_steps_in_the_same_language(lab: Path) -> None:
    answers = lab.with_name(lab.name.replace("README", "ANSWERS"))
    titles = STEP.findall(answers.read_text())
    more = lab.with_name(lab.name.replace("README", "MORE"))
    steps = [step for file in (lab, more) if file.exists() for step in STEP.findall(file.read_text())]
    assert titles
    assert set(titles) <= set(steps)


@pytest.fixture
def spanish(tmp_path: Path) -> Path:
    """The page `lab.es.md`, renewed, beside `lab.md` in a git repository."""
    for name, text in {"lab.md": LAB, "lab.es.md": SPANISH, "words.md": "# Words\n"}.items():
        (tmp_path / name).write_text(text)
    path = tmp_path / "lab.es.md"
    assert __main__.main(["renew", str(path)]) == 0
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Two pages"]):
        identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    return path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_a_new_translation_gets_code_blocks_cells_of_numbers_and_links_to_the_other_language(spanish: Path) -> None:
    text = spanish.read_text()
    assert "```console\n$ make demo-1\n```" in text
    assert "```bash\n# What is this?\ncurl localhost:8000\n```" in text
    assert "| minutos | 2 | *15* |" in text
    assert "| `app.py` | todo |" in text
    assert "\n[English](lab.md) · Español\n" in text
    assert "\nEnglish · [Español](lab.es.md)\n" in spanish.with_name("lab.md").read_text()
    assert len(page.sections(text)) == 3


def test_copied_numbers_have_no_comma_between_their_digits(spanish: Path) -> None:
    edit(spanish.with_name("lab.md"), "| *15* |", "| **14,268** 1,900 0.25 |")
    assert __main__.main(["write", str(spanish)]) == 0
    assert "| minutos | 2 | **14\u00a0268** 1900 0.25 |" in spanish.read_text()


def test_a_changed_command_or_minute_goes_into_the_translation_which_is_not_stale(spanish: Path) -> None:
    english = spanish.with_name("lab.md")
    edit(english, "$ make demo-1", "$ TIMEOUT=10 make demo-1")
    edit(english, "| *15* |", "| *20* |")
    assert files.written(spanish) != spanish.read_text()
    assert __main__.main(["write", str(spanish)]) == 0
    assert "$ TIMEOUT=10 make demo-1" in spanish.read_text()
    assert "| minutos | 2 | *20* |" in spanish.read_text()


def test_a_sentence_that_changed_makes_its_section_stale_until_it_is_renewed(
    spanish: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(spanish.with_name("lab.md"), "It listens on port 8000", "The service listens on port 8000")
    assert __main__.main(["write", str(spanish)]) == 1
    told = capsys.readouterr().out
    assert told.count("is stale") == 1
    assert "“1 · Arráncalo” is stale: its English, “1 · Start it”, has changed." in told
    assert f"{files.COMMAND} diff {spanish}" in told
    assert __main__.main(["diff", str(spanish)]) == 0
    difference = capsys.readouterr().out
    assert "\n-It listens on port 8000" in difference
    assert "\n+The service listens on port 8000" in difference
    assert "## 2" not in difference
    assert __main__.main(["renew", str(spanish)]) == 0


def test_a_sentence_that_is_only_rewrapped_is_not_stale(spanish: Path) -> None:
    edit(spanish.with_name("lab.md"), "port 8000, and `LIMIT=10`", "port\n8000, and\n`LIMIT=10`")
    assert list(files.complaints(spanish)) == []


def test_a_section_of_which_git_has_no_earlier_text_is_shown_as_it_is_now(spanish: Path) -> None:
    mark = page.sections(spanish.read_text())[1].mark
    edit(spanish, mark, "00000000")
    told = "\n".join(files.changes(spanish))
    assert "“1 · Arráncalo” is of a text that git does not have" in told
    assert "It listens on port 8000" in told


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("1900", "1800", ["its English has 1900", "its English does not have 1800"]),
        ("1900", "1\u00a0900", []),
        ("`LIMIT=10`", "`LIMIT=20`", ["its English has `LIMIT=10`", "its English does not have `LIMIT=20`"]),
        ("(words.md)", "(lab.md)", ["its English has words.md", "its English does not have lab.md"]),
        ("## 2 · Pregunta", "## 3 · Pregunta", ["“3 · Pregunta” stands where the English page has “2 · Ask”"]),
        ("## 2 · Pregunta", "2 · Pregunta", ["“1 · Arráncalo” has 2 code blocks, and its English 1"]),
        ("| archivo | qué hace |\n", "", ["“2 · Pregunta” has tables of another shape than its English"]),
    ],
)
def test_a_translation_that_says_something_else_is_told_where(
    old: str, new: str, fault: list[str], spanish: Path
) -> None:
    edit(spanish, old, new)
    found = [line for line in files.complaints(spanish) if "is stale" not in line]
    assert len(found) == len(fault)
    assert all(line.endswith(said) for line, said in zip(found, fault, strict=True))


def test_a_link_leads_to_the_page_in_the_same_language_once_there_is_one(spanish: Path) -> None:
    spanish.with_name("words.es.md").write_text("# Palabras\n")
    assert any("its English has words.es.md" in line for line in files.complaints(spanish))
    edit(spanish, "(words.md)", "(words.es.md)")
    assert list(files.complaints(spanish)) == []


def test_a_section_may_be_left_out_if_the_page_says_so(spanish: Path) -> None:
    spanish.write_text(spanish.read_text().partition("## 2")[0])
    assert [line.partition(": ")[2] for line in files.complaints(spanish)] == ["“2 · Ask” is missing"]
    edit(spanish, "# Un laboratorio\n", "# Un laboratorio\n<!-- not translated: 2 · Ask -->\n")
    assert list(files.complaints(spanish)) == []


@pytest.mark.parametrize(
    ("name", "suffix"), [("README.es.md", "es"), ("README.md", ""), ("notes.io.md", ""), ("page.es.html", "")]
)
def test_a_page_is_in_the_language_of_its_suffix(name: str, suffix: str) -> None:
    assert language(Path(name)) == suffix
