"""`make bench`: measure, print the tables and the bars, write loadtests/results/bench.json and bench.svg.

Read the ratios, not the numbers. The exit status says whether all bars of the design are met. `--build` names another
stack of ours; `--sizes` measures only what sizes cost, and `--quick` takes a few minutes: both write nothing.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from loadtests.bench import cores, sizes
from loadtests.bench.collector import Collector, collector
from loadtests.bench.contenders import BY_AIOHTTP, BY_OUR_CLIENT, ROOM, Ours, Setup
from loadtests.bench.peers import Envoy, LiteLlm, Smg, portkey, vllm_router
from loadtests.bench.plot import plot
from loadtests.bench.race import QUICK, Pace, run
from loadtests.bench.report import (
    ENVOY,
    ENVOY_GOVERNED,
    LITELLM,
    LITELLM_GOVERNED,
    OURS,
    PASSTHROUGH,
    PORTKEY,
    SAME_CLIENT,
    SMG,
    SMG_GOVERNED,
    UNWATCHED,
    VLLM_ROUTER,
    report,
    sizes_table,
    verdict,
)
from loadtests.bench.sizes import Sized
from workshop.processes import ROOT, CannotStart
from workshop.programs import PROGRAMS

RESULTS = ROOT / "loadtests" / "results"
NEEDED = {OURS, UNWATCHED, PASSTHROUGH, SAME_CLIENT}
MOST_KEYS = 10_000  # that fit on SMG's command line


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench")
    parser.add_argument("--build", default="demos.demo_5_observability.app:build", help="the stack to measure")
    parser.add_argument("--quick", action="store_true", help="one short round; the results are not kept")
    parser.add_argument("--sizes", action="store_true", help="only what sizes cost; the results are not kept")
    options = parser.parse_args()
    pace = QUICK if options.quick else Pace()
    try:
        if missing := [program for program in ("wrk", "nginx") if PROGRAMS[program].path() is None]:
            raise CannotStart(f"make bench needs {' and '.join(missing)}")
        cores.keep_to_the_rest()
        sizes.allow_most_files()
        with ExitStack() as stack:
            here = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3))
            traces = stack.enter_context(collector(next(here)))
            results = None if options.sizes else run(setups(options.build, traces), NEEDED, next(here), pace)
            costs = sizes.measure(sized(options.build, traces), next(here), pace)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    if results is None:
        print("\n".join([sizes_table(costs.rows), *costs.absent]))
        return 0
    made = report(results, pace, costs)
    print(f"{made['table']}\n\n{made['governed_table']}\n\n{made['sizes_table']}\n\n{verdict(made)}")
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "bench.json").write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
        (RESULTS / "bench.svg").write_text(plot(made))
        print("\n`make reference` puts these tables into the README and docs/results.md")
    return int(not all(bar["met"] for bar in made["bars"]))


def setups(build: str, traces: Collector) -> Mapping[str, Setup]:
    """All contenders, by name, in the order of the table."""
    return {
        OURS: Ours(build, traces.http),
        UNWATCHED: Ours(build, "", watched=False),
        SAME_CLIENT: BY_OUR_CLIENT,
        PASSTHROUGH: BY_AIOHTTP,
        ENVOY: Envoy(),
        ENVOY_GOVERNED: Envoy(traces),
        VLLM_ROUTER: vllm_router,
        SMG: Smg(),
        SMG_GOVERNED: Smg(traces),
        PORTKEY: portkey,
        LITELLM: LiteLlm(),
        LITELLM_GOVERNED: LiteLlm(governed=True),
    }


def sized(build: str, traces: Collector) -> Mapping[str, Sized]:
    """Those that are measured at several sizes. The pass-through knows no callers."""
    ours, smg = Ours(build, traces.http, settings=ROOM), Smg(traces)

    def smg_with(callers: int) -> Setup | None:
        return replace(smg, callers=callers) if callers <= MOST_KEYS else None

    return {
        OURS: Sized(ours, lambda count: replace(ours, callers=count), lambda count: replace(ours, workers=count)),
        SAME_CLIENT: Sized(BY_OUR_CLIENT, with_workers=lambda count: replace(BY_OUR_CLIENT, workers=count)),
        SMG_GOVERNED: Sized(smg, smg_with, lambda count: replace(smg, workers=count)),
    }


if __name__ == "__main__":
    sys.exit(main())
