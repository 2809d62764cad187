"""The dashboards in the repository are those that the Python code generates, and each panel explains itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from serving.monitoring.grafana.__main__ import FOLDER, rendered

FILES = sorted(FOLDER.glob("*.json"))


def panels(file: Path) -> list[dict[str, Any]]:
    return [panel for panel in json.loads(file.read_text())["panels"] if panel["type"] != "row"]


def test_the_committed_dashboards_match_the_code() -> None:
    made = dict(rendered())
    assert sorted(made) == FILES
    for file, text in made.items():
        assert file.read_text() == text, "run python -m serving.monitoring.grafana"


def test_dashboards_have_unique_names_and_link_to_each_other() -> None:
    boards = [json.loads(file.read_text()) for file in FILES]
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == 4
    for board in boards:
        assert board["links"][0]["tags"] == board["tags"]
        assert board["description"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_panel_has_a_description_and_its_own_place(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(file):
        assert len(panel["description"]) > 40, panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])
        place = panel["gridPos"]
        cells = {
            (place.get("x", 0) + across, place.get("y", 0) + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert max(column for column, _ in cells) < 24
        assert not cells & taken, f"{panel['title']} overlaps another panel"
        taken |= cells
    numbers = [panel["id"] for panel in json.loads(file.read_text())["panels"]]
    assert len(set(numbers)) == len(numbers)
