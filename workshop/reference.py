"""The generated parts of READMEs, docs and `.env.example`: settings, results, rooms of `shared/`; copies of the
version, and of the code and numbers of pages that are translated.

`python -m workshop.reference` writes them; tests check that the files hold what it would write.
"""

import json
from collections.abc import Sequence

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Settings
from shared.settings.sources import ALIASES, INSTEAD
from workshop import architecture, cluster_picture, stack, version
from workshop.processes import ROOT
from workshop.translation import files as translation

ENV_EXAMPLE = ROOT / ".env.example"
README = ROOT / "README.md"
SETTINGS = ROOT / "docs" / "settings.md"
SERVING_NOTE = ROOT / "loadtests" / "bench_serving" / "README.md"
BEFORE_AFTER = ROOT / "docs" / "before_after.md"
MEASUREMENTS = ROOT / "docs" / "results.md"
RESULTS = ROOT / "loadtests" / "results"


def main() -> None:
    ENV_EXAMPLE.write_text(env_example())
    SETTINGS.write_text(with_settings(SETTINGS.read_text()))
    README.write_text(with_bench(README.read_text()))
    MEASUREMENTS.write_text(with_measurements(MEASUREMENTS.read_text()))
    SERVING_NOTE.write_text(with_serving(SERVING_NOTE.read_text()))
    BEFORE_AFTER.write_text(with_before_after(BEFORE_AFTER.read_text()))
    architecture.main()
    stack.main()
    cluster_picture.main()
    version.main()
    # Last: it copies what the others have written into the English pages.
    for complaint in translation.write(translation.translations()):
        print(complaint)


def env_example() -> str:
    """Every setting with its default, commented out: copy to .env and change what you need."""
    lines = ["# Copy to .env and uncomment what you change. Every default works offline.", ""]
    for name, field in Settings.model_fields.items():
        lines += [f"# Demo {_demo(field)}: {field.description}", f"# {name.upper()}={_default(field)}", ""]
    return "\n".join(lines)


def with_settings(page: str) -> str:
    """The page of settings with its tables replaced."""
    page = _replaced(page, "<!-- settings: begin (make reference) -->\n", table(), "<!-- settings: end -->\n")
    return _replaced(page, "<!-- names: begin (make reference) -->\n", other_names(), "<!-- names: end -->\n")


def with_bench(readme: str) -> str:
    """The README with its table of measurements replaced."""
    return _replaced(readme, "<!-- bench: begin (make bench) -->\n", measured("bench"), "<!-- bench: end -->\n")


def with_serving(note: str) -> str:
    """The note on the serving benchmark with its table replaced."""
    begin, end = "<!-- serving: begin (make bench-serving) -->\n", "<!-- serving: end -->\n"
    return _replaced(note, begin, measured("serving"), end)


def with_measurements(page: str) -> str:
    """The page of all results with the benchmark's tables replaced."""
    return _with_tables(page, "make bench", "bench", ("governed_table", "sizes_table"))


def with_before_after(page: str) -> str:
    """The page on before and after with its tables replaced."""
    return _with_tables(page, "make before-after", "before_after", ("claims_table", "table"))


def _with_tables(page: str, command: str, name: str, parts: Sequence[str]) -> str:
    for part in parts:
        begin, end = f"<!-- {part}: begin ({command}) -->\n", f"<!-- {part}: end -->\n"
        page = _replaced(page, begin, measured(name, part), end)
    return page


def _replaced(text: str, begin: str, new: str, end: str) -> str:
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return before + begin + new + end + after


def measured(name: str, part: str = "table") -> str:
    """The table that a benchmark wrote beside its results."""
    report = json.loads((RESULTS / f"{name}.json").read_text())
    table: str = report[part]
    return table + "\n"


def table() -> str:
    rows = ["| setting | default | from demo | what it is |", "|---|---|--:|---|"]
    for name, field in Settings.model_fields.items():
        default = f"`{_default(field)}`" if _default(field) else ""
        rows.append(f"| `{name.upper()}` | {default} | {_demo(field)} | {field.description} |")
    return "\n".join(rows) + "\n"


def other_names() -> str:
    rows = ["| name | here |", "|---|---|"]
    rows += [f"| `{name}` | read as `{ours}` |" for name, ours in ALIASES.items()]
    rows += [f"| `{name}` | does nothing in this service: {advice} |" for name, advice in INSTEAD.items()]
    return "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _demo(field: FieldInfo) -> int:
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    demo = extra["demo"]
    assert isinstance(demo, int)
    return demo


if __name__ == "__main__":
    main()
