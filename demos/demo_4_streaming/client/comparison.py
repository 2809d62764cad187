"""The same questions one at a time and many at once: what a server makes of the load that it can see.

In: the URL of a service. Out: a line with requests per second for each way, and on stderr a line for each kind of
error; a bar shows the progress there if it is a terminal. Exit status 1 if a question had no answer.
"""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product

import httpx2
from openai import APIConnectionError, APIStatusError

from demos.demo_4_streaming.client.chat import ChatClient, Result
from demos.demo_4_streaming.client.transport import CircuitOpen, NoAnswerInTime
from shared.settings import BadSetting, load_settings

FORMS = ("What is {}?", "Why does a service need {}?", "When does {} help?", "What does {} cost?", "Explain {}.")
TOPICS = (
    "a circuit breaker", "a cache", "a rate limit", "a retry", "a time-out", "a token", "a stream", "a fallback",
    "a replica", "a queue", "a trace", "a metric",
)  # fmt: skip
TEMPERATURE = 0.7  # sampled answers are not cached: a cache would answer faster than any replica
BAR = 30  # characters
CLEAR = "\r\x1b[K"  # return to the beginning of the line, and empty it


@dataclass(slots=True, frozen=True)
class Measured:
    """One way to ask, its results, and the seconds that they took together."""

    way: str
    results: Sequence[Result]
    seconds: float

    @property
    def errors(self) -> Sequence[Exception]:
        return [result for result in self.results if isinstance(result, Exception)]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return (len(self.results) - len(self.errors)) / self.seconds


class Progress:
    """A line that is written again with each answer; nothing at all if stderr is not a terminal."""

    def __init__(self, way: str, total: int) -> None:
        self._way = way
        self._total = total
        self._answered = 0
        self._shown = sys.stderr.isatty()
        self._draw()

    def __call__(self) -> None:
        self._answered += 1
        self._draw()

    def clear(self) -> None:
        self._write("")

    def _draw(self) -> None:
        filled = BAR * self._answered // self._total
        self._write(f"{self._way:<14} {'█' * filled}{'░' * (BAR - filled)} {self._answered}/{self._total}")

    def _write(self, text: str) -> None:
        if self._shown:
            print(f"{CLEAR}{text}", end="", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(format=f"{CLEAR if sys.stderr.isatty() else ''}%(message)s")
    try:
        settings = load_settings()
        url = base_url(options.url or f"127.0.0.1:{settings.port}")
        options.model = options.model or settings.model
        return asyncio.run(compare(options, url))
    except (BadSetting, ValueError) as reason:
        print(reason, file=sys.stderr)
        return 1


async def compare(options: argparse.Namespace, url: str) -> int:
    questions = [*islice(cycle(form.format(topic) for form, topic in product(FORMS, TOPICS)), options.count)]
    at_once = f"{options.concurrent} at once"
    first = await measure("one at a time", questions, options, url, concurrent=1)
    report(first, url)
    if len(first.errors) == len(questions):
        return 1
    others = [await measure(at_once, questions, options, url, concurrent=options.concurrent)]
    report(others[0], url, first)
    if options.batch:
        others.append(await measure("in batches", questions, options, url, concurrent=1, batch=True))
        report(others[1], url, first)
    return int(any(measured.errors for measured in (first, *others)))


async def measure(
    way: str, questions: Sequence[str], options: argparse.Namespace, url: str, *, concurrent: int, batch: bool = False
) -> Measured:
    progress = Progress(way, len(questions))
    fields = {"max_tokens": options.max_tokens, "temperature": TEMPERATURE}
    started = time.perf_counter()
    try:
        async with ChatClient(url, key=options.token, model=options.model, concurrent=concurrent) as client:
            if batch:
                results = await client.ask_in_batches(questions, **fields)
            else:
                results = await client.ask_all(questions, done=progress, **fields)
    finally:
        progress.clear()
    return Measured(way, results, time.perf_counter() - started)


def report(measured: Measured, url: str, before: Measured | None = None) -> None:
    answers = len(measured.results) - len(measured.errors)
    more = f", {measured.rate / before.rate:.1f} times as many" if before and answers else ""
    print(
        f"{measured.way:<14} {answers:>4} answers in {measured.seconds:6.2f} s {measured.rate:8.2f} requests/s{more}",
        flush=True,
    )
    for line in failures(measured, url):
        print(line, file=sys.stderr)


def failures(measured: Measured, url: str) -> list[str]:
    """One line for each kind of error: how often it came, and the first one's reason."""
    kinds: dict[tuple[object, ...], list[str]] = {}
    for error in measured.errors:
        kinds.setdefault((type(error), getattr(error, "status_code", None)), []).append(why(error, url))
    return [f"{len(reasons)} of {len(measured.results)} failed: {reasons[0]}" for reasons in kinds.values()]


def why(error: Exception, url: str) -> str:
    match error:
        case CircuitOpen() | NoAnswerInTime():
            return error.message
        case APIConnectionError():
            return f"{url} does not answer: {error.__cause__ or error}"
        case APIStatusError(body={"message": str(message)}):
            return f"{error.status_code} {message}"
        case APIStatusError():
            return f"{error.status_code} from {error.request.url}"
    return str(error) or type(error).__name__


def base_url(text: str) -> str:
    """The API's base URL, with its /v1: `localhost:8000` is http://localhost:8000/v1. Raises ValueError."""
    wrong = ValueError(f"--url {text}: write it as in http://localhost:8000/v1")
    try:
        url = httpx2.URL(text if "://" in text else f"http://{text}")
    except httpx2.InvalidURL:
        raise wrong from None
    if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > 65535:
        raise wrong
    return str(url if url.path.strip("/") else url.copy_with(path="/v1")).rstrip("/")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: must be a number, at least 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    # Without its usage, an error is one line.
    parser = argparse.ArgumentParser(prog="python -m demos.demo_4_streaming.client", usage=argparse.SUPPRESS)
    parser.add_argument("--url", help="of an OpenAI-compatible API; by default this machine's, at PORT")
    parser.add_argument("--count", type=_positive, default=40, metavar="N", help="questions for each way (40)")
    parser.add_argument("--concurrent", type=_positive, default=10, metavar="N", help="questions at once (10)")
    parser.add_argument("--batch", action="store_true", help="then the same over POST /generate/batch")
    parser.add_argument("--model", help="by default MODEL")
    parser.add_argument("--max-tokens", type=_positive, default=64, metavar="N", help="in an answer (64)")
    parser.add_argument("--token", default=os.environ.get("TOKEN") or "anonymous", help="who asks (TOKEN)")
    return parser
