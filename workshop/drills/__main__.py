"""`python -m workshop.drills slow`: start demo 5 with something broken in it, and its users; run until Ctrl-C."""

if __name__ == "__main__":
    from workshop import stopping

    stopping.end_quietly()  # see workshop/demo.py

import argparse
import sys

from workshop.demo import until_stopped
from workshop.drills.catalogue import DRILLS
from workshop.drills.runner import CALM_SECONDS, run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make drill-NAME")
    parser.add_argument("name", choices=DRILLS)
    parser.add_argument("--calm", type=float, default=CALM_SECONDS, help="seconds before anything breaks")
    options = parser.parse_args(arguments)
    return until_stopped(lambda: run(DRILLS[options.name], options.calm))


if __name__ == "__main__":
    sys.exit(main())
