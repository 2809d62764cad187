"""The pages in Spanish: every phrase is translated, the browser or the reader chooses, and numbers follow."""

import re
import string
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from shared.dashboards.panels import ENGINE, PANELS
from shared.routes.playground import WEB
from tests.playground.conftest import Start, Visits
from tests.playground.observed import Observed
from tests.playground.visit import PHONE, Visit
from workshop.grader.subject import Subject
from workshop.translation import ENGLISH, LANGUAGES

CODES = [code for code in LANGUAGES if code != ENGLISH]
STRING = r'"((?:[^"\\]|\\.)*)"'
CALL = re.compile(r"\bsay\(")
SAID = re.compile(rf"\bsay\(\s*(?:[^\"`;]*\? )?{STRING}(?: : {STRING})?")
READ_ALOUD = {"aria-label", "placeholder", "title"}
SPANISH = {"locale": "es-ES"}


def phrases(code: str) -> dict[str, str]:
    """The table of a language, by the English phrase."""
    text = re.sub(r'" \+\n\s*"', "", (WEB / "phrases" / f"{code}.js").read_text())
    return dict(re.findall(rf"{STRING}\]?:\s*{STRING},", text))


class Words(HTMLParser):
    """What there is to translate in a page, as shared/web/language.js finds it."""

    VOID = ("meta", "link", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.kept: list[bool] = [False]  # for each open element: is its text left as it is?
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        kept = self.kept[-1] or dict(attributes).get("translate") == "no"
        if not kept:
            self.found |= {value for name, value in attributes if name in READ_ALOUD and value}
        if tag not in self.VOID:
            self.kept.append(kept)

    def handle_endtag(self, tag: str) -> None:
        self.kept.pop()

    def handle_data(self, text: str) -> None:
        if not self.kept[-1] and re.search(r"[^\W\d_]", text):
            self.found.add(" ".join(text.split()))


def of_the_pages() -> set[str]:
    return set().union(*(Words(page.read_text()).found for page in WEB.glob("*.html")))


def of_the_scripts() -> set[str]:
    """The phrases in all calls that say something. Those of panels come from the service."""
    found: set[str] = set()
    for script in WEB.glob("*.js"):
        text = re.sub(r"\bsay\((?:title|says)\)", "", script.read_text())
        said = SAID.findall(text)
        if script.name != "language.js":  # it says what stands in the pages
            assert len(CALL.findall(text)) == len(said), f"{script.name} says what we cannot read"
        found |= {phrase for pair in said for phrase in pair if phrase}
    return found


def of_the_panels() -> set[str]:
    panels = (*PANELS, *ENGINE)
    labels = {line.label for panel in panels for line in panel.lines if not re.match(r"\{|p\d", line.label)}
    return labels | {words for panel in panels for words in (panel.title, panel.says)}


def fields(phrase: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(phrase) if name)


@pytest.mark.parametrize("code", CODES)
def test_every_phrase_of_the_pages_is_translated(code: str) -> None:
    assert min(map(len, (of_the_pages(), of_the_scripts(), of_the_panels()))) > 40
    assert (of_the_pages() | of_the_scripts() | of_the_panels()) - set(phrases(code)) == set()


@pytest.mark.parametrize("code", CODES)
def test_every_translation_is_used_and_has_the_fields_of_its_english(code: str) -> None:
    assert set(phrases(code)) - of_the_pages() - of_the_panels() - of_the_scripts() == set()
    assert [phrase for phrase, other in phrases(code).items() if fields(phrase) != fields(other)] == []


@pytest.fixture
def spanish(visits: Visits, demo: Subject) -> Iterator[Visit]:
    """The opened playground in a Spanish browser."""
    with visits(demo, **SPANISH) as visit:
        opened(visit)
        yield visit
        assert english_in(visit) == []


def opened(visit: Visit) -> None:
    visit.page.goto(f"{visit.origin}/playground")
    expect(visit.page.get_by_label("Modelo", exact=True).locator("option")).not_to_have_count(0)


def prompt(visit: Visit) -> Locator:
    return visit.page.get_by_label("Tu mensaje")


def ask(visit: Visit, question: str) -> None:
    prompt(visit).fill(question)
    prompt(visit).press("Enter")
    visit.ended()


def english_in(visit: Visit) -> list[str]:
    """What somebody sees or hears of the page that we have in Spanish, too."""
    words: list[str] = visit.page.evaluate(
        """() => {
          const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
          const found = [document.title];
          while (walker.nextNode()) found.push(walker.currentNode.data.trim());
          for (const it of document.querySelectorAll("[aria-label], [placeholder], [title]"))
            found.push(it.ariaLabel, it.placeholder, it.title);
          return found.filter(Boolean);
        }"""
    )
    ours = {phrase for phrase, other in phrases("es").items() if other != phrase}
    patterns = [re.compile(re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(phrase))) for phrase in ours]
    return [text for text in words if any(pattern.fullmatch(text) for pattern in patterns)]


def test_a_spanish_browser_gets_the_playground_in_spanish(spanish: Visit) -> None:
    page = spanish.page
    assert page.locator("html").get_attribute("lang") == "es"
    expect(page).to_have_title(re.compile("^Playground · Demo 4"))
    expect(page.get_by_role("log", name="Conversación")).to_be_visible()
    expect(page.locator("#session-state")).to_contain_text("Preguntas sin identificarte, como ip:127.0.0.1.")
    page.get_by_role("button", name="¿Para qué sirve una caché?").click()
    spanish.ended()
    expect(page.get_by_role("button", name="Preguntar otra vez")).to_be_visible()
    for fact in ("primer token", "velocidad", "tokens", "coste", "total"):
        assert spanish.fact(fact)
    assert re.fullmatch(r"\d+ de entrada, \d+ de salida", spanish.fact("tokens"))
    assert re.fullmatch(r"0,\d+\s\$", spanish.fact("coste"))
    assert "curl " in spanish.copied("Copiar como curl", "Copiado")
    expect(page.locator("#temperature + output")).to_have_text("0,7")
    expect(page.locator("#breakers")).to_contain_text("cerrado")


def test_faults_and_breakers_are_in_spanish_and_errors_stay_as_they_come(
    visits: Visits, start: Start, demo: Subject
) -> None:
    settings = {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "2", "RATE_LIMIT_ANONYMOUS_RPM": "20"}
    with start(**settings) as subject, visits(subject, refusals={429, 500, 502, 503}, **SPANISH) as visit:
        opened(visit)
        expect(visit.page.locator("#limits")).to_contain_text("20 de 20 peticiones")
        visit.fault("Cortar tras 5 tokens").click()
        expect(visit.fault("Cortar tras 5 tokens")).to_have_attribute("aria-pressed", "true")
        ask(visit, "Uno")
        expect(visit.exchange.locator(".badge")).to_have_text("cortada")
        expect(visit.page.locator("#fault-state")).to_have_text("Aplicado a 1 llamada hasta ahora.")
        visit.fault("Errores 500").click()
        expect(visit.fault("Errores 500")).to_have_attribute("aria-pressed", "true")
        for question in ("Dos", "Tres"):
            ask(visit, question)
        expect(visit.page.locator("#breakers")).to_contain_text(re.compile(r"abierto, \d+ s más"))
        ask(visit, "Cuatro")
        expect(visit.trouble).to_contain_text("503 · circuit_open · the upstream")
        expect(visit.page.locator("#limits")).to_contain_text(re.compile(r"completo en \d+ s"))
        assert english_in(visit) == []


def test_what_the_page_itself_says_of_a_fault_is_in_spanish(visits: Visits, start: Start) -> None:
    with start() as subject, visits(subject, **SPANISH) as visit:
        opened(visit)
        visit.page.get_by_label("Token", exact=True).fill("con espacios")
        visit.page.get_by_role("button", name="Usar").click()
        expect(visit.page.locator("#session-state")).to_contain_text("Esto no puede ser un token")
        visit.page.route("**/v1/chat/completions", lambda route: route.abort())
        ask(visit, "¿Hay alguien?")
        expect(visit.trouble).to_have_text("unreachable · el servicio no responde")
        assert visit.complaints == ["Failed to load resource: net::ERR_FAILED"]  # the call that we aborted
        visit.complaints.clear()


def test_a_stopped_answer_is_marked_in_spanish(spanish: Visit, demo: Subject) -> None:
    with demo.upstream.fault({"stall_after_tokens": 1}):
        prompt(spanish).fill("Párate")
        prompt(spanish).press("Enter")
        expect(spanish.answer).to_have_text("SIMULATED")
        spanish.page.get_by_role("button", name="Parar").click()
        spanish.ended()
    expect(spanish.exchange.locator(".badge")).to_have_text("detenida")
    expect(spanish.page.locator("#announcement")).to_have_text("Detenida.")


def test_traces_are_in_spanish(visits: Visits, observed: Observed) -> None:
    observed.subject.service.post("/generate", {"prompt": "¿Qué es una traza?"})
    with visits(observed.subject, **SPANISH) as visit:
        visit.page.goto(f"{visit.origin}/playground/traces")
        expect(visit.page.locator("#hint")).to_have_text(re.compile("^Elige una petición"))
        expect(visit.page.get_by_label("Resultado")).to_contain_text("rechazadas (4xx)")
        visit.page.locator("#list a").first.click()
        expect(visit.page.locator("#span")).to_contain_text(re.compile(r"duró [\d,]+ ms, .+ de ellos propios · empezó"))
        expect(visit.page.locator("#facts")).to_contain_text("duró")
        assert visit.page.title() == "Trazas"
        assert english_in(visit) == []


def test_every_panel_of_the_dashboards_is_in_spanish(visits: Visits, observed: Observed) -> None:
    with visits(observed.subject, **SPANISH) as visit:
        visit.page.goto(f"{visit.origin}/playground/dashboards")
        titles = visit.page.locator("#charts .panel h2")
        expect(titles).to_have_text([phrases("es")[panel.title] for panel in PANELS])
        expect(visit.page.locator("#engine .panel h2").first).to_have_text("Réplicas")
        expect(visit.page.locator("#panel-memory .legend")).to_contain_text("el más grande")
        visit.page.locator("#panel-memory").get_by_text("Como tabla").click()
        expect(visit.page.get_by_role("columnheader", name="hora")).to_be_visible()
        expect(visit.page.get_by_role("slider", name="Memoria")).to_be_visible()
        expect(visit.page.locator("#alerts")).to_contain_text("1 alerta activa")
        expect(visit.page.locator("#alerts")).to_contain_text("desde hace")
        assert english_in(visit) == []


def test_the_reader_switches_and_every_page_remembers(visits: Visits, observed: Observed) -> None:
    with visits(observed.subject) as visit:
        visit.open()
        switch = visit.page.get_by_label("Language")
        expect(switch).to_have_value("en")
        switch.select_option("Español")
        expect(prompt(visit)).to_be_visible()
        visit.page.reload()
        expect(prompt(visit)).to_be_visible()
        visit.page.get_by_role("link", name="Trazas").click()
        expect(visit.page.get_by_role("heading", name="Últimas peticiones")).to_be_visible()
        assert "language" not in visit.page.url
        visit.page.get_by_label("Idioma").select_option("English")
        expect(visit.page.get_by_role("heading", name="Latest requests")).to_be_visible()
        assert visit.page.locator("html").get_attribute("lang") == "en"


def test_a_browser_that_keeps_nothing_carries_the_choice_in_the_address(visits: Visits, observed: Observed) -> None:
    with visits(observed.subject) as visit:
        visit.page.add_init_script(
            """Object.defineProperty(window, "localStorage", {
              get() { throw new DOMException("", "SecurityError"); }
            })"""
        )
        visit.open()
        visit.page.get_by_label("Language").select_option("Español")
        expect(prompt(visit)).to_be_visible()
        visit.page.get_by_role("link", name="Dashboards").click()
        expect(visit.page.get_by_label("Tiempo mostrado")).to_be_visible()
        visit.page.get_by_label("Idioma").select_option("English")
        expect(visit.page.get_by_label("Time shown")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "lang", "temperature"),
    [("es-MX", "es", "0.7"), ("es", "es", "0,7"), ("fr-FR", "en", "0.7"), ("en-GB", "en", "0.7")],
)
def test_the_browsers_language_decides_and_its_country_how_numbers_look(
    visits: Visits, demo: Subject, locale: str, lang: str, temperature: str
) -> None:
    with visits(demo, locale=locale) as visit:
        visit.page.goto(f"{visit.origin}/playground")
        expect(visit.page.locator("#temperature + output")).to_have_text(temperature)
        assert visit.page.locator("html").get_attribute("lang") == lang


def test_a_phrase_without_a_translation_is_reported_and_stays_english(visits: Visits, demo: Subject) -> None:
    with visits(demo, **SPANISH) as visit:
        opened(visit)
        said = visit.page.evaluate(
            """() => import("/playground/language.js").then(({ say }) => say("{what} nobody said", { what: "$&" }))"""
        )
        assert said == "$& nobody said"
        assert visit.complaints == ["es: no phrase for: {what} nobody said"]
        visit.complaints.clear()


@pytest.mark.parametrize("options", [SPANISH, {}], ids=["Spanish", "English"])
def test_on_a_phone_nothing_needs_scrolling_sideways(
    visits: Visits, observed: Observed, options: dict[str, Any]
) -> None:
    with visits(observed.subject, size=PHONE, **options) as visit:
        for path, part in {"": "#composer", "/traces": "#list", "/dashboards": ".panel"}.items():
            visit.page.goto(f"{visit.origin}/playground{path}")
            expect(visit.page.locator(part).first).to_be_visible()
            expect(visit.page.locator("#language")).to_be_in_viewport(ratio=1)
            for scrolled in ("html", "header", "main", part):
                element = visit.page.locator(scrolled).first
                assert element.evaluate("(it) => it.scrollWidth <= it.clientWidth"), (path, scrolled)
