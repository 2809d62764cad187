"""What an attendee sends: a name, and how the checks of one demo ended.

In: bytes from anybody on the network. Out: an Update whose values are in bounds and whose name can be shown, or
InvalidRequest. Knows nothing of which checks there are.
"""

import unicodedata
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from shared.pipeline.errors import InvalidRequest
from workshop.report.payload import LONGEST_NAME, Commit, Part, Points, Time, unprintable

LARGEST_BODY = 32 << 10  # bytes
MOST_MARKS = 2  # accents on one letter; more of them run over the lines above and below
INVISIBLE = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs that show nothing
NO_NAME = "a name needs a letter, a digit or a sign"


def shown(text: str) -> str:
    """The name as the board shows it. Raises ValueError if nothing of it can be shown."""
    kept: list[str] = []
    marks = 0
    for character in " ".join(unicodedata.normalize("NFC", text).split()):
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if not unprintable(character) and character not in INVISIBLE and marks <= MOST_MARKS:
            kept.append(character)
    name = "".join(kept)[:LONGEST_NAME].strip()
    if not any(unicodedata.category(character)[0] in "LNSP" for character in name):
        raise ValueError(NO_NAME)
    return name


Name = Annotated[str, AfterValidator(shown)]
CheckName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,80}$")]
Status = Literal["passed", "failed", "not_graded"]
Checks = Annotated[dict[CheckName, Status], Field(max_length=100)]


class Update(Part):
    """One demo of one attendee, as their grader recorded it. Checks that have not run yet are missing."""

    name: Name
    graded: Time
    commit: Commit
    points: Points
    checks: Checks


class Wish(Part):
    """The attendee's running service listens on this port of the machine that asks, and is to be graded."""

    name: Name
    port: Annotated[int, Field(ge=1024, le=65535)]


Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Secret = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_IDS, _SECRETS = TypeAdapter[str](Id), TypeAdapter[str](Secret)
T = TypeVar("T", bound=Part)


def update(body: bytes) -> Update:
    """Raises InvalidRequest."""
    return _read(Update, body)


def wish(body: bytes) -> Wish:
    """Raises InvalidRequest."""
    return _read(Wish, body)


def identified(attendee: str, secret: str) -> tuple[str, str]:
    """An attendee's id and secret. Raises InvalidRequest."""
    try:
        return _IDS.validate_python(attendee), _SECRETS.validate_python(secret)
    except ValidationError:
        raise InvalidRequest("an id is 32 hexadecimal digits, and its secret is 64") from None


def _read(kind: type[T], body: bytes) -> T:
    try:
        return kind.model_validate_json(body)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        said = first["msg"].removeprefix("Value error, ")
        raise InvalidRequest(f"{where}: {said}" if where else said, param=where or None) from None
