"""Which package may import which, and the project's other rules that a machine can check."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demos.demo_4_streaming import app as demo_4
from demos.parts import Parts
from shared.settings import Settings
from workshop import architecture, cluster_picture, reference, stack
from workshop.processes import ROOT
from workshop.tracked import tracked

# The packages of this repository, and the other packages that each may import.
MAY_IMPORT = {
    "shared": set[str](),
    "serving": set[str](),
    "demos": {"shared"},
    "workshop": {"shared"},
    "slides": {"workshop"},
    "loadtests": {"workshop", "shared"},
}
SHARED = architecture.SHARED
# Code of the serving side that lies elsewhere: the attendee's part of it, and the benchmarks.
SERVING = (
    ROOT / "demos" / "demo_6_ray_serve_vllm" / "exercise" / "deployment.py",
    ROOT / "loadtests" / "bench_serving",
)


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_stands_below_it(package: str) -> None:
    ours = set(MAY_IMPORT) | {"tests"}
    for source in tracked(f"{package}/*.py", f"{package}/**/*.py"):
        may = MAY_IMPORT[package] | {package}
        if any(source.is_relative_to(path) for path in SERVING):
            may = may | {"serving"}
        over_the_wall = (set(imported(source)) & ours) - may
        assert not over_the_wall, f"{source.relative_to(ROOT)} imports {over_the_wall}"


def modules_imported(source: Path) -> Iterator[str]:
    """The modules of shared/ that a file imports, as paths below it without a suffix."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "shared":
            named = [Path(*node.module.split(".")[1:], alias.name) for alias in node.names]
            yield from (str(one if (SHARED / one).with_suffix(".py").exists() else one.parent) for one in named)
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from ("/".join(name[1:]) for name in names if name[0] == "shared")


def module_of(source: Path) -> str:
    """A file's name in shared/, as `modules_imported` writes it."""
    return str(source.relative_to(SHARED).with_suffix(""))


def room_of(module: str) -> str:
    return module.partition("/")[0]


def test_a_room_of_shared_imports_only_rooms_that_stand_before_it() -> None:
    floors = {room: number for number, room in enumerate(architecture.ROOMS)}
    upward = [
        f"{source.relative_to(ROOT)} imports shared/{module}"
        for source in tracked("shared/*.py")
        for module in modules_imported(source)
        if room_of(module) not in {"", "."}
        and floors[room_of(module)] > floors.get(room_of(module_of(source)), -1)
        and source != SHARED / "__init__.py"
    ]
    assert not upward


def test_the_imports_of_shared_have_no_circles() -> None:
    imports = {module_of(source): list(modules_imported(source)) for source in tracked("shared/*.py")}
    done: set[str] = set()

    def follow(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle: {' → '.join((*way, module))}"
        if module not in done:
            for other in imports.get(module, []):
                follow(other, (*way, module))
            done.add(module)

    for module in imports:
        follow(module, ())


def test_every_room_of_shared_is_in_the_list_and_there_are_not_many() -> None:
    here = {path.relative_to(SHARED).parts[0].removesuffix(".py") for path in tracked("shared")}
    rooms = here - {"__init__", "py.typed"}
    assert rooms == {*architecture.ROOMS, architecture.PAGES}
    assert len(rooms) <= 24


def test_the_page_on_architecture_shows_the_rooms_as_they_are() -> None:
    assert architecture.PICTURE.read_text() == architecture.picture(), "run make reference"
    page = architecture.PAGE.read_text()
    assert architecture.with_table(page) == page, "run make reference"
    assert architecture.table() in page


def test_the_picture_of_the_cluster_is_the_decks_and_each_of_its_colours_has_one_for_dark_pages() -> None:
    assert cluster_picture.PICTURE.read_text() == cluster_picture.picture(), "run make reference"
    colours = set(re.findall(r'(?:fill|stroke)="(#\w+)"', cluster_picture.DRAWN.read_text()))
    assert colours - {"#ffffff", "#a9bcd6"} == set(cluster_picture.DARK)  # these two are letters on the darkest box


def test_the_picture_of_the_stack_shows_the_layers_as_they_are() -> None:
    assert stack.PICTURE.read_text() == stack.picture(), "run make reference"
    settings = Settings()
    lower = [type(layer).__name__ for layer in demo_4.layers(settings, Parts(settings))]
    region = (ROOT / "demos" / "demo_5_observability" / "app.py").read_text().partition("# endregion: outer-layers")[0]
    upper = [name for name in ("RequestLog", "Metrics", "Tracing", "MemoryGuard") if f"{name}(" in region]
    assert [row.layer for row in stack.STACK] == [*upper, *lower[1:]]


@pytest.mark.parametrize(("demo", "lines"), [("5_observability", 60), ("6_ray_serve_vllm", 40)])
def test_a_later_demo_shows_only_what_is_new_in_it(demo: str, lines: int) -> None:
    assert len((ROOT / "demos" / f"demo_{demo}" / "app.py").read_text().splitlines()) <= lines


def test_the_grader_speaks_http_and_imports_nothing_of_what_it_grades() -> None:
    ours = {
        "session.py",
        "__main__.py",
        "all_demos.py",
        "identity.py",
    }  # they load an exercise's code, and know our services' name
    grader = [source for source in tracked("workshop/grader/*.py") if source.name not in ours]
    assert {source.stem for source in grader} > {f"demo_{number}" for number in range(1, 7)}
    for source in grader:
        assert not set(imported(source)) & {"shared", "demos", "serving", "tests"}, source


def test_no_module_has_a_meaningless_name() -> None:
    names = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [source for source in tracked("*.py") if source.stem in names]


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    named = re.compile(r"registry\.npmjs|pypi\.org|files\.pythonhosted|index-url|/root/|/home/[a-z]|/work/")
    allowed = {Path(__file__)}
    for file in tracked():
        if file in allowed or file.suffix in {".onnx", ".data", ".safetensors", ".png"}:
            continue
        found = named.search(file.read_text(errors="replace"))
        assert not found, f"{file.relative_to(ROOT)} names {found and found.group()}"


def test_weights_are_within_their_bound() -> None:
    weights = sum(file.stat().st_size for file in tracked("serving/tiny_model/weights"))
    assert 0 < weights <= 20_000_000


def test_every_module_says_what_it_is() -> None:
    silent = [source for source in tracked("*.py") if source.read_text().strip() and not docstring(source)]
    assert not silent


def docstring(source: Path) -> str | None:
    return ast.get_docstring(ast.parse(source.read_text()))


def test_the_settings_reference_is_what_the_settings_say() -> None:
    assert reference.ENV_EXAMPLE.read_text() == reference.env_example(), "run make reference"
    page, readme = reference.SETTINGS.read_text(), reference.README.read_text()
    assert reference.with_settings(page) == page, "run make reference"
    assert reference.with_bench(readme) == readme, "run make reference"
    assert reference.table() in page
    assert reference.measured("bench") in readme


@pytest.mark.parametrize("module", ["environment", "doctor", "classroom", "programs"])
def test_modules_that_run_before_the_installation_need_no_package(module: str) -> None:
    command = [sys.executable, "-S", "-c", f"import workshop.{module}"]  # -S: without site-packages
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
