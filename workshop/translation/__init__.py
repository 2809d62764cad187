"""Pages in other languages: `README.es.md` is the Spanish `README.md`. A further language is one more suffix.

The English page is the source of all that is not prose. `page.py` copies its code blocks, and the cells of its tables
that hold only numbers or code, into the translation; it compares the rest; and it finds sections whose English has
changed. `files.py` does this to the files of the repository. Neither knows what a sentence means.
"""

from pathlib import Path

ENGLISH = ""
LANGUAGES = {ENGLISH: "English", "es": "Español"}  # by suffix


def language(file: Path) -> str:
    """The suffix of a page's language; empty for English."""
    suffix = file.with_suffix("").suffix.removeprefix(".")
    return suffix if suffix in LANGUAGES and file.suffix == ".md" else ENGLISH


def in_language(file: Path, suffix: str) -> Path:
    """The same page in a language, there or not."""
    name = file.name.removesuffix(".md")
    name = name.removesuffix(f".{language(file)}")
    return file.with_name(f"{name}.{suffix}.md" if suffix else f"{name}.md")
