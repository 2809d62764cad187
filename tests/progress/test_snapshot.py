"""The page of `make progress` as data: in every language, the same as the commands print."""

import json
from pathlib import Path

import pytest

from tests.progress.test_pages import NO_VLLM
from workshop.processes import ROOT
from workshop.progress import pages, record, snapshot
from workshop.progress.labs import LABS
from workshop.progress.record import FAILED, PASSED, Record
from workshop.progress.standing import standings
from workshop.progress.tasks import tasks_of
from workshop.translation.phrases import speaking, spoken


def half_done() -> Record:
    kept = Record()
    names = [check for task in tasks_of(LABS[1]) for check in task.checks]
    record.grade(kept.of(1), dict.fromkeys(names, 1), dict.fromkeys(names, PASSED) | {names[-1]: FAILED})
    kept.of(1).hints[1] = [record.now()]
    return kept


@pytest.mark.parametrize(("code", "variable"), [("en", "en"), ("es", "es")])
@pytest.mark.parametrize("without", [{}, NO_VLLM], ids=["all demos", "without vLLM"])
def test_it_says_what_make_progress_prints(
    code: str, variable: str, without: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = half_done()
    page = snapshot.snapshot(kept, without)[code]
    monkeypatch.setenv("WORKSHOP_LANG", variable)
    printed = pages.progress(list(standings(kept).values()), without)
    assert f"{page['earned']}/{page['total']}" in printed
    told = pages.Advice(page["next"]["says"], [pages.Command(**command) for command in page["next"]["commands"]])
    assert printed.endswith("\n".join(told.lines))
    for demo, line in zip(page["demos"], [line for line in printed.splitlines() if line[:1].isdigit()], strict=True):
        assert line.startswith(f"{demo['number']}  {demo['title']}")
        assert line.endswith(demo["left"])
    unbroken = printed.replace("\N{NO-BREAK SPACE}", " ")
    for task in page["demos"][0]["tasks"]:
        hints = f" ({task['hints']})" if task["hints"] else ""
        assert f"{pages.MARKS[task['state']]} {task['title']}{hints}" in unbroken
    assert [bool(demo["tasks"]) for demo in page["demos"]] == [True, False, False, False, False, False]


@pytest.mark.parametrize("variable", ["en", "es"])
def test_it_is_the_same_whoever_writes_it(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = half_done()
    monkeypatch.setenv("WORKSHOP_LANG", variable)
    page = snapshot.snapshot(kept, {})
    assert page["en"]["demos"][0]["title"] == "One guarded endpoint"
    assert page["es"]["demos"][0]["title"] == "Un endpoint protegido"
    assert page["es"]["next"]["says"].startswith("Ahora: demo 1, tarea")
    with speaking("es"):
        assert spoken() == "es"
    assert spoken() == variable.replace("en", "")


def test_a_finished_demo_has_its_day_and_needs_no_more_time() -> None:
    kept = Record()
    record.grade(kept.of(2), {"limit": 20}, {"limit": PASSED})
    demo = snapshot.snapshot(kept, {})["en"]["demos"][1]
    assert (demo["earned"], demo["total"], demo["done"], demo["left"]) == (20, 20, kept.of(2).graded, "")


def test_somebody_who_has_begun_nothing_begins_with_the_demo_that_runs() -> None:
    assert snapshot.snapshot(Record(), {}, running=4)["en"]["next"]["demo"] == 4
    assert snapshot.snapshot(half_done(), {}, running=4)["en"]["next"]["demo"] == 1
    assert snapshot.snapshot(Record(), {})["en"]["next"]["demo"] == 1


def test_it_is_written_whole_and_a_folder_that_nobody_may_write_to_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "demos").symlink_to(ROOT / "demos")
    snapshot.write(tmp_path)
    assert json.loads(snapshot.place(tmp_path).read_text())["en"]["earned"] == 0
    with record.changed(tmp_path) as kept:
        kept.demos = half_done().demos
    snapshot.write(tmp_path)
    earned = record.load(tmp_path).demos[1].earned
    assert json.loads(snapshot.place(tmp_path).read_text())["en"]["earned"] == earned > 0
    assert {file.name for file in snapshot.place(tmp_path).parent.iterdir()} == {"page.json", "progress.json", "lock"}
    other = tmp_path / "other"
    other.mkdir()
    (other / record.FOLDER).write_text("a file where the folder would be")
    snapshot.write(other)
