"""`python -m workshop.translation [write PAGE]`: give translations the code and numbers of their English pages.

`… diff [PAGE]` shows, for each stale section, what has changed in the English since it was translated. `… renew PAGE`
says that a translation is right again, when its prose has been mended. In: the pages named; without any, all that git
tracks. Out: the pages, and one line for each stale section and each fault. Exit status 1 if there is any.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from workshop.translation import files


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workshop.translation", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("write", "diff", "renew"), default="write")
    parser.add_argument("page", nargs="*", type=Path, help="translations")
    options = parser.parse_args(arguments)
    pages = [path.resolve() for path in options.page] or files.translations()
    if options.what == "diff":
        print("\n".join(line for path in pages for line in files.changes(path)))
        return 0
    if options.what == "renew":
        if not options.page:
            parser.error("renew wants a page: it says that you have mended its stale sections")
        for path in pages:
            files.renew(path)
    found = files.write(pages)
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
