"""Which service answers at a URL, as far as it says so itself: GET / of our services names its demo and its routes.

In: a URL. Out: its Identity, and whether it is the demo to be graded. Other people's services say nothing of the kind,
and are graded like any other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from shared import SERVICE_NAME
from workshop import direct
from workshop.grader.service import Service

ANSWERS_WITHIN = 5.0  # seconds to answer; then the grader decides that the service hangs
NOT_FOUND = 404
MODEL_PORT_OFFSET = 100  # see workshop/demo.py
DEMO = re.compile(r"Demo (\d)\b")
# A route that the demo has and the previous demo lacks.
BRINGS = {
    2: "GET /usage",
    3: "GET /cache/stats",
    4: "POST /generate/stream",
    5: "GET /metrics",
}


class DeadService(Exception):
    """No service answers there; the text is one line."""


@dataclass(slots=True, frozen=True)
class Identity:
    """`demo` is 0 for a service that does not say which one it is. `routes` as in `GET /health`.

    `doubt`: a note on somebody else's service that may not be the one to grade.
    """

    ours: bool = False
    title: str = ""
    demo: int = 0
    routes: Sequence[str] = ()
    doubt: str = ""

    @classmethod
    def read(cls, document: Any) -> "Identity":
        if not isinstance(document, dict) or document.get("service") != SERVICE_NAME:
            return cls()
        title, routes = document.get("title"), document.get("routes")
        title = title if isinstance(title, str) else ""
        named = DEMO.match(title)
        return cls(True, title, int(named[1]) if named else 0, routes if isinstance(routes, list) else ())

    def __str__(self) -> str:
        return f"it says: {self.title}" if self.title else "it does not say which demo it is"

    def lacks(self, number: int) -> str:
        """Why this cannot be demo `number`; empty if it can be."""
        if not self.ours or self.demo == number or self.demo > number:
            return ""
        missing = [route for demo, route in BRINGS.items() if demo <= number and route not in self.routes]
        if self.demo:
            without = f": it has no {missing[0].partition(' ')[2]}" if missing else ""
            return f"this is demo {self.demo}, not demo {number}{without}; start the other with make demo-{number}"
        if missing:
            return (
                f"this is not demo {number}: it has no {missing[0].partition(' ')[2]}; start it with make demo-{number}"
            )
        return ""

    def has_more(self, number: int) -> str:
        """A note that features of a later demo may cost points here, or the doubt; empty if there is neither."""
        if not self.ours or self.demo <= number:
            return self.doubt
        return (
            f"This is demo {self.demo}, not demo {number}: its limits and its caches may cost points here. "
            f"Its own checks: make grade-{self.demo}"
        )


def identify(url: str, number: int) -> Identity:
    """The service that answers there. Raises DeadService, also for one that hangs, and for our model server."""
    _must_answer(url, number)
    service = Service(url, patience=ANSWERS_WITHIN)
    try:
        identity = Identity.read(service.get("/").json)
        if identity.ours:
            return identity
        health = service.get("/health").json
        if isinstance(health, dict) and isinstance(health.get("models"), dict):
            raise DeadService(
                f"{url}: this is a model server, not a demo; make demo-{number} listens {MODEL_PORT_OFFSET} ports "
                "below its model server"
            )
        missing = service.post("/generate", {}).status == NOT_FOUND
        return replace(identity, doubt=f"There is no POST /generate at {url}: is it the right service?" * missing)
    finally:
        service.close()


def _must_answer(url: str, number: int) -> None:
    """Any HTTP answer will do: the checks look at its content. Raises DeadService."""
    try:
        # Without redirects: a service that is graded must not lead us to another one.
        direct.urlopen(f"{url}/health", ANSWERS_WITHIN, redirects=False).close()
    except HTTPError:
        return
    except HTTPException as fault:
        raise DeadService(f"what listens at {url} does not speak HTTP ({type(fault).__name__})") from None
    except OSError as fault:
        said = direct.why(url, fault, ANSWERS_WITHIN).replace(f"{url}: it took", f"{url} took")
        refused = isinstance(getattr(fault, "reason", None), ConnectionRefusedError)
        where = f"{said}; start it with make demo-{number}, or say where it is: URL=…"
        raise DeadService(where if refused else said) from None
