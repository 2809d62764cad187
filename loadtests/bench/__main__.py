"""`make bench`: measure, print the table and the bars, write loadtests/results/bench.json and bench.svg.

Read the ratios, not the numbers. The exit status says whether all bars of the design are met. `--build` names another
stack of ours; `--quick` takes a minute and writes nothing.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from loadtests.bench import cores
from loadtests.bench.contenders import Ours, Setup, litellm, passthrough, portkey
from loadtests.bench.plot import plot
from loadtests.bench.race import QUICK, Pace, run
from loadtests.bench.report import LITELLM, PASSTHROUGH, PORTKEY, UNWATCHED, report, verdict
from loadtests.bench.static import static_upstream
from workshop.processes import ROOT, CannotStart
from workshop.programs import PROGRAMS

RESULTS = ROOT / "loadtests" / "results"
OURS = "this gateway"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench")
    parser.add_argument("--build", default="demos.demo_5_observability.app:build", help="the stack to measure")
    parser.add_argument("--quick", action="store_true", help="one short round; the results are not kept")
    options = parser.parse_args()
    pace = QUICK if options.quick else Pace()
    try:
        if missing := [program for program in ("wrk", "nginx") if PROGRAMS[program].path() is None]:
            raise CannotStart(f"make bench needs {' and '.join(missing)}")
        cores.keep_to_the_rest()
        with (
            tempfile.TemporaryDirectory() as folder,
            tempfile.TemporaryDirectory() as apart,
            static_upstream(Path(apart)) as collector,  # it answers every POST the same way
        ):
            setups: dict[str, Setup] = {
                OURS: Ours(options.build, collector.removesuffix("/v1")),
                UNWATCHED: Ours(options.build, "", watched=False),
                PASSTHROUGH: passthrough,
                PORTKEY: portkey,
                LITELLM: litellm,
            }
            results = run(setups, {OURS, UNWATCHED, PASSTHROUGH}, Path(folder), pace)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    made = report(results, OURS, pace)
    print(f"{made['table']}\n\n{verdict(made)}")
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "bench.json").write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
        (RESULTS / "bench.svg").write_text(plot(made))
        print("\n`make reference` puts this table into the README")
    return int(not all(bar["met"] for bar in made["bars"]))


if __name__ == "__main__":
    sys.exit(main())
