"""All that a check may look at: the service, the upstream behind it, its log, its secret, and how it is configured.

Anything that cannot be reached from here raises NotGraded as soon as a check asks for it, and says how to change that.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self

from workshop.grader.callers import STRANGER, Caller, Callers, Desk, given, without_tokens
from workshop.grader.deployment import Deployment
from workshop.grader.log_file import LogFile
from workshop.grader.problems import Problems
from workshop.grader.service import Answer, Service
from workshop.grader.traces import Traces
from workshop.grader.upstream import Upstream
from workshop.grader.verdict import NotGraded

LONGEST_WINDOW = 10.0  # seconds
MOST_REQUESTS = 100
DYING_SECONDS = 1.0  # from the moment when a process closes its connections until its exit status is known
HANGING_SECONDS = 10.0  # for an answer that takes no work
OTLP = "OTLP_ENDPOINT"
TRACES = "TRACES_URL"  # the environment variable with the trace receiver of a service that already runs


@dataclass(slots=True, frozen=True)
class Configured:
    """The settings by which the behaviour of the service under test is measured, by name. Times in seconds."""

    max_chars: int = 4000
    max_body_bytes: int = 10_000_000
    max_retries: int = 3
    retry_delay: float = 1.0
    timeout: float = 30.0
    token_cache_ttl: float = 300.0
    rate_limit_window_sec: float = 60.0
    rate_limit_rpm: int = 600
    rate_limit_burst: int = 0
    rate_limit_tpm: int = 100_000
    rate_limit_anonymous_rpm: int = 20
    stream_silence_timeout: float = 60.0
    stream_keepalive_sec: float = 15.0
    max_concurrent: int = 10
    http_max_connections: int = 100
    circuit_breaker_failure_threshold: int = 5
    trace_sample_ratio: float = 0.1
    webhook_hmac_secret: str = ""
    webhook_timestamp_window: float = 300.0
    cors_origins: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The documented defaults, or the same variables as the service was started with, if they are set here."""
        given = {field.name: environment.get(field.name.upper()) for field in fields(cls)}
        return cls(**{name: type(getattr(cls(), name))(value) for name, value in given.items() if value})

    @property
    def patience(self) -> float:
        """How long a client waits before it reports that no answer came: much longer than the deadline."""
        return self.timeout * 1.2 + 1.0

    @property
    def longest_backoff(self) -> float:
        """The sum of all waits of a call that is retried to the end, with jitter."""
        return 1.3 * sum(min(self.retry_delay * float(2**retry), 10.0) for retry in range(self.max_retries))

    @property
    def window(self) -> float:
        return self.rate_limit_window_sec

    @property
    def requests(self) -> int:
        """The requests that one window allows to a caller with a token."""
        return self.rate_limit_rpm + self.rate_limit_burst

    @property
    def requests_of_strangers(self) -> int:
        return min(self.rate_limit_anonymous_rpm, self.rate_limit_rpm) + self.rate_limit_burst


class End(Protocol):
    """How a service that we have started ends."""

    def how(self, within: float) -> str:
        """With which status it ended, and its last words; empty if it still runs after `within` seconds."""

    def hurry(self) -> None:
        """It hangs: do not wait for it when it is stopped."""


class Subject:
    """The service under test. Each request names `model`; with None the service chooses."""

    def __init__(
        self,
        service: Service,
        configured: Configured,
        *,
        upstream: Upstream | None = None,
        no_upstream: str = "",
        log: LogFile | None = None,
        traces: Traces | None = None,
        folder: Path | None = None,
        secret: str = "",
        model: str | None = None,
        desk: Desk | None = None,
        deployment: Deployment | None = None,
        again: Callable[[Mapping[str, str]], AbstractContextManager["Subject"]] | None = None,
        problems: Problems | None = None,
        end: End | None = None,
    ) -> None:
        self.service = service
        self.configured = configured
        self.problems = problems or Problems()  # always empty for a service that somebody else has started
        self._upstream = upstream
        self._no_upstream = no_upstream
        self._log = log
        self._traces = traces
        self._folder = folder
        self._secret = secret
        self._model = model
        self._desk = desk
        self._deployment = deployment
        self._callers = Callers(desk.people if desk else given, service.last_seen)
        self._again = again
        self._end = end  # of a service that the grader has started
        service.shown = desk.shown if desk else without_tokens
        if upstream is not None:
            service.around = upstream.around

    def gone(self, *, silent: bool) -> str:
        """How the service ended, or that it hangs; empty if it goes on.

        Of a service that was `silent` we wait for the end, and ask it once more.
        """
        if self._end and (how := self._end.how(within=DYING_SECONDS * silent)):
            return how
        if not silent or self.service.get("/health", patience=HANGING_SECONDS).status is not None:
            return ""
        if self._end:
            self._end.hurry()
        return f"hangs: even GET /health gets no answer within {HANGING_SECONDS:g} seconds"

    @property
    def upstream(self) -> Upstream:
        if self._upstream is None:
            raise NotGraded(self._no_upstream)
        return self._upstream

    @property
    def has_upstream(self) -> bool:
        return self._upstream is not None

    @property
    def log(self) -> LogFile:
        if self._log is None:
            raise NotGraded("the request log cannot be seen from here; say where it is with --log-file logs.json")
        return self._log

    @property
    def has_log(self) -> bool:
        return self._log is not None

    @property
    def traces(self) -> Traces:
        """The receiver of all of this service's traces."""
        if self._traces is None:
            raise NotGraded(
                f"its traces cannot be seen from here; have it send them to python -m serving.traces, with {OTLP} at "
                f"that, and name it to the grader in {TRACES}"
            )
        if self.configured.trace_sample_ratio < 1:
            raise NotGraded(
                "it keeps the traces of some requests only; start it with TRACE_SAMPLE_RATIO=1, and tell the grader "
                "the same"
            )
        return self._traces

    @property
    def deployment(self) -> Deployment:
        """The deployment that serves the model behind this service."""
        if self._deployment is None:
            raise NotGraded("its Ray Serve cannot be seen from here; make demo-6 has it 400 ports above the service")
        return self._deployment

    @property
    def folder(self) -> Path:
        """The folder with the source of the service that the grader has started."""
        if self._folder is None:
            raise NotGraded(
                "it looks at a file beside the service's source; without a URL the grader knows where it is"
            )
        return self._folder

    @property
    def secret(self) -> str:
        if not self._secret:
            raise NotGraded("the service's OPENAI_API_KEY is not known here; set it to the same value for the grader")
        return self._secret

    @property
    def desk(self) -> Desk:
        """The desk that makes and revokes tokens."""
        if self._desk is None:
            raise NotGraded(
                "it makes and revokes tokens; without a URL the grader starts a service of its own and can do so"
            )
        return self._desk

    @property
    def somebody(self) -> Caller:
        """A stranger; or, if strangers may ask only little, a caller whose token we were given."""
        return STRANGER if self._desk is not None else next(iter(given()), STRANGER)

    def callers(self, count: int, *, rested: bool = True) -> list[Caller]:
        """Callers with tokens; if they must have `rested`, their windows are empty."""
        return self._callers.pick(count, self._must_be_short() if rested else 0.0)

    def caller(self, *, rested: bool = True) -> Caller:
        return self.callers(1, rested=rested)[0]

    def stranger(self) -> Caller:
        """A caller without a token, with an empty window."""
        self._callers.rest(STRANGER, self._must_be_short())
        return STRANGER

    def _must_be_short(self) -> float:
        """The window plus a margin for clocks. Raises NotGraded if it is too long to wait for."""
        if self.configured.window > LONGEST_WINDOW or self.configured.requests > MOST_REQUESTS:
            raise NotGraded(
                f"{self.configured.requests} requests in {self.configured.window:g} seconds take too long to look at; "
                "start the service with RATE_LIMIT_WINDOW_SEC=2 RATE_LIMIT_RPM=10, and tell the grader the same"
            )
        return self.configured.window * 1.05

    @property
    def model(self) -> str | None:
        """The model that requests name; with None the service chooses."""
        return self._model

    @property
    def can_start_again(self) -> bool:
        """Is `started_with` possible here?"""
        return self._again is not None

    @contextmanager
    def started_with(self, settings: Mapping[str, str]) -> Iterator["Subject"]:
        """The same service once more, beside this one, with other settings."""
        said = " ".join(f"{name}={_unless_secret(name, value)}" for name, value in settings.items())
        if self._again is None:
            raise NotGraded(f"it needs a service started with {said}; without a URL the grader starts one")
        with self._again(settings) as subject:
            around = subject.service.around
            subject.service.around = lambda shown: f"# from a service started with {said}\n{around(shown)}"
            yield subject

    def ask(
        self, prompt: str, *, headers: Mapping[str, str] | None = None, patience: float | None = None, **fields: Any
    ) -> Answer:
        """POST /generate. Asks for a short answer, unless `fields` say otherwise."""
        document = {"prompt": prompt, "max_tokens": 16, **fields}
        if self._model and "model" not in fields:
            document["model"] = self._model
        return self.service.post("/generate", document, headers=headers, patience=patience)

    def answered(self, prompt: str, **given: Any) -> Answer:
        """The same, but the answer must be a 200. Raises Failed."""
        answer = self.ask(prompt, **given)
        answer.must(answer.status == 200, "200")
        return answer


def _unless_secret(name: str, value: str) -> str:
    return "…" if name.endswith(("_KEY", "_KEYS", "_SECRET")) else value
