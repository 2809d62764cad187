"""A small repository with one deck that obeys every rule, which tests break in one place."""

import sys
from pathlib import Path

import pytest

# `python -m pytest` puts the repository's root on the path; plain `pytest` does not.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SOURCE = '''\
"""A source that a deck shows."""


class Retry:
    # region: retry-loop
    async def call(self) -> str:
        return await self.inner()

    # endregion: retry-loop


# region: long
{long}
# endregion: long

# region: empty
# endregion: empty
'''.format(long="\n".join(f"line_{number} = {number}" for number in range(23)))

DECK = """\
---
title: A deck
minutes: 3.5
---

<!-- _class: title -->

# A deck

<!-- 1 min. Say: welcome. -->

---

## Code

```python include=shared/retry.py#retry-loop
```

![Two boxes](box.svg)

<!--
2 min. Ask: what does it show?

Demo: run it.
-->

---

<!-- _class: closing -->

## Next: home

<!-- 0.5 min. Say: goodbye. -->
"""

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><rect width="90" height="90"/></svg>'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    (tmp_path / "slides").mkdir()
    (tmp_path / "shared" / "retry.py").write_text(SOURCE)
    (tmp_path / "slides" / "demo_1.md").write_text(DECK)
    (tmp_path / "slides" / "box.svg").write_text(PICTURE)
    return tmp_path
