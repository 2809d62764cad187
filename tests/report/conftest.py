"""A report, and a host who signs."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workshop.report.payload import CheckGrade, DemoGrade, Ended, Report

NOON = "2026-11-30T12:00:00+00:00"


def demo(number: int = 1, *ended: Ended) -> DemoGrade:
    checks = tuple(
        CheckGrade(name=f"check_{place}", title=f"sentence {place}", points=place + 1, ended=end)
        for place, end in enumerate(ended or (Ended.PASSED, Ended.FAILED))
    )
    return DemoGrade(
        number=number,
        title="One guarded endpoint",
        graded=NOON,
        commit="c" * 40,
        files="f" * 64,
        version="1.0.0",
        python="3.11.9",
        checks=checks,
    )


def report(name: str = "Ana", graded_by: str = "signer", *demos: DemoGrade) -> Report:
    return Report.model_validate({"name": name, "made": NOON, "graded_by": graded_by, "demos": demos or (demo(),)})


@pytest.fixture(scope="session")
def host() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command writes reports."""
    monkeypatch.setattr("workshop.report.__main__.ROOT", tmp_path)
    monkeypatch.setattr("workshop.report.__main__.PLACE", tmp_path / "build" / "report")
    return tmp_path / "build" / "report"
