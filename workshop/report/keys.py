"""The host's key pair: Ed25519, from the `cryptography` package.

In: a folder. Out: the private key, which only its owner can read, and the public key as 44 characters of text. Knows
nothing of reports.
"""

import base64
import binascii
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from workshop.processes import ROOT
from workshop.progress.record import FOLDER

PLACE = ROOT / FOLDER / "report-key"  # git ignores it, and `make clean` leaves it
PRIVATE, PUBLIC = "private.pem", "public.txt"
KEY_BYTES, SIGNATURE_BYTES = 32, 64
LARGEST = 1000  # bytes of a file with a public key
OTHERS = 0o077


class BadKey(Exception):
    """One line that says which key cannot be used, and why."""


@dataclass(slots=True, frozen=True)
class Seal:
    """A signature, and the public key that it claims to be of."""

    key: bytes
    signature: bytes

    def fits(self, signed: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(self.signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True


def make(folder: Path = PLACE) -> tuple[str, bool]:
    """The public key, and whether it is new. A key that is there stays. Raises BadKey, OSError."""
    if (folder / PRIVATE).exists():
        return text_of(_public(load(folder))), False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # Never readable by others, not even for the moment before a chmod; and never over another key.
    with os.fdopen(os.open(folder / PRIVATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    public = text_of(_public(private))
    (folder / PUBLIC).write_text(f"{public}\n")
    return public, True


def load(folder: Path = PLACE) -> Ed25519PrivateKey:
    """Raises BadKey."""
    file = folder / PRIVATE
    try:
        if file.stat().st_mode & OTHERS:
            raise BadKey(f"{file}: others can read it; chmod 600 it, or make another key if they may have")
        private = load_pem_private_key(file.read_bytes(), password=None)
    except FileNotFoundError:
        raise BadKey(f"there is no key in {folder}: make report-key makes one") from None
    except OSError as fault:
        raise BadKey(f"{file}: {fault.strerror}") from None
    except (ValueError, TypeError):
        raise BadKey(f"{file}: this is no private key") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise BadKey(f"{file}: this is no Ed25519 key")
    return private


def sign(private: Ed25519PrivateKey, text: bytes) -> Seal:
    return Seal(_public(private), private.sign(text))


def text_of(key: bytes) -> str:
    return base64.b64encode(key).decode()


def public(given: str) -> bytes:
    """A public key from its text, or from a file that has it. Raises BadKey."""
    text = given.strip()
    with contextlib.suppress(OSError, ValueError):
        if (file := Path(text)).is_file() and file.stat().st_size <= LARGEST:
            text = file.read_text().strip()
    key = decoded(text, KEY_BYTES)
    if key is None:
        raise BadKey("KEY is not a public key: write the 44 characters that make report-key prints, or its public.txt")
    return key


def known(folder: Path = PLACE) -> bytes | None:
    """The public key that was made on this machine, if there is one."""
    return public(str(folder / PUBLIC)) if (folder / PUBLIC).exists() else None


def decoded(text: str, length: int) -> bytes | None:
    """So many bytes from base64; None if it is not exactly that."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == length and base64.b64encode(found).decode() == text else None


def _public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
