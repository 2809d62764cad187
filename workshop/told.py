"""Run a module whose words are English, and print what it says in the spoken language: `make token USER=ana`.

In: a module that knows no languages, such as those of `shared`, with its arguments. Out: its output, line by line, with
its sentences translated. The exit status is the module's own.
"""

import contextlib
import io
import runpy
import sys
from typing import TextIO

from workshop.translation.sentences import told


class Told(io.TextIOBase):
    """Passes whole lines on to another file, translated."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._begun = ""  # of a line

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._to.write(f"{told(line)}\n")
        return len(text)

    def flush(self) -> None:
        self._to.flush()

    def end(self) -> None:
        """Pass on what has no end of line."""
        self._to.write(told(self._begun))
        self._begun = ""
        self._to.flush()


def main(module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    out, err = Told(sys.stdout), Told(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            out.end()
            err.end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
