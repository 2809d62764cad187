"""One version, in one place: its copies agree, and a tag that does not is refused before anything is built."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared import __version__
from tests.deployment import yaml_files
from workshop import version
from workshop.processes import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that name the version, in another folder."""
    for pattern in (*version.COPIES, version.CHANGELOG):
        for file in ROOT.glob(pattern):
            target = tmp_path / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    return tmp_path


def tag(name: str) -> subprocess.CompletedProcess[str]:
    """The command, as the release runs it: without our environment."""
    command = [sys.executable, "-S", "-m", "workshop.version", name]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_copy_has_the_version_and_the_changelog_too() -> None:
    assert version.why_not(f"v{__version__}") == ""


def test_the_command_answers_with_the_version_or_with_one_line() -> None:
    assert tag(f"v{__version__}").stdout == f"{__version__}\n"
    refused = tag("v0.0.9")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"version: the tag v0.0.9 is not v{__version__}, the version in shared/__init__.py\n"


def test_make_reference_writes_a_new_version_everywhere(copy: Path) -> None:
    new = "7.8.9-rc.1"
    assert version.why_not(f"v{new}", copy, new).endswith(f"not {new}: run make reference")
    version.main(copy, new)
    assert version.why_not(f"v{new}", copy, new) == f"CHANGELOG.md has no section {new}"
    left = [file for file in copy.rglob("*") if file.is_file() and file.name != version.CHANGELOG]
    assert len(left) > 10
    assert not [file for file in left if __version__ in file.read_text().replace(new, "")]
    version.main(copy, __version__)
    assert version.why_not(f"v{__version__}", copy) == ""


def test_the_images_that_make_builds_have_the_version() -> None:
    command = ["make", "--dry-run", "images", "HARDWARE=cpu", "BUILDER=podman"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"--tag llm-gateway:{__version__} " in printed
    assert f"--tag llm-serving:{__version__}-cpu " in printed


def test_make_release_check_scans_as_the_release_does() -> None:
    command = ["make", "--dry-run", "release-check", "HARDWARE=cpu", "BUILDER=podman"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (scan,) = [
        step["with"]
        for step in yaml_files.only(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["build"]["steps"]
        if "scan-action" in step.get("uses", "")
    ]
    assert f"grype --fail-on {scan['severity-cutoff']} --only-fixed $image" in printed
    assert scan["only-fixed"] is True
    assert f"for image in llm-gateway:{__version__} llm-serving:{__version__}-cpu;" in printed
    assert f"-m workshop.version v{__version__}\n" in printed
