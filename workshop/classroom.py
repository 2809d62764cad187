"""What a teacher checks before the day, in addition to the machine: `make doctor CLASS=1`.

In: this clone. Out: lines for the doctor, each with whether it is good: the wheelhouse from which the room installs
without a network, the decks, and the memory that demo 6 takes.
Needs nothing installed: standard library only.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from workshop import environment
from workshop.environment import PACKAGES, canonical, public

ENOUGH_MEMORY = 8 << 30  # bytes, for demo 6
MOST_NAMED = 6
FRONT_MATTER = "---\n"  # begins each deck, and no other page of slides/
WHEEL = re.compile(
    r"^(?P<name>[^-]+)-(?P<version>[^-]+)(?:-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>.+)\.whl$"
)


def examine(root: Path) -> Iterator[tuple[bool, str]]:
    lists = ["runtime", "dev"]
    if os.environ.get("DEMO") == "6":
        lists.append(f"serving-{os.environ.get('HARDWARE') or 'cpu'}")
    yield wheelhouse(root, [PACKAGES[name].listing for name in lists])
    yield decks(root)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield memory >= ENOUGH_MEMORY, f"{memory / (1 << 30):.0f} GiB of memory; demo 6 takes up to 8"


def wheelhouse(root: Path, listings: list[str]) -> tuple[bool, str]:
    """Does it hold every package of these lists, as pinned?"""
    folder = root / environment.WHEELHOUSE.name
    wheels = [found for path in folder.glob("*.whl") if (found := WHEEL.match(path.name))]
    if not wheels:
        return (
            False,
            "there is no wheelhouse, so the room installs over its network: make wheelhouse; DEMO=6 adds demo 6",
        )
    there = {(canonical(wheel["name"]), public(wheel["version"])) for wheel in wheels}
    wanted = {name: version for listing in listings for name, version in environment.pins(root / listing).items()}
    missing = sorted(name for name, version in wanted.items() if (name, public(version)) not in there)
    if missing:
        names = ", ".join(missing[:MOST_NAMED]) + (" …" if len(missing) > MOST_NAMED else "")
        return False, f"wheelhouse lacks {len(missing)} of {len(wanted)} packages: {names}: make wheelhouse"
    size = sum(path.stat().st_size for path in folder.glob("*.whl")) >> 20
    return (
        True,
        f"wheelhouse has all {len(wanted)} packages, {size} MB, for {_made_for(wheels)}; copy it into each clone",
    )


def decks(root: Path) -> tuple[bool, str]:
    """Is each deck built, and not older than its text?"""
    sources = [page for page in sorted((root / "slides").glob("*.md")) if page.read_text().startswith(FRONT_MATTER)]
    built = {source: root / "build" / "slides" / f"{source.stem}.html" for source in sources}
    missing = [source.stem for source, html in built.items() if not html.is_file()]
    if missing:
        return False, f"decks that are not built: {', '.join(missing)}: make slides"
    older = [source.stem for source, html in built.items() if html.stat().st_mtime < source.stat().st_mtime]
    if older:
        return False, f"decks that are older than their text: {', '.join(older)}: make slides"
    return True, f"{len(built)} decks are in build/slides; copy the folder to a USB stick, too"


def _made_for(wheels: list[re.Match[str]]) -> str:
    """The machines that the compiled wheels are for: others need a wheelhouse of their own."""
    compiled = [wheel for wheel in wheels if wheel["platform"] != "any"]
    pythons = {wheel["python"] for wheel in compiled if wheel["abi"] == wheel["python"]}
    machines = {
        re.sub(r"^(?:many|musl)?(linux|macosx)(?:_?\d+)*_", r"\1 ", part)
        for wheel in compiled
        for part in wheel["platform"].split(".")
    }
    return f"{', '.join(sorted(pythons)) or 'any Python'} on {', '.join(sorted(machines)) or 'any machine'} only"
