"""A request as the `curl` command that repeats it, ready to paste into a shell.

Long repetitions are written as the Python expression that makes them: a person can read that, and a shell accepts it.
"""

import json
import re
import shlex
from collections.abc import Mapping

# A unit of up to forty characters, ten times or more; only where at least a hundred characters follow.
LONG_RUN = re.compile(r"(?=.{100})(.{1,40}?)\1{9,}", re.DOTALL)


def curl(method: str, url: str, headers: Mapping[str, str] | None = None, body: str | None = None) -> str:
    """The command. Headers are shown in full: pass no secrets."""
    words = ["curl -i"]
    if method != "GET":
        words.append(f"-X {method}")
    words.append(shlex.quote(url))
    words += [f"-H {_word(f'{name}: {value}')}" for name, value in (headers or {}).items()]
    if body is None:
        return " ".join(words)
    if LONG_RUN.search(body):
        return f"python3 -c {shlex.quote(f'print({_expression(body)})')} | " + " ".join([*words, "--data-binary @-"])
    return " ".join([*words, f"-d {shlex.quote(body)}"])


def _word(text: str) -> str:
    return (
        f'"$(python3 -c {shlex.quote(f"print({_expression(text)})")})"' if LONG_RUN.search(text) else shlex.quote(text)
    )


def _expression(text: str) -> str:
    """Python source of `text`, with its long runs as multiplications."""
    parts, end = [], 0
    for run in LONG_RUN.finditer(text):
        parts += [_literal(text[end : run.start()]), f"{_literal(run[1])} * {len(run[0]) // len(run[1])}"]
        end = run.end()
    parts.append(_literal(text[end:]))
    return " + ".join(part for part in parts if part != '""')


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
