"""The regions of source that slides show: which are accepted, and which are refused."""

from pathlib import Path

import pytest

from slides.regions import RegionError, read_region, read_source


def _write(folder: Path, text: str, name: str = "source.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("name", "opening", "closing"),
    [
        ("a.py", "# region: part", "# endregion: part"),
        ("Makefile", "# region: part", "# endregion: part"),
        ("a.yaml", "  # region: part", "  # endregion: part"),
        ("a.md", "<!-- region: part -->", "<!-- endregion: part -->"),
        ("a.mjs", "// region: part", "// endregion: part"),
        ("a.css", "/* region: part */", "/* endregion: part */"),
        ("a.sql", "-- region: part", "-- endregion: part"),
    ],
)
def test_a_region_is_found_in_the_comment_style_of_its_file(
    tmp_path: Path, name: str, opening: str, closing: str
) -> None:
    file = _write(tmp_path, f"before\n{opening}\ninside\n{closing}\nafter\n", name)
    assert read_region(file, "part") == "inside"


def test_a_region_is_dedented_and_loses_its_outer_blank_lines(tmp_path: Path) -> None:
    file = _write(tmp_path, "    # region: part\n\n    if x:\n        y()\n\n    # endregion: part\n")
    assert read_region(file, "part") == "if x:\n    y()"


def test_regions_may_nest_and_the_inner_markers_are_not_shown(tmp_path: Path) -> None:
    file = _write(tmp_path, "# region: outer\na\n# region: inner\nb\n# endregion: inner\nc\n# endregion: outer\n")
    assert read_region(file, "outer") == "a\nb\nc"
    assert read_region(file, "inner") == "b"
    assert read_source(file) == "a\nb\nc"


def test_an_ordinary_comment_about_a_region_is_not_a_marker(tmp_path: Path) -> None:
    file = _write(tmp_path, "# region: part\n# region of interest: the whole\nx = 'region: y'\n# endregion: part\n")
    assert read_region(file, "part") == "# region of interest: the whole\nx = 'region: y'"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# region: other\nx\n# endregion: other\n", r"no such region \(the file has: other\)"),
        ("x\n", r"no such region \(the file has: none\)"),
        ("# region: part\n\n   \n# endregion: part\n", "the region is empty"),
        ("a\n# region: part\nx\n", "line 2 opens region part, which is never closed"),
        ("x\n# endregion: part\n", "line 2 closes region part, which is not open"),
        ("# region: part\nx\n# endregion: part\n# region: part\n", "line 4 opens region part a second time"),
    ],
)
def test_a_region_that_cannot_be_shown_says_why(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(RegionError, match=complaint):
        read_region(_write(tmp_path, text), "part")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="no such file"):
        read_source(tmp_path / "gone.py")
