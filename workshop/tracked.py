"""The files of the repository: those that git tracks, and that are there.

In: patterns as git takes them; a `*` also matches slashes. Out: their paths.
"""

import subprocess
from pathlib import Path

from workshop.processes import ROOT


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
