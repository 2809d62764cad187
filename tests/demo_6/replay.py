"""Replays the load of a recorded run to Ray's own autoscaler, as the dry run does: how many replicas does it want when?

Runs in the serving environment. In: a config file and the run's JSON. Out, on stdout: a list of the number of replicas
wanted at the end of each second.
"""

import json
import sys
from pathlib import Path

import yaml

from serving.ray_serve.arguments import ServingArguments
from serving.ray_serve.dry_run import Autoscaler

TICK = 0.2


def main(config: Path, run: Path) -> None:
    arguments = ServingArguments(**yaml.safe_load(config.read_text())["applications"][0]["args"])
    autoscaler = Autoscaler(arguments.serve_options()["autoscaling_config"])
    wanted, looked = [], 0.0
    for second in json.loads(run.read_text())["seconds"]:
        for beat in range(round(1 / TICK)):
            now = second["at"] + beat * TICK
            if now >= looked:
                each = round(second["under_way"] / second["running"])
                autoscaler.look(now, {f"replica-{number}": each for number in range(second["running"])})
                looked = now + autoscaler.look_s
            autoscaler.decide(now)
        wanted.append(autoscaler.target)
    print(json.dumps(wanted))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
