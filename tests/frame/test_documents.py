"""docs/documents.md is true: each file, setting, metric, alert, route and test that its tables name is there.

In: the rows of the page. Out: a sentence for each name that cannot be found, and for each row without proof or reason.
Any other name must be in a file that its row names, letter by letter. Starts nothing.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from demos.demo_6_ray_serve_vllm.app import build
from serving.local.settings import Settings as ModelServerSettings
from serving.local.settings import variable
from shared.settings import BadSetting, Settings, load_settings
from shared.settings.sources import ALIASES, INSTEAD
from shared.telemetry.totals import derived
from workshop import reference
from workshop.processes import ROOT

PAGE = ROOT / "docs" / "documents.md"
FEWEST_ROWS = 230
SECTIONS = 5
COLUMNS = 3
PLANNED = "planned"
REASON = "different: "
RULES = ROOT / "serving" / "monitoring" / "prometheus" / "rules"

NAME = re.compile(r"`([^`]+)`")
FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
SUFFIX = re.compile(r"\.(?:py|md|txt|in|ya?ml|json|lua|js|html|svg|example|Dockerfile|dockerignore)$")
ROUTE = re.compile(r"(?:(?:GET|POST|PUT|DELETE) )?/\S*")
SETTING = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)(?:=(\S+))?")
METRIC = re.compile(r"(?:inference|gateway|gen_ai|process|rate_limit|circuit_breaker|redis|database)_\w+")
PROOF = re.compile(r"`(?:tests/|workshop/grader/checks/)")
DEFAULT = re.compile(r"^\| `(\w+)` \| (?:`([^`]*)`)?", re.MULTILINE)

# Every route is listed with these: some belong to settings that are empty by default.
WITH_ALL_ROUTES = {"webhook_hmac_secret": "s", "prometheus_url": "http://p", "traces_url": "http://t"}


@dataclass(slots=True, frozen=True)
class Row:
    """One statement, the place where it lives, and its proof or the reason why it is different."""

    statement: str
    where: str
    proof: str

    @property
    def files(self) -> list[Path]:
        """The files that the row names, also those of single tests."""
        paths = (ROOT / name.partition("::")[0] for name in NAME.findall(f"{self.statement} {self.where} {self.proof}"))
        return [path for path in paths if path.is_file()]


# --- what there is --------------------------------------------------------------------------------------------------


@cache
def routes() -> set[str]:
    """Methods and paths of demo 6's application, and each path alone."""
    app = build(load_settings(**WITH_ALL_ROUTES))
    listed = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    return listed | {route.partition(" ")[2] for route in listed}


@cache
def metrics() -> set[str]:
    """The names as they are scraped: those that the code registers, and those derived at each scrape."""
    routes()  # the application registers its metrics when it is imported
    registered = list(REGISTRY.collect())
    endings = {"counter": ("_total",), "histogram": ("", "_bucket", "_count", "_sum")}
    return {
        f"{metric.name}{ending}"
        for metric in (*registered, *derived(registered))
        for ending in endings.get(metric.type, ("",))
    }


@cache
def alerts() -> set[str]:
    text = "".join(file.read_text() for file in RULES.glob("*.yml"))
    return set(re.findall(r"- (?:alert|record): (\S+)", text))


@cache
def settings() -> set[str]:
    """The gateway's, those that others call so, and those of the embedded model server."""
    ours = {name.upper() for name in Settings.model_fields}
    return ours | ALIASES.keys() | INSTEAD.keys() | {variable(name) for name in ModelServerSettings.model_fields}


@cache
def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


# --- what a row says -------------------------------------------------------------------------------------------------


def rows(text: str) -> list[Row]:
    """The rows of all tables. One without three columns has no place and no proof."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| statement |")]
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    return [Row(*of_row) if len(of_row) == COLUMNS else Row(of_row[0], "", "") for of_row in cells]


def complaints(row: Row) -> Iterator[str]:
    """Sentences on what is not there."""
    for column, text in (("statement", row.statement), ("where", row.where), ("proof", row.proof)):
        for name in NAME.findall(text):
            if said := _complaint(name, column, row):
                yield f"“{row.statement}”: {said}"
    if not NAME.search(row.where):
        yield f"“{row.statement}”: names no place"
    if not PROOF.search(row.proof) and not row.proof.startswith(REASON):
        yield f"“{row.statement}”: has neither a test nor a reason that begins with “{REASON.strip()}”"


def _complaint(name: str, column: str, row: Row) -> str:
    file, _, function = name.partition("::")
    if (ROOT / file).exists() and FILE.fullmatch(file):
        return f"{file} has no function {function}" if function and function not in functions(ROOT / file) else ""
    if (setting := SETTING.fullmatch(name)) and ("_" in setting[1] or setting[1] in settings()):
        return _complaint_of_setting(setting[1], setting[2], column)
    if function or (SUFFIX.search(name) and " " not in name) or (FILE.fullmatch(name) and "/" in name):
        return f"there is no file {file}"
    if ROUTE.fullmatch(name):
        return "" if name in routes() else f"there is no route {name}"
    if METRIC.fullmatch(name):
        return "" if name in metrics() | alerts() else f"there is no metric {name}"
    if name.startswith("make "):  # tests/frame/test_readme.py looks for these
        return ""
    if name in alerts() or any(name in file.read_text() for file in row.files):
        return ""
    return f"{name} is no setting, metric, alert or route, and not in the files of its row"


def _complaint_of_setting(name: str, value: str | None, column: str) -> str:
    if name not in settings():
        return f"there is no setting {name}"
    if value is None or name in INSTEAD:
        return ""
    if column == "where":
        default = dict(DEFAULT.findall(reference.table()))[name]
        return "" if value == default else f"the default of {name} is {default}, and not {value}"
    try:
        load_settings(**{ALIASES.get(name, name).lower(): value})
    except BadSetting as refusal:
        return f"{name}={value} is refused: {refusal}"
    return ""


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_tables_are_read_whole() -> None:
    text = PAGE.read_text()
    assert len(rows(text)) == len(re.findall(r"^\| (?!statement)", text, re.MULTILINE)) >= FEWEST_ROWS
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert len(sections) == SECTIONS
    assert all(rows(section) for section in sections)


def test_every_name_of_a_statement_is_there_and_every_statement_has_a_proof_or_a_reason() -> None:
    finished = [row for row in rows(PAGE.read_text()) if row.proof != PLANNED]
    found = [said for row in finished for said in complaints(row)]
    assert not found, "\n".join(found)


# Red until the last planned statement is built. To finish a row, name its file, and its test or the reason.
def test_no_statement_is_still_planned() -> None:
    planned = [row.statement for row in rows(PAGE.read_text()) if PLANNED in row.proof.split()]
    assert not planned, "still planned: " + "; ".join(planned)


# --- each kind of mistake is found ------------------------------------------------------------------------------------

RIGHT = Row(
    "A prompt over `MAX_CHARS=4000` is refused by `POST /generate`",
    "`shared/layers/input_guard.py`, `MAX_CHARS=4000`, `shared/layers/retry.py`, `class Retry`, `gateway_shed_total`",
    "`tests/shared/test_input_guard.py::test_a_prompt_over_its_limit_is_refused`, as in `CircuitIsOpen`",
)


def test_a_row_without_mistakes_has_no_complaint() -> None:
    assert [*complaints(RIGHT)] == []
    assert [*complaints(Row("It is fast", "`shared/server.py`", "different: nobody has measured it"))] == []


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("layers/input_guard.py", "layers/input_gard.py", "there is no file shared/layers/input_gard.py"),
        ("tests/shared/test_input", "tests/shared/test_imput", "there is no file tests/shared/test_imput_guard.py"),
        ("its_limit_is_refused", "its_limit_passes", "test_input_guard.py has no function test_a_prompt_over_its"),
        ("`, `MAX_CHARS", "`, `MAX_CHARRS", "there is no setting MAX_CHARRS"),
        ("`, `MAX_CHARS=4000", "`, `MAX_CHARS=400", "the default of MAX_CHARS is 4000, and not 400"),
        (
            "over `MAX_CHARS=4000",
            "over `MAX_CHARS=many",
            "MAX_CHARS=many is refused: MAX_CHARS=many: should be a valid",
        ),
        ("gateway_shed", "gateway_shredded", "there is no metric gateway_shredded_total"),
        ("POST /generate", "PUT /generate", "there is no route PUT /generate"),
        ("POST /generate", "/degenerate", "there is no route /degenerate"),
        ("class Retry", "class Entry", "class Entry is no setting, metric, alert or route, and not in the files"),
        ("CircuitIsOpen", "CircuitIsClosed", "CircuitIsClosed is no setting, metric, alert or route, and not in the"),
    ],
)
def test_a_wrong_name_is_found(right: str, wrong: str, said: str) -> None:
    parts = [part.replace(right, wrong) for part in (RIGHT.statement, RIGHT.where, RIGHT.proof)]
    assert parts != [RIGHT.statement, RIGHT.where, RIGHT.proof]
    [found] = complaints(Row(*parts))
    assert said in found
    assert found.startswith(f"“{parts[0]}”: ")


@pytest.mark.parametrize(
    ("where", "proof", "said"),
    [
        ("somewhere", "`tests/test_suite.py`", "names no place"),
        ("`shared/server.py`", "it is fast enough", "has neither a test nor a reason"),
        ("`shared/server.py`", "`make test`", "has neither a test nor a reason"),
    ],
)
def test_a_row_without_a_place_or_without_proof_and_reason_is_found(where: str, proof: str, said: str) -> None:
    [found] = complaints(Row("It is fast", where, proof))
    assert said in found
