"""A cluster that cannot start says so in one line, before it spends half a minute on the attempt.

No Ray is started here.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from workshop import serving_cluster
from workshop.processes import CannotStart
from workshop.serving_cluster import DASHBOARD_OFFSET, LAPTOP, RUN, free_ports, ray_serve, token_file

pytestmark = pytest.mark.skipif(not serving_cluster.PYTHON.exists(), reason="make install-serving")

# Faults planted into laptop.yaml, and what the message must say.
WRONG = {
    "a key that we do not have": ("max_model_len:", "max_model_lenght:", "args.max_model_lenght: Extra inputs"),
    "weights that are not there": (
        "source: serving/tiny_model/weights/hf",
        "source: serving/tiny_model/wheigts/hf",
        "serving/tiny_model/wheigts/hf is neither a folder nor a name on the hub",
    ),
}


def why_not(port: int, config: Path, folder: Path) -> str:
    """The one line that it prints."""
    with pytest.raises(CannotStart) as told:
        ray_serve(port, config, output=folder / "ray-serve.txt").start()
    line = str(told.value)
    assert len(line.splitlines()) == 1
    assert (folder / "ray-serve.txt").read_text().strip() == line, "it printed something else as well"
    return line


@pytest.mark.parametrize("fault", WRONG)
def test_a_config_file_that_is_wrong_is_one_clear_line(fault: str, tmp_path: Path) -> None:
    there, instead, said = WRONG[fault]
    config = tmp_path / "wrong.yaml"
    config.write_text(LAPTOP.read_text().replace(there, instead, 1))
    line = why_not(free_ports(), config, tmp_path)
    assert line.startswith(f"{config}: ")
    assert said in line


def test_a_config_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    assert "No such file" in why_not(free_ports(), tmp_path / "none.yaml", tmp_path)


@pytest.mark.parametrize("offset", [0, DASHBOARD_OFFSET])
def test_a_taken_port_is_one_clear_line_and_its_owner_keeps_its_token(offset: int, tmp_path: Path) -> None:
    port = free_ports()
    RUN.mkdir(exist_ok=True)
    token_file(port).write_text("of the one that runs")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        line = why_not(port, LAPTOP, tmp_path)
    assert line == f"cannot listen on 127.0.0.1:{port + offset}: Address already in use; choose another --port"
    assert token_file(port).read_text() == "of the one that runs"
    token_file(port).unlink()


def test_without_the_serving_environment_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_cluster, "PYTHON", tmp_path / "python")
    with pytest.raises(CannotStart, match="make install-serving"):
        ray_serve(free_ports())


def test_the_status_of_a_cluster_that_does_not_run_is_an_error() -> None:
    with pytest.raises(OSError, match=os.strerror(2)):
        serving_cluster.status(free_ports())
