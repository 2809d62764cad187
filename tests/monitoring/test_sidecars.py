"""The sidecars that demos 5 and 6 start, and do not start if the user already has them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared.settings import Settings, load_settings
from workshop import programs, serving_cluster, sidecars
from workshop.demo import DEMOS
from workshop.processes import Process
from workshop.prometheus import RULES
from workshop.sidecars import Stage, alert_forwarder, prometheus_server, trace_receiver


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecars, "RUN", tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)  # a folder without .env


def stage(**settings: str) -> tuple[Stage, list[int]]:
    claimed: list[int] = []
    return Stage(load_settings(port=8000, **settings), claim=lambda port, name: claimed.append(port)), claimed


def sidecars_of_demo_5(stage: Stage) -> list[Process]:
    assert DEMOS[5].collector
    return [process for start in (DEMOS[5].collector, *DEMOS[5].sidecars) if (process := start(stage))]


def test_demo_5_has_its_own_trace_receiver_prometheus_and_forwarder() -> None:
    bare, claimed = stage()
    assert [process.name for process in sidecars_of_demo_5(bare)] == [
        "the trace receiver",
        "Prometheus",
        "the alert forwarder",
    ]
    assert claimed == [8300, 8200]
    secret, token = (bare.environment.pop(name) for name in ("WEBHOOK_HMAC_SECRET", "METRICS_TOKEN"))
    assert secret.startswith("whsec_")
    assert (sidecars.RUN / "prometheus-8200" / "secrets" / "metrics_token").read_text() == token
    assert any(f"WEBHOOK_HMAC_SECRET={secret} make webhook" in line for line in bare.look)
    assert bare.environment == {
        "OTLP_ENDPOINT": "http://127.0.0.1:8300",
        "TRACES_URL": "http://127.0.0.1:8300",
        "TRACE_SAMPLE_RATIO": "1",
        "PROMETHEUS_URL": "http://127.0.0.1:8200",
    }
    again, _ = stage()
    sidecars_of_demo_5(again)
    assert again.environment["WEBHOOK_HMAC_SECRET"] != secret
    assert again.environment["METRICS_TOKEN"] != token


def test_the_earlier_demos_have_none() -> None:
    assert not any(demo.collector or demo.sidecars or demo.traffic for number, demo in DEMOS.items() if number < 5)


def test_sidecars_that_the_user_already_has_are_not_started() -> None:
    own, claimed = stage(
        otlp_endpoint="http://127.0.0.1:4318",
        prometheus_url="http://127.0.0.1:9090",
        webhook_hmac_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    (forwarder,) = sidecars_of_demo_5(own)
    assert "http://127.0.0.1:9090" in forwarder.command
    assert claimed == []
    assert own.environment == {}
    assert "whsec_" not in "".join(own.look)


def test_a_sample_ratio_that_the_user_chose_is_kept() -> None:
    chosen, _ = stage(trace_sample_ratio="0.5")
    assert trace_receiver(chosen)
    assert "TRACE_SAMPLE_RATIO" not in chosen.environment


def test_without_prometheus_one_line_says_how_to_get_it_and_the_demo_continues(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = replace(programs.PROGRAMS["prometheus"], names=("prometheus-is-not-here",))
    monkeypatch.setitem(programs.PROGRAMS, "prometheus", missing)
    monkeypatch.setattr(programs, "_may_install", lambda: False)
    bare, claimed = stage()
    assert prometheus_server(bare) is None
    assert alert_forwarder(bare) is None
    printed = capfd.readouterr().out.splitlines()
    assert len(printed) == 1
    assert "apt-get install prometheus" in printed[0]
    assert claimed == []
    assert set(bare.environment) == {"WEBHOOK_HMAC_SECRET"}  # people may still send webhooks themselves


def test_the_attendees_rules_are_read_too_and_a_broken_one_is_named_and_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, broken = tmp_path / "cost_alert.yml", tmp_path / "broken.yml"
    good.write_text("groups:\n  - name: mine\n    rules:\n      - {alert: Mine, expr: vector(1)}\n")
    broken.write_text(good.read_text().replace("vector(1)", "vector(("))
    mine = replace(stage()[0], own_rules=(good, broken))
    assert prometheus_server(mine)
    read = {file.resolve() for file in (tmp_path / "prometheus-8200" / "rules").iterdir()}
    assert good in read
    assert broken not in read
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert "broken.yml" in said[0]


def test_a_rule_file_of_the_attendee_replaces_ours_of_the_same_name(tmp_path: Path) -> None:
    mine = tmp_path / "business.yml"
    mine.write_text("groups:\n  - name: mine\n    rules:\n      - {record: mine, expr: vector(1)}\n")
    assert prometheus_server(replace(stage()[0], own_rules=(mine,)))
    read = {file.resolve() for file in (tmp_path / "prometheus-8200" / "rules").iterdir()}
    assert {file for file in read if file.name == "business.yml"} == {mine}
    assert len(read) == len(RULES)


def test_demo_6_tells_vllm_where_the_gateways_traces_go_and_prometheus_where_ray_has_its_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving_cluster, "PYTHON", Path(sys.executable))

    def started(**settings: str) -> tuple[str, Stage]:
        """vLLM's trace receiver, and the stage."""
        bare, _ = stage(**settings)
        bare.environment["OPENAI_BASE_URL"] = "http://127.0.0.1:8100/v1"
        cluster = DEMOS[6].upstream and DEMOS[6].upstream(bare)
        assert cluster
        trace_receiver(bare)
        return cluster.environment["SERVING_OTLP_ENDPOINT"], bare

    told, bare = started()
    assert told == bare.environment["OTLP_ENDPOINT"] == "http://127.0.0.1:8300"
    assert bare.targets == {"ray": "127.0.0.1:8404", "haproxy": "127.0.0.1:8402"}
    assert started(otlp_endpoint="http://127.0.0.1:4318")[0] == "http://127.0.0.1:4318"
    assert started(enable_tracing="false")[0] == ""
