"""The host's keys: only the owner can read the private one, and no key is ever lost to another."""

import base64
import stat
from pathlib import Path

import pytest

from workshop.report import keys
from workshop.report.keys import BadKey


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    public, new = keys.make(folder)
    assert new
    assert stat.S_IMODE((folder / keys.PRIVATE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / keys.PUBLIC).read_text().strip() == public
    assert len(base64.b64decode(public)) == 32
    private = (folder / keys.PRIVATE).read_bytes()
    assert keys.make(folder) == (public, False)
    assert (folder / keys.PRIVATE).read_bytes() == private


def test_what_it_signs_fits_its_public_key_and_nothing_else(tmp_path: Path) -> None:
    public, _ = keys.make(tmp_path / "keys")
    seal = keys.sign(keys.load(tmp_path / "keys"), b"signed")
    assert seal.key == keys.public(public) == keys.public(str(tmp_path / "keys" / keys.PUBLIC))
    assert seal.key == keys.known(tmp_path / "keys")
    assert seal.fits(b"signed")
    assert not seal.fits(b"signed ")


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    keys.make(tmp_path)
    (tmp_path / keys.PRIVATE).chmod(0o640)
    with pytest.raises(BadKey, match="others can read it; chmod 600 it"):
        keys.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no key in .*: make report-key makes one"),
        (b"", "this is no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "this is no private key"),
    ],
)
def test_a_missing_or_damaged_key_is_one_line(content: bytes | None, why: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / keys.PRIVATE).write_bytes(content)
        (tmp_path / keys.PRIVATE).chmod(0o600)
    with pytest.raises(BadKey, match=why) as refused:
        keys.load(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("given", ["", "x", "A" * 44, "A" * 43 + "==", "no/such/file", "\0", "é" * 44, "A" * 100_000])
def test_what_is_no_public_key_is_one_line(given: str) -> None:
    with pytest.raises(BadKey, match="KEY is not a public key"):
        keys.public(given)
