"""What a Ray pod does before it ends: `python -m serving.kubernetes.leave --within 630`, as its container's preStop.

When it is told to end, Ray stops its replicas with all open answers. So this first asks Ray to drain the node: Serve
starts replicas elsewhere, and those here finish their requests. Once they are gone, or time is up, Ray ends. Always
exits with 0: a pod that cannot leave in order leaves anyway.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

REPLICA = b"ray::ServeReplica"  # how Ray names a replica's process
LOOK_SECONDS = 0.5
PROC = Path("/proc")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.kubernetes.leave")
    parser.add_argument("--within", type=int, required=True, help="seconds that the replicas here may take")
    patience = parser.parse_args(arguments).within
    began = time.monotonic()
    if _drain(patience):
        while replicas() and time.monotonic() < began + patience:
            time.sleep(LOOK_SECONDS)
    _say(f"{replicas()} replicas are left after {time.monotonic() - began:.0f} seconds")
    _run("ray", "stop")
    return 0


def replicas() -> int:
    """The number of replicas that run in this pod."""
    return sum(REPLICA in _command(process) for process in PROC.glob("[0-9]*/cmdline"))


def _drain(patience: int) -> bool:
    return _run(
        *("ray", "drain-node", "--reason", "DRAIN_NODE_REASON_PREEMPTION"),
        *("--reason-message", "the pod ends", "--deadline-remaining-seconds", str(patience)),
    )


def _run(*command: str) -> bool:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        _say(f"{' '.join(command[:2])}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.returncode == 0


def _command(cmdline: Path) -> bytes:
    try:
        return cmdline.read_bytes()
    except OSError:  # gone meanwhile
        return b""


def _say(what: str) -> None:
    print(f"leave: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
