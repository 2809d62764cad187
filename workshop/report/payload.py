"""What a report says, as canonical JSON: the same report is always the same bytes, so that they can be signed.

In: a report, or bytes that somebody hands in. Out: the bytes, or a Report whose values are in bounds, or NotAReport.
Knows nothing of keys or pages.
"""

import json
import re
import unicodedata
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

# Verifying renders the page again and compares. So every change of a page raises this number; a test reminds you.
FORMAT: Final = "llm-in-production-report/1"
LONGEST_NAME = 60  # characters
JOINERS = "\u200c\u200d"  # some scripts need them, and some emoji


class NotAReport(Exception):
    """One line that says what is wrong."""


class BadName(Exception):
    """One line that says which names can be used."""


class Ended(StrEnum):
    """How a check ended. Only those that passed count. `outdated`: the files have changed since it was graded."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_GRADED = "not_graded"
    NOT_RUN = "not_run"
    OUTDATED = "outdated"


def name_of(text: str) -> str:
    """A name as it is shown. Raises BadName."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise BadName('say who: NAME="Ana"')
    if len(name) > LONGEST_NAME:
        raise BadName(f"NAME has {len(name)} characters; {LONGEST_NAME} are the most")
    if any(map(unprintable, name)):
        raise BadName("NAME has a control character; use letters, digits, spaces and signs")
    return name


def unprintable(character: str) -> bool:
    """Also what turns the direction of text around it, and halves of characters."""
    return unicodedata.category(character)[0] == "C" and character not in JOINERS


def _printable(text: str) -> str:
    if any(map(unprintable, text)):
        raise ValueError("a control character")
    return text


def _as_shown(text: str) -> str:
    try:
        shown = name_of(text)
    except BadName as reason:
        raise ValueError(str(reason)) from None
    if shown != text:
        raise ValueError("a name that is not as shown")
    return text


Name = Annotated[str, AfterValidator(_as_shown)]
Text = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
Points = Annotated[int, Field(ge=0, le=1000)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64}|)$")]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{0,40}$")]
Time = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00$")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckGrade(Part):
    name: Text
    title: Text
    points: Points
    ended: Ended

    @property
    def earned(self) -> int:
        return self.points if self.ended is Ended.PASSED else 0


class DemoGrade(Part):
    """One exercise: when it was `graded`, and on which `commit`. `files`: see workshop/progress/source.py."""

    number: Annotated[int, Field(ge=1, le=99)]
    title: Text
    graded: Time
    commit: Commit
    files: Hash
    version: Version
    python: Version
    checks: Annotated[tuple[CheckGrade, ...], Field(max_length=100)]

    @property
    def earned(self) -> int:
        return sum(check.earned for check in self.checks)

    @property
    def total(self) -> int:
        return sum(check.points for check in self.checks)

    @property
    def outdated(self) -> bool:
        return any(check.ended is Ended.OUTDATED for check in self.checks)


class Report(Part):
    """`graded_by`: the attendee's own machine, or the machine of the one who signs."""

    format: Literal["llm-in-production-report/1"] = FORMAT
    name: Name
    made: Time
    graded_by: Literal["attendee", "signer"]
    demos: Annotated[tuple[DemoGrade, ...], Field(min_length=1, max_length=20)]

    @property
    def earned(self) -> int:
        return sum(demo.earned for demo in self.demos)

    @property
    def total(self) -> int:
        return sum(demo.total for demo in self.demos)

    @property
    def score(self) -> str:
        return f"{self.earned}/{self.total}"

    @property
    def canonical(self) -> bytes:
        document = self.model_dump(mode="json")
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def read(cls, text: bytes) -> "Report":
        """Raises NotAReport, also for JSON that is not canonical."""
        try:
            report = cls.model_validate_json(text)
        except ValidationError:
            if found := re.search(rb'"format":"llm-in-production-report/(\d{1,3})"', text):
                if found[1].decode() == FORMAT.rpartition("/")[2]:
                    raise NotAReport("its data is damaged") from None
                raise NotAReport(
                    f"its format is {int(found[1])}: verify it with that version of the workshop"
                ) from None
            raise NotAReport("it is not a report of this workshop") from None
        if report.canonical != text:
            raise NotAReport("its data is damaged")
        return report
