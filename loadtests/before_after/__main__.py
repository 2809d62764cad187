"""`make before-after`: measure, print the tables, write loadtests/results/before_after.json and before_after.svg.

The exit status says only whether it could be measured: the tables say which claims are reached. `--quick` takes a
minute and writes nothing.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

from loadtests.before_after import authentication
from loadtests.before_after.contenders import setups
from loadtests.before_after.model import Model
from loadtests.before_after.plot import plot
from loadtests.before_after.race import QUICK, Pace, run
from loadtests.before_after.report import report
from loadtests.bench import cores
from workshop.processes import ROOT, CannotStart

RESULTS = ROOT / "loadtests" / "results"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.before_after")
    parser.add_argument("--quick", action="store_true", help="one short round; the results are not kept")
    options = parser.parse_args()
    pace = QUICK if options.quick else Pace()
    try:
        cores.keep_to_the_rest()
        _allow_many_sockets()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with Model(folder) as model, Model(folder) as fallback:
                shown = run(setups(fallback.url), model, folder, pace)
            made = report(shown, authentication.measured(folder), pace)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    print(f"{made['table']}\n\n{made['claims_table']}")
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "before_after.json").write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
        (RESULTS / "before_after.svg").write_text(plot(made))
        print("\n`make reference` puts these tables into docs/before_after.md")
    return 0


def _allow_many_sockets() -> None:
    """As many as this user may have, here and in what is started: in the peak, thousands of people wait."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main())
