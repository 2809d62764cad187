"""A Chromium for the tests of pages.

A fixture that uses it must not last for the whole session: while Playwright runs, its event loop occupies this thread,
and asyncio.run fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from workshop.programs import PROGRAMS


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips the test where there is none."""
    program = PROGRAMS["chromium"].path()
    if program is None:
        pytest.skip("Chromium is not installed here")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=["--no-sandbox"]) as browser,
    ):
        yield browser
