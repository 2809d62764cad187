"""The record of what passed: it survives damage, other processes, and folders that nobody may write to."""

import json
import multiprocessing
from pathlib import Path

import pytest

from workshop.progress import record
from workshop.progress.record import FAILED, NOT_GRADED, PASSED, DemoRecord, Record

POINTS = {"input_limit": 1, "cost": 2, "load": 3}


def graded(root: Path, **results: str) -> DemoRecord:
    with record.changed(root) as kept:
        record.grade(kept.of(1), POINTS, results)
    return record.load(root).demos[1]


def test_what_passed_is_kept_with_its_points_and_its_time(tmp_path: Path) -> None:
    demo = graded(tmp_path, input_limit=PASSED, cost=FAILED)
    assert (demo.earned, demo.total, demo.done) == (1, 6, False)
    assert demo.checks["input_limit"].since == demo.graded == demo.latest
    document = json.loads(record.place(tmp_path).read_text())
    assert document["version"] == 1
    assert document["demos"]["1"]["checks"]["cost"]["status"] == "failed"


def test_a_check_keeps_the_time_when_it_began_to_end_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(f"2026-11-30T10:0{minute}:00+00:00" for minute in range(5))
    monkeypatch.setattr(record, "now", lambda: next(times))
    graded(tmp_path, input_limit=PASSED, cost=FAILED)
    demo = graded(tmp_path, input_limit=PASSED, cost=PASSED)
    assert demo.checks["input_limit"].since.endswith("10:00:00+00:00")
    assert demo.checks["cost"].since.endswith("10:01:00+00:00")
    assert graded(tmp_path, input_limit=FAILED).checks["input_limit"].since.endswith("10:02:00+00:00")


def test_a_demo_is_done_with_all_points_that_can_be_earned_here(tmp_path: Path) -> None:
    assert not graded(tmp_path, input_limit=PASSED, cost=PASSED).done
    assert not graded(tmp_path, load=FAILED).done
    assert graded(tmp_path, load=NOT_GRADED).done
    assert graded(tmp_path, load=PASSED).done
    assert not DemoRecord().done


def test_a_check_that_the_demo_has_no_longer_is_forgotten(tmp_path: Path) -> None:
    graded(tmp_path, input_limit=PASSED, cost=PASSED)
    with record.changed(tmp_path) as kept:
        record.grade(kept.of(1), {"input_limit": 1}, {"input_limit": PASSED})
    assert record.load(tmp_path).demos[1].done


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"version": 2, "demos": {}}',
        b'{"version": 1}',
        b'{"version": 1, "demos": {"one": {}}}',
        b'{"version": 1, "demos": {"1": {"total": 1e999, "graded": "", "worked": "", "checks": {}, "hints": {}}}}',
        b'{"version": 1, "demos": {"1": {"total": 20, "graded": "soon", "worked": "", "checks": {}, "hints": {}}}}',
        b'{"version": 1, "demos": {"1": {"total": 20, "graded": "", "worked": "", "checks": {}, "hints": {"1": [7]}}}}',
        b'{"version": 1, "demos": {"1": {"total": 20, "graded": "", "worked": "", "checks": '
        b'{"cost": {"points": 1, "status": "won", "since": "2026-11-30T10:00:00+00:00"}}, "hints": {}}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_one_line_and_kept_aside(
    damage: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = record.place(tmp_path)
    file.parent.mkdir()
    file.write_bytes(damage)
    assert record.load(tmp_path) == Record()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(".progress/progress.json cannot be used (")
    (aside,) = file.parent.glob("progress-damaged-*.json")
    assert aside.read_bytes() == damage
    assert aside.name in line
    assert graded(tmp_path, input_limit=PASSED).earned == 1
    assert capsys.readouterr().err == ""


def test_a_folder_in_place_of_the_file_is_kept_aside_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record.place(tmp_path).mkdir(parents=True)
    assert graded(tmp_path, input_limit=PASSED).earned == 1
    assert "cannot be used (Is a directory)" in capsys.readouterr().err


def test_where_nothing_can_be_written_a_line_says_so_and_nothing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / record.FOLDER).write_text("a file where the folder should be")
    with record.changed(tmp_path) as kept:
        record.grade(kept.of(1), POINTS, {"cost": PASSED})
    assert "progress is not kept: .progress/progress.json: Not a directory" in capsys.readouterr().err


def note(root: Path, name: str) -> None:
    with record.changed(root) as kept:
        record.grade(kept.of(1), {f"check_{number}": 1 for number in range(8)}, {name: PASSED})


def test_gradings_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=note, args=(tmp_path, f"check_{number}")) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert record.load(tmp_path).demos[1].earned == 8
