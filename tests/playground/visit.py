"""A visit to the playground: a page in a real browser, with its requests and its complaints.

In: a browser and the URL of a service. Out: the page's elements, by the names that people see.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

PAGE = "/playground"
KEPT = "playground.session"  # in localStorage
PATIENCE = 60_000.0  # milliseconds for a condition to come true
UNTRANSLATED = re.compile(r"^\w+: no phrase for: ")  # see shared/web/language.js
REFUSAL = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}


@dataclass
class Visit:
    """`complaints`: errors of scripts and the console. `refusals`: statuses that the console reports as errors."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def open(self) -> None:
        self.page.goto(f"{self.origin}{PAGE}")
        # The page's last request is the list of models.
        expect(self.model.locator("option")).not_to_have_count(0, timeout=PATIENCE)

    @property
    def prompt(self) -> Locator:
        return self.page.get_by_label("Your message")

    @property
    def model(self) -> Locator:
        return self.page.get_by_label("Model", exact=True)

    @property
    def send(self) -> Locator:
        return self.page.locator("#send")

    @property
    def stop(self) -> Locator:
        return self.page.get_by_role("button", name="Stop")

    @property
    def exchange(self) -> Locator:
        """The latest exchange."""
        return self.page.locator(".exchange").last

    @property
    def answer(self) -> Locator:
        return self.exchange.locator(".answer .text")

    @property
    def trouble(self) -> Locator:
        return self.exchange.locator(".trouble")

    def fact(self, name: str) -> str:
        """The value beside `name` under the latest answer."""
        named = self.page.locator("dt").get_by_text(name, exact=True)
        return self.exchange.locator(".facts div").filter(has=named).locator("dd").inner_text()

    def ask(self, question: str) -> None:
        """Send the question without waiting for anything."""
        self.prompt.fill(question)
        self.prompt.press("Enter")

    def ask_to_the_end(self, question: str) -> None:
        self.ask(question)
        self.ended()

    def ended(self) -> None:
        """Wait until the latest answer has ended in any way."""
        expect(self.exchange.locator(".actions")).to_be_visible(timeout=PATIENCE)

    def fault(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def copied(self, button: str, said: str = "Copied") -> str:
        """The text that the latest answer's `button` puts on the clipboard. It then says `said`."""
        clicked = self.exchange.get_by_role("button", name=button).element_handle()
        # The button shows this for only a second and a half: a busy machine may look too late.
        clicked.evaluate(
            """(button, said) => { window.copied = new Promise((done) => new MutationObserver(
              () => button.textContent === said && done()).observe(button, { childList: true })); }""",
            said,
        )
        clicked.click()
        self.page.evaluate("window.copied")
        return str(self.page.evaluate("navigator.clipboard.readText()"))

    def times_asked(self, path: str) -> int:
        return sum(request.url == f"{self.origin}{path}" for request in self.requests)

    def kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads(self.page.evaluate(f"localStorage.getItem('{KEPT}')"))
        return kept


@contextmanager
def visiting(browser: Browser, origin: str, size: dict[str, int] | None = None, **context: Any) -> Iterator[Visit]:
    """A new visitor, with a browser without traces of earlier visits."""
    with browser.new_context(
        viewport=size or DESK,  # type: ignore[arg-type]
        permissions=["clipboard-read", "clipboard-write"],
        **context,
    ) as opened:
        visit = Visit(opened.new_page(), origin)
        visit.page.set_default_timeout(PATIENCE)

        def hear(message: ConsoleMessage) -> None:
            if UNTRANSLATED.search(message.text):
                visit.complaints.append(message.text)
            if message.type != "error":
                return
            refused = REFUSAL.match(message.text)
            if refused:
                visit.refusals.append(int(refused[1]))
            else:
                visit.complaints.append(message.text)

        visit.page.on("console", hear)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.append(request))
        yield visit
