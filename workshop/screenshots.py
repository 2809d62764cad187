"""`python -m workshop.screenshots [URL]`: pictures of the playground, of a trace and of the dashboards, for the README.

In: the URL of a demo 5 that runs (`make demo-5`), which may be as young as you like. Out: docs/screenshots/*.png, each
for light and dark pages. Sends a few minutes of traffic first, so that there is something to see.
"""

import contextlib
import sys
import time
import urllib.error
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from workshop.processes import ROOT
from workshop.programs import PROGRAMS
from workshop.sample_traffic import post

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1200, "height": 760}
SECONDS, GAP = 150.0, 3.5  # of traffic; callers without a token have twenty requests a minute
PATIENCE = 60_000.0  # milliseconds
QUESTIONS = ("What is a cache for?", "What does a circuit breaker do?", "¿Qué es FastAPI?", "What is a request id for?")


def main() -> int:
    url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
    chromium = PROGRAMS["chromium"].path()
    if chromium is None:
        print("no Chromium found", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    ends, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < ends:
        _ask(url, number)
        number += 1
        time.sleep(GAP)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium) as browser:
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=scheme, device_scale_factor=1.5)  # type: ignore[arg-type]
            page.set_default_timeout(PATIENCE)
            for name, show in {"playground": _playground, "trace": _trace, "dashboards": _dashboards}.items():
                show(page, url)
                page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
            page.close()
    return 0


def _ask(url: str, number: int) -> None:
    """A mixed bag: streams, whole answers, some from the cache, some refused."""
    question = QUESTIONS[number % len(QUESTIONS)]
    body: dict[str, Any] = {"prompt": question if number % 9 else "", "max_tokens": 80, "temperature": number % 3 / 3}
    path = "/generate/stream" if number % 2 else "/generate"
    with contextlib.suppress(urllib.error.HTTPError):
        post(url + path, body)


def _playground(page: Page, url: str) -> None:
    page.goto(f"{url}/playground")
    expect(page.get_by_label("Model", exact=True).locator("option")).not_to_have_count(0, timeout=PATIENCE)
    page.get_by_label("Your message").fill("What does a circuit breaker do?")
    page.locator("#send").click()
    expect(page.get_by_role("button", name="Ask again")).to_be_visible(timeout=PATIENCE)


def _trace(page: Page, url: str) -> None:
    page.goto(f"{url}/playground/traces")
    stream = page.locator("#list").get_by_text("/generate/stream").first
    stream.click()
    expect(page.locator("#trace")).to_contain_text("chat", timeout=PATIENCE)


def _dashboards(page: Page, url: str) -> None:
    page.goto(f"{url}/playground/dashboards")
    expect(page.locator("#panel-rate .line").first).to_be_visible(timeout=PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
