"""`vllm bench serve`, kept ready: one process that measures as often as it is asked to.

Runs in the serving environment. In: one line of JSON on stdin per measurement, the arguments of `vllm bench serve`.
Out: one line of JSON on stdout, the result. Importing vLLM takes ten times as long as a measurement, hence one process
for all of them. Knows nothing of the contenders.
"""

import asyncio
import contextlib
import io
import json
import sys

from vllm.benchmarks.serve import add_cli_args, main_async
from vllm.utils.argparse_utils import FlexibleArgumentParser

KEPT = (
    "duration",
    "completed",
    "failed",
    "output_throughput",
    "request_throughput",
    "median_ttft_ms",
    "p99_ttft_ms",
    "median_tpot_ms",
    "median_e2el_ms",
    "p99_e2el_ms",
)


def main() -> None:
    parser = FlexibleArgumentParser()
    add_cli_args(parser)
    answers = sys.stdout
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a table each time
            found = asyncio.run(main_async(parser.parse_args(json.loads(line))))
        kept = {name: found[name] for name in KEPT}
        kept["errors"] = sorted({error.strip().splitlines()[-1] for error in found["errors"] if error})[:3]
        kept["ended"] = sorted(
            begun + ttft + sum(itl)
            for begun, ttft, itl, error in zip(
                found["start_times"], found["ttfts"], found["itls"], found["errors"], strict=True
            )
            if not error
        )
        print(json.dumps(kept), file=answers, flush=True)


if __name__ == "__main__":
    main()
