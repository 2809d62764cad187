"""Who an attendee is on the board: a random id, its secret, and a name of their choice, in `.progress/board.json`.

The id keeps two Anas apart, and the secret keeps others from writing in one's name. Both are random numbers that say
nothing about the machine or the person. `make board-leave` deletes them.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from workshop.processes import ROOT
from workshop.progress.record import FOLDER
from workshop.report.payload import BadName, name_of


class NoIdentity(Exception):
    """One line that says why nothing can be sent."""


@dataclass(slots=True, frozen=True)
class Identity:
    id: str
    secret: str
    name: str


def place(root: Path = ROOT) -> Path:
    return root / FOLDER / "board.json"


def identity(name: str = "", root: Path = ROOT) -> Identity:
    """The identity that is kept, or a new one. A `name` replaces the one that is kept. Raises NoIdentity."""
    try:
        kept = known(root) or Identity(secrets.token_hex(16), secrets.token_hex(32), "")
        named = replace(kept, name=name_of(name or kept.name))
        if named != known(root):
            _write(place(root), named)
    except BadName as reason:
        raise NoIdentity(str(reason)) from None
    except OSError as fault:
        raise NoIdentity(f"{FOLDER}/{place(root).name}: {fault.strerror}") from None
    return named


def known(root: Path = ROOT) -> Identity | None:
    """The identity that is kept, if there is one. Raises NoIdentity, OSError."""
    try:
        document = json.loads(place(root).read_text())
        return Identity(*(str(document[field]) for field in ("id", "secret", "name")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise NoIdentity(f"{FOLDER}/{place(root).name} is damaged; delete it, and you are somebody new") from None


def forget(root: Path = ROOT) -> None:
    place(root).unlink(missing_ok=True)


def _write(file: Path, identity: Identity) -> None:
    """Whole or not at all, and only for its owner's eyes."""
    file.parent.mkdir(exist_ok=True)
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(json.dumps(asdict(identity), indent=1) + "\n")
    new.replace(file)
