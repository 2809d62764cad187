"""Memory pressure: the states, the thresholds, and the amount of memory that there is."""

from pathlib import Path

import psutil
import pytest

from shared.memory.limit import MemoryLimit, memory_limit
from shared.memory.pressure import Pressure, State
from shared.memory.rss import MEGABYTE, resident
from shared.memory.thresholds import Thresholds, thresholds
from shared.settings import BadSetting, Settings

PLENTY = MemoryLimit(64_000 * MEGABYTE, "this machine")


def settings(threshold: float = 1024, emergency: float = 1536, workers: int = 1) -> Settings:
    return Settings(memory_threshold_mb=threshold, memory_emergency_mb=emergency, uvicorn_workers=workers)


def states(*resident: int) -> list[State]:
    """The state after each look. Caches are emptied over 100, and work is refused over 150."""
    pressure = Pressure(Thresholds(shed=100, refuse=150))
    return [pressure.look(bytes) for bytes in resident]


# --- states ------------------------------------------------------------------------------------------------------


def test_each_threshold_belongs_to_the_state_below_it() -> None:
    assert states(80, 81, 100, 101, 150, 151) == [
        State.NORMAL,
        State.WARNING,
        State.WARNING,
        State.SHEDDING,
        State.SHEDDING,
        State.REFUSING,
    ]


def test_work_is_refused_until_memory_is_below_the_lower_threshold_again() -> None:
    assert states(151, 149, 101, 100) == [State.REFUSING] * 3 + [State.WARNING]


def test_near_a_threshold_the_state_does_not_flap() -> None:
    assert states(81, 79, 81, 79, 75) == [State.WARNING] * 4 + [State.NORMAL]
    assert states(101, 99, 101, 99, 94) == [State.SHEDDING] * 4 + [State.WARNING]


# --- thresholds --------------------------------------------------------------------------------------------------


def test_with_enough_memory_the_thresholds_are_those_of_the_settings(caplog: pytest.LogCaptureFixture) -> None:
    assert thresholds(settings(), PLENTY, 100 * MEGABYTE) == Thresholds(1024 * MEGABYTE, 1536 * MEGABYTE)
    assert not caplog.messages


def test_in_a_small_container_they_are_lowered_and_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    lowered = thresholds(settings(), MemoryLimit(512 * MEGABYTE, "this container"), 100 * MEGABYTE)
    assert lowered.shed < lowered.refuse < 512 * MEGABYTE
    [said] = caplog.messages
    assert said.startswith("this container has 512 MB of memory for 1 worker(s)")


def test_workers_share_the_memory_with_each_other_and_their_parent() -> None:
    base, bound = 100 * MEGABYTE, MemoryLimit(1000 * MEGABYTE, "this container")
    lowered = thresholds(settings(workers=4), bound, base)
    assert base + 4 * lowered.refuse < bound.bytes


def test_a_threshold_over_the_emergency_is_refused_in_one_line() -> None:
    with pytest.raises(BadSetting) as reason:
        thresholds(settings(200, 100), PLENTY, 0)
    assert str(reason.value).startswith("MEMORY_THRESHOLD_MB=200: ")
    assert "\n" not in str(reason.value)


# --- the memory limit --------------------------------------------------------------------------------------------


def container(root: Path, groups: str, **limits: str) -> Path:
    """A file system in which a process sees these control groups, with their limits; `__` stands for a slash."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, limit in limits.items():
        file = (
            root
            / "sys/fs/cgroup"
            / name.replace("__", "/").replace("LIMIT", "memory.limit_in_bytes").replace("MAX", "memory.max")
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{limit}\n")
    return root


def test_version_2_takes_the_lowest_limit_of_a_group_and_its_parents(tmp_path: Path) -> None:
    root = container(tmp_path, "0::/pod/app\n", MAX="max", pod__MAX="300000000", pod__app__MAX="400000000")
    assert memory_limit(root) == MemoryLimit(300_000_000, "this container")


def test_version_1_takes_the_group_of_the_memory_controller(tmp_path: Path) -> None:
    groups = "5:cpu,cpuacct:/else\n4:memory:/docker/app\n"
    root = container(tmp_path, groups, memory__LIMIT="9223372036854771712", memory__docker__app__LIMIT="200000000")
    assert memory_limit(root) == MemoryLimit(200_000_000, "this container")


def test_a_container_that_sees_its_group_as_the_root_has_its_limit_there(tmp_path: Path) -> None:
    assert memory_limit(container(tmp_path / "a", "0::/\n", MAX="250000000")).bytes == 250_000_000
    outside = container(tmp_path / "b", "4:memory:/docker/0123\n", memory__LIMIT="260000000")
    assert memory_limit(outside).bytes == 260_000_000
    assert memory_limit(container(tmp_path / "c", "0::/../other\n", MAX="270000000")).bytes == 270_000_000


def test_without_a_limit_the_machines_memory_counts(tmp_path: Path) -> None:
    machine = MemoryLimit(psutil.virtual_memory().total, "this machine")
    assert memory_limit(tmp_path) == machine
    assert memory_limit(container(tmp_path / "v2", "0::/\n", MAX="max")) == machine
    assert memory_limit(container(tmp_path / "large", "0::/\n", MAX=str(machine.bytes * 2))) == machine


def test_resident_memory_is_that_of_the_system() -> None:
    assert resident() == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
