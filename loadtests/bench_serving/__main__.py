"""`make bench-serving`: measure, print the table and the bar, write loadtests/results/serving.json and serving.svg.

Read the ratios, not the numbers. The exit status says whether one of the two deployments meets the bar of the design.
`--quick` takes three minutes and writes nothing; `--sustained` checks instead whether five minutes of steady load are
answered.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from loadtests.bench_serving.contenders import KNOBS, STEPS
from loadtests.bench_serving.plot import plot
from loadtests.bench_serving.race import QUICK, Pace, run
from loadtests.bench_serving.report import passed, report, verdict
from loadtests.bench_serving.sustained import sustain
from workshop.processes import ROOT, CannotStart
from workshop.serving_cluster import free_ports, ray_serve

RESULTS = ROOT / "loadtests" / "results"
MODEL = "workshop-tiny"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench_serving")
    parser.add_argument("--quick", action="store_true", help="the first step and the last; the results are not kept")
    parser.add_argument("--sustained", action="store_true", help="steady load on Ray Serve instead")
    parser.add_argument("--minutes", type=int, default=5, help="of steady load")
    parser.add_argument("--url", help="the service to load; without it a cluster is started")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            if options.sustained:
                return _sustained(options.url, options.minutes, Path(folder))
            return _race(Path(folder), quick=options.quick)
        except CannotStart as reason:
            print(reason, file=sys.stderr)
            return 1


def _race(folder: Path, *, quick: bool) -> int:
    pace = QUICK if quick else Pace()
    setups = [STEPS[0], STEPS[-1]] if quick else [*STEPS, *KNOBS]
    made = report(run(setups, folder, pace), pace)
    print(f"{made['table']}\n\n{verdict(made)}")
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "serving.json").write_text(_document(made))
        (RESULTS / "serving.svg").write_text(plot(made))
        print("\n`make reference` puts this table into loadtests/bench_serving/README.md")
    return int(not passed(made))


def _sustained(url: str | None, minutes: int, folder: Path) -> int:
    if url:
        found = sustain(url, MODEL, minutes, folder)
    else:
        port = free_ports()
        with ray_serve(port, output=folder / "ray.log"):
            found = sustain(f"http://127.0.0.1:{port}", MODEL, minutes, folder)
        (RESULTS / "serving_sustained.json").write_text(_document(found))
    for gate in found["gates"]:
        print(f"{'✓' if gate['passed'] else '✗'} {gate['name']}: {gate['got']} ({gate['expected']})")
    print(f"{found['requests']} requests in {found['seconds']:.0f} s; first token {found['first_token_ms']:.0f} ms")
    return int(not all(gate["passed"] for gate in found["gates"]))


def _document(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
