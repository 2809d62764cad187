"""`make report`, `make report-key`, `make report-sign`, `make report-verify`.

Exit status 0, 1 for a report that the host has not signed, or 2 with one line on stderr.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from workshop.grader.__main__ import INTERRUPTED, NOTHING_TO_GRADE, Parser, stop
from workshop.processes import ROOT
from workshop.progress import record
from workshop.report import host, keys, own
from workshop.report.keys import BadKey, Seal
from workshop.report.page import RENDERED
from workshop.report.payload import BadName, NotAReport, Report, name_of
from workshop.report.verify import LARGEST, verdict

PLACE = ROOT / "build" / "report"
NOT_SIGNED = 1


def main(arguments: list[str] | None = None) -> int:
    options = _read(arguments)
    try:
        return COMMANDS[options.what](options)
    except (NotAReport, BadName, BadKey) as reason:
        print(reason, file=sys.stderr)
    except OSError as fault:
        print(f"{fault.filename}: {fault.strerror}", file=sys.stderr)
    return NOTHING_TO_GRADE


def _own(options: argparse.Namespace) -> int:
    report = own.report(name_of(options.name), record.load())
    _write(report, None)
    print("Unsigned: your machine graded it. The workshop's host can grade it and sign: slides/README.md says how.")
    for demo in report.demos:
        if demo.outdated:
            print(
                f"Demo {demo.number}: checks from before your last change do not count; "
                f"make grade-{demo.number} SOLUTION=exercise grades them again"
            )
    return 0


def _sign(options: argparse.Namespace) -> int:
    name, private = name_of(options.name), keys.load(options.keys)
    report = host.report(name, Path(options.handed_in), show=lambda line: print(line, flush=True))
    _write(report, keys.sign(private, report.canonical))
    return 0


def _write(report: Report, seal: Seal | None) -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    written = [PLACE / "report.html", PLACE / "badge.svg"]
    for file in written:
        # Bytes, so that no system writes other ends of lines: verifying compares them.
        file.write_bytes(RENDERED[file.suffix](report, seal).encode())
    print(f"{report.name}: {report.score} points, in {' and '.join(str(file.relative_to(ROOT)) for file in written)}")


def _key(options: argparse.Namespace) -> int:
    public, new = keys.make(options.keys)
    print(
        f"{'A new key' if new else 'The key that is there stays'}, in {options.keys}. Show the public one to everybody:"
    )
    print(public)
    return 0


def _verify(options: argparse.Namespace) -> int:
    file = Path(options.file)
    render = RENDERED.get(file.suffix.lower())
    if render is None:
        raise NotAReport(f"FILE={file}: name a report.html or a badge.svg")
    key = keys.public(options.key) if options.key else keys.known(options.keys)
    with file.open("rb") as opened:
        found = verdict(opened.read(LARGEST + 1), render, key)
    print(f"{file.name}: {found.line}")
    return 0 if found.good else NOT_SIGNED


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "own": _own,
    "key": _key,
    "sign": _sign,
    "verify": _verify,
}


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m workshop.report", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    for command in COMMANDS:
        what.add_parser(command).add_argument(
            "--keys", type=Path, default=keys.PLACE, help="the folder of the key pair"
        )
    for command in ("own", "sign"):
        what.choices[command].add_argument("--name", default="", help="a name of one's choice")
    what.choices["sign"].add_argument("--from", dest="handed_in", default="", help="a folder with the exercises")
    what.choices["verify"].add_argument("--file", default="", help="a report.html or a badge.svg")
    what.choices["verify"].add_argument("--key", default="", help="the host's public key, or a file with it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
