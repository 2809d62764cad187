"""What a load test leaves: result.json with vLLM's names, one page that needs nothing else, a table, a comparison."""

import io
import json
import re
from dataclasses import asdict
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtests import compare, result
from loadtests.report import OURS, page
from loadtests.screen import Screen, headline, progress, table, whole
from loadtests.timeline import Request, totals
from loadtests.timeline_plot import KINDS, OTHERS
from tests.loadtests.test_timeline import RUN, failed, piece

GATES = [
    {"name": "it answers", "passed": True, "expected": "3 answers", "got": "3"},
    {"name": "it is quick", "passed": False, "expected": "< 1 s", "got": "1.3 s"},
]
HOSTILE = "<script>alert(1)</script> & \"'\x1b[31m"
# Written by `vllm bench serve --save-result` of vLLM 0.29 for each run of streams, and of use to us.
VLLM = {
    *("date", "label", "num_prompts", "duration", "completed", "failed", "total_input_tokens", "total_output_tokens"),
    *("request_throughput", "request_goodput", "output_throughput", "total_token_throughput"),
    *(f"{of}_{name}_ms" for of in ("mean", "median", "std", "p99") for name in ("ttft", "tpot", "e2el")),
}


def made(requests: list[Request] = RUN, *, number: int = 4, **printed: Any) -> result.Result:
    """The result of a run, as the scenario would have printed it."""
    told = {
        "summary": {"requests": len(requests)},
        "gates": GATES,
        "seed": 4,
        "settings": {"seconds": 10},
        "objectives": "the first token within 1 s",
        "requests": [asdict(one) for one in requests],
    }
    return result.result(number, json.loads(json.dumps(told | printed)), {"MODEL": "workshop-sim"}, {"service": "1.0"})


class Page(HTMLParser):
    """Its elements, and whatever they load from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "action", "style"}]


# --- result.json -------------------------------------------------------------------------------------------------


def test_the_result_has_vllms_names_at_the_top_and_ours_below_one() -> None:
    top = set(made())
    assert top - {OURS} >= VLLM
    assert {re.sub(r"p9[05]_", "p99_", name) for name in top} - VLLM == {OURS}


def test_the_result_has_gates_seed_settings_and_errors() -> None:
    ours = made()[OURS]
    assert ours["gates"] == GATES
    assert (ours["scenario"], ours["seed"], ours["settings"]) == (4, 4, {"seconds": 10})
    assert ours["service"] == {"MODEL": "workshop-sim"}
    assert ours["goodput"] == pytest.approx(0.5)
    assert ours["errors"] == [{"kind": "503", "count": 1, "example": "503: overloaded"}]
    assert sum(step["answered"] for step in ours["steps"]) == 3


def test_the_folder_has_the_result_and_the_page(tmp_path: Path) -> None:
    one = made()
    assert result.write(one, "", tmp_path / "new") == tmp_path / "new"
    assert json.loads((tmp_path / "new" / result.RESULT).read_text()) == json.loads(json.dumps(one))
    assert (tmp_path / "new" / result.REPORT).read_text() == page(one)


def test_two_runs_that_end_in_the_same_second_keep_both_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result, "FOLDER", tmp_path / "load")
    one = made()
    first, second = result.write(one, ""), result.write(one, "")
    assert first != second
    assert first.parent == second.parent == tmp_path / "load"


# --- report.html -------------------------------------------------------------------------------------------------


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    found = Page(page(made(), "<svg/>"))
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert [load[:19] for load in found.loads] == ["data:image/svg+xml;"]
    assert "url(" not in page(made())


def test_the_page_shows_verdict_gates_numbers_and_settings() -> None:
    text = unescape(re.sub(r"<[^>]+>", " ", page(made())))
    for words in ("1 of 2 gates", "it is quick", "1.3 s", "seed 4", "workshop-sim", "Goodput: 50.0%", "1,240.0"):
        assert words in text, words


def test_the_page_is_readable_in_the_dark() -> None:
    assert "@media (prefers-color-scheme: dark)" in page(made())


def test_hostile_text_is_text_wherever_it_stands() -> None:
    gates = [{"name": HOSTILE, "passed": False, "expected": HOSTILE, "got": HOSTILE}]
    requests = [piece(0.0, 1.0), failed(0.0, 1.0, f"{HOSTILE}: why"), failed(0.0, 1.0, f"503: {HOSTILE}")]
    one = made(requests, gates=gates, settings={HOSTILE: HOSTILE}, objectives=HOSTILE, remarks=[HOSTILE])
    text = page(one, HOSTILE)
    assert "script" not in Page(text).tags
    assert "<script" not in text
    assert "\x1b" not in "".join(table(whole(requests, totals(requests))))
    assert "alert(1)" in text  # it was in all of these places


def picture_of(requests: list[Request]) -> ElementTree.Element:
    text = page(made(requests))
    return ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + len("</svg>")])


def words(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter("text")]


def test_the_plot_has_a_panel_for_each_question() -> None:
    shown = words(picture_of(RUN))
    titles = ("Requests per second", "Tokens per second", "Seconds to the end", "Seconds to the first token")
    for title in (*titles, "Goodput", "Errors per second", "503", "refused, as provoked"):
        assert title in shown, title


def test_without_streams_or_errors_the_plot_says_so() -> None:
    shown = words(picture_of([piece(0.0, 1.0)]))
    assert "Seconds to the first token" not in shown
    assert "none" in shown


def test_bars_of_errors_stand_on_one_another_and_rare_kinds_share_one_colour() -> None:
    many = [failed(0.0, 1.0, f"{500 + kind}: x") for kind in range(KINDS + 3) for _ in range(10 - kind)]
    picture = picture_of([piece(0.0, 1.0), *many])
    bars = {path.get("class"): path.get("d", "") for path in picture.iter("path")}
    tops = [float(re.findall(r"V([\d.]+)H", bars[f"kind-{number}"])[0]) for number in range(KINDS + 1)]
    feet = [float(re.findall(r"M[\d.]+ ([\d.]+)V", bars[f"kind-{number}"])[0]) for number in range(KINDS + 1)]
    assert feet[1:] == tops[:-1]
    assert OTHERS in words(picture)
    assert tops[-1] == min(tops)


def test_a_run_that_sent_nothing_still_has_a_page() -> None:
    assert "Nothing was sent." in page(made([]))


# --- the table ---------------------------------------------------------------------------------------------------


def test_the_table_has_the_numbers_of_the_run() -> None:
    lines = table(whole(RUN, totals(RUN)))
    assert lines[0] == "requests     sent 5 · answered 3 · refused 1 · failed 1"
    assert lines[1] == "per second   0.3 answers · 3 output tokens"
    assert lines[2] == "goodput      50.0%"
    assert lines[-1] == "errors       1 × 503"
    assert any(line.split()[:4] == ["first", "token", "200.0", "ms"] for line in lines)
    assert max(map(len, lines)) < 80


def test_while_it_runs_rates_are_of_the_last_seconds_and_open_requests_are_shown() -> None:
    early, late = [piece(0.0, 1.0) for _ in range(50)], [piece(8.0, 9.0) for _ in range(10)]
    found = progress([*early, *late, Request("/generate", 9.5)], now=10.0, elapsed=10.0, share=0.5)
    assert found["rates"] == (pytest.approx(2.0), pytest.approx(20.0))
    assert (found["sent"], found["answered"], found["open"], found["failed"]) == (61, 60, 1, 0)
    assert headline("demo 4", found).endswith("50%")


def test_the_screen_draws_over_itself_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = io.StringIO()
    screen = Screen(terminal, "demo 4")
    numbers = whole(RUN, totals(RUN))
    screen.show(numbers)
    drawn = terminal.getvalue().splitlines()
    assert all(len(line) < 40 for line in drawn)
    screen.show(numbers)
    screen.clear()
    screen.clear()
    assert terminal.getvalue().count(f"\x1b[{len(drawn)}A") == 2
    assert terminal.getvalue().endswith("\x1b[J")


def test_the_table_and_the_page_are_in_the_spoken_language(monkeypatch: pytest.MonkeyPatch) -> None:
    english = page(made(RUN))
    monkeypatch.setenv("WORKSHOP_LANG", "es")
    lines = table(whole(RUN, totals(RUN)))
    assert lines[0] == "peticiones   enviadas 5 · contestadas 3 · rechazadas 1 · fallidas 1"
    assert lines[1] == "por segundo  0.3 respuestas · 3 tokens de salida"
    assert any(line.split()[:4] == ["1er", "token", "200.0", "ms"] for line in lines)
    assert max(map(len, lines)) < 80
    spanish = page(made(RUN))
    assert '<html lang="en">' in english
    assert '<html lang="es">' in spanish
    heads = re.compile(r"<h[12]>(.+?)</h|<thead>(.+)|<title>(.+?)</title>")
    assert len(heads.findall(spanish)) == len(heads.findall(english)) > 8
    assert not set(heads.findall(spanish)) & set(heads.findall(english))


# --- load-compare ------------------------------------------------------------------------------------------------


def kept(folder: Path, one: result.Result) -> str:
    return str(result.write(one, "", folder))


def row(printed: str, name: str) -> list[str]:
    [found] = [line.split() for line in printed.splitlines() if line.startswith(f"{name} ")]
    return found[1:]


def test_two_results_stand_beside_each_other_with_their_ratio_and_which_is_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = kept(tmp_path / "a", made([piece(0.0, 1.0), piece(0.0, 2.0, good=False)]))
    b = kept(tmp_path / "b", made([piece(0.0, 0.5), piece(0.0, 0.5)], seed=7, settings={"seconds": 20}))
    assert compare.main([a, f"{b}/{result.RESULT}"]) == 0
    printed = capsys.readouterr().out
    assert row(printed, "request_throughput") == ["1.0", "4.0", "4.00", "higher", "B", "is", "better"]
    assert row(printed, "mean_e2el_ms") == ["1,500.0", "500.0", "0.33", "lower", "B", "is", "better"]
    assert row(printed, "goodput") == ["0.5", "1.0", "2.00", "higher", "B", "is", "better"]
    assert row(printed, "failed") == ["0", "0", "–", "lower"]
    assert "mean_ttft_ms" not in printed  # neither has a stream
    assert "seed: 4 in A, 7 in B" in printed
    assert "seconds: 10 in A, 20 in B" in printed


def test_a_number_that_only_one_of_them_has_gets_no_ratio() -> None:
    printed = compare.compared(made(RUN), made([piece(0.0, 1.0)]))
    assert row(printed, "mean_ttft_ms") == ["200.0", "–", "–", "lower"]
    assert "The same seed, settings and versions." in printed


@pytest.mark.parametrize(("seconds", "won"), [(1.04, []), (1.06, ["A", "is", "better"]), (0.94, ["B", "is", "better"])])
def test_a_difference_of_a_few_percent_is_nobodys(seconds: float, won: list[str]) -> None:
    printed = compare.compared(made([piece(0.0, 1.0)]), made([piece(0.0, seconds)]))
    assert row(printed, "p99_e2el_ms")[4:] == won


WRONG = {
    "is missing": ("", "there is no such file"),
    "is no JSON": ("<html>", "not even JSON"),
    "is another's JSON": ('{"date": "x"}', "is not the result of a load test"),
    "is a list": ("[]", "is not the result of a load test"),
    "has no numbers": ('{"date": "x", "workshop": {"scenario": 4}}', "is not the result of a load test"),
}


@pytest.mark.parametrize("case", WRONG)
def test_whatever_is_not_a_result_is_one_line_and_status_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, reason = WRONG[case]
    good = kept(tmp_path / "a", made())
    (tmp_path / "b").mkdir()
    if text:
        (tmp_path / "b" / result.RESULT).write_text(text)
    assert compare.main([good, str(tmp_path / "b")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"B={tmp_path / 'b'}: ")
    assert reason in printed.err
    assert len(printed.err.splitlines()) == 1


def test_results_of_different_scenarios_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = kept(tmp_path / "a", made()), kept(tmp_path / "b", made(number=3))
    assert compare.main([a, b]) == 2
    assert capsys.readouterr().err.startswith("A is of demo 4, and B of demo 3")
