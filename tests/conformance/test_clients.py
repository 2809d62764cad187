"""A client that is not installed is skipped with one line, and is a failure if all are required."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance import clients
from workshop.processes import ROOT


@pytest.fixture
def no_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PEERS", tmp_path)
    monkeypatch.delenv("REQUIRE_PEERS", raising=False)


@pytest.mark.usefixtures("no_peers")
def test_a_missing_client_is_skipped_and_the_reason_says_how_to_install_it() -> None:
    with pytest.raises(pytest.skip.Exception, match="make peers"):
        clients.started("litellm")


@pytest.mark.usefixtures("no_peers")
def test_a_missing_client_is_a_failure_if_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_PEERS", "1")
    with pytest.raises(pytest.fail.Exception, match="make peers"):
        clients.started("litellm")


def test_make_prove_installs_the_peers_and_requires_them() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "prove: export REQUIRE_PEERS := 1" in makefile
    assert re.search(r"^prove:.*\n\t.*\$\(MAKE\) .*\bpeers\b", makefile, re.MULTILINE)
