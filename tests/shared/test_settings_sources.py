"""Settings under the names that others use, settings in a YAML file, and what a person is told about both."""

import json
import re
from pathlib import Path

import pytest

from shared.settings import BadSetting, Settings, load_settings
from shared.settings.checks import contradictions
from shared.settings.settings import PRODUCTION, odd_variables
from shared.settings.sources import ALIASES, INSTEAD
from workshop import doctor


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*ALIASES, *INSTEAD, *map(str.upper, Settings.model_fields)):
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_lines_of_the_documents_do_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(
        monkeypatch,
        ENVIRONMENT="production",
        WORKERS="8",
        RATE_LIMIT_REQUESTS="10000",
        METRICS_ENABLED="false",
        COST_PER_1M_INPUT_TOKENS="0.3",
        COST_PER_1M_OUTPUT_TOKENS="1.2",
        GUNICORN_WORKER_CONNECTIONS="1000",
    )
    assert (settings.env, settings.workers, settings.rate_limit_rpm) == ("production", 8, 10_000)
    assert (settings.enable_metrics, settings.uvicorn_limit_concurrency) == (False, 1000)
    assert (settings.price_input_per_1m, settings.price_output_per_1m) == (0.3, 1.2)
    assert "WORKERS is read as UVICORN_WORKERS" in odd_variables()


def test_every_alias_is_of_a_setting_and_no_name_has_two_meanings() -> None:
    fields = {name.upper() for name in Settings.model_fields}
    assert set(ALIASES.values()) <= fields
    assert not fields & (ALIASES.keys() | INSTEAD.keys())
    assert not ALIASES.keys() & INSTEAD.keys()


def test_a_settings_own_name_wins_over_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, WORKERS="8", UVICORN_WORKERS="2").workers == 2
    assert odd_variables() == ["WORKERS is ignored: UVICORN_WORKERS is set"]


def test_of_two_other_names_for_one_setting_the_first_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, GUNICORN_WORKERS="3", WORKERS="8").workers == 8
    assert odd_variables() == ["WORKERS is read as UVICORN_WORKERS", "GUNICORN_WORKERS is ignored: WORKERS is set"]


def test_a_variable_that_means_something_else_here_stops_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, ENVIRONMENT="staging", WORKERS="auto")
    assert (settings.env, settings.workers) == ("development", 1)
    assert [remark.partition(":")[0] for remark in odd_variables()] == [
        "ENVIRONMENT is ignored",
        "WORKERS is ignored",
    ]


@pytest.mark.parametrize("name", INSTEAD)
def test_what_has_no_counterpart_says_what_to_write_instead(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **{name: "32"})
    [remark] = odd_variables()
    assert remark.startswith(f"{name} does nothing in this service: ")
    assert "32" not in remark  # it may be a secret


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("MAX_CHAR", "MAX_CHARS"),
        ("RATE_LIMIT_RMP", "RATE_LIMIT_RPM"),
        ("CACHE_MAX_SIZES", "CACHE_MAX_SIZE"),
        ("RETRY_DELEY", "RETRY_DELAY"),
    ],
)
def test_a_name_that_is_one_letter_off_is_pointed_out(slip: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **{slip: "9"})
    assert odd_variables() == [f"{slip} is no setting: is {meant} meant?"]


def test_a_slip_in_the_file_dot_env_is_found_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_CHAR=5\nWORKERS=3\nPATH_TO_SOMETHING=x\n")
    assert load_settings().workers == 3
    assert odd_variables() == ["WORKERS is read as UVICORN_WORKERS", "MAX_CHAR is no setting: is MAX_CHARS meant?"]


def test_nothing_is_remarked_where_there_is_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, MAX_CHARS="10", HOSTS="a", PORTS="1", XDG_DATA_DIR="x", TIMEOUTS="3")
    assert odd_variables() == []


def test_a_file_of_settings_is_read_and_variables_win_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "production.yaml"
    file.write_text("MAX_CHARS: 10\ntimeout: 12.5\nAPI_KEYS_REQUIRED: true\ncors_origins: [https://a, https://b]\n")
    settings = given(monkeypatch, CONFIG_FILE=str(file), TIMEOUT="7")
    assert (settings.max_chars, settings.timeout, settings.api_keys_required) == (10, 7.0, True)
    assert settings.cors_origins == "https://a,https://b"
    monkeypatch.delenv("CONFIG_FILE")
    assert given(monkeypatch, TRUTHGPT_CONFIG=str(file)).max_chars == 10
    (tmp_path / ".env").write_text(f"CONFIG_FILE={file}\nMAX_CHARS=11\n")
    monkeypatch.delenv("TRUTHGPT_CONFIG")
    assert load_settings().max_chars == 11


def test_an_unknown_name_in_the_file_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("MAX_CHAR: 10\ncolour: red\n")
    given(monkeypatch, CONFIG_FILE=str(file))
    assert odd_variables() == [
        f"{file}: MAX_CHAR is no setting: is MAX_CHARS meant?",
        f"{file}: COLOUR is no setting",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "CONFIG_FILE={}: No such file or directory"),
        (b"\xff\xfe\x00", "CONFIG_FILE={}: is not UTF-8 text"),
        (b"a: [1", "CONFIG_FILE={}, line 1: is not YAML: "),
        (b"- a\n- b\n", "CONFIG_FILE={}: must hold settings, as in MAX_CHARS: 4000"),
        (b"MAX_CHARS: many\n", "MAX_CHARS=many: "),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    content: bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSetting) as refused:
        given(monkeypatch, CONFIG_FILE=str(file))
    assert str(refused.value).startswith(said.format(file))
    assert "\n" not in str(refused.value)


def test_an_empty_file_is_a_file_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert given(monkeypatch, CONFIG_FILE="empty.yaml") == Settings(config_file="empty.yaml")
    assert odd_variables() == []


def test_a_file_may_hold_any_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = json.loads(Settings().model_dump_json())
    written = "".join(
        f"{name}: {json.dumps(value)}\n" for name, value in defaults.items() if value not in ("", "**********")
    )
    (tmp_path / "all.yaml").write_text(written)
    assert given(monkeypatch, CONFIG_FILE="all.yaml") == Settings(config_file="all.yaml")


def test_the_doctor_passes_the_remarks_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, WORKERS="auto", TIMEOUT="600")
    doctor.tell_the_settings()
    [ignored, contradiction] = json.loads(capsys.readouterr().out)["remarks"]
    assert ignored.startswith("WORKERS is ignored")
    assert contradiction.startswith("TIMEOUT=600 is above TIMEOUT_MAX=300")


# --- the production profile -----------------------------------------------------------------------------------------


def test_production_reads_its_profile_and_variables_win_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, ENV="production", TIMEOUT="45")
    assert (settings.config_file, settings.log_file, settings.timeout) == (str(PRODUCTION), "-", 45)
    assert settings.api_keys_required
    assert [*contradictions(settings)] == []


@pytest.mark.parametrize("name", ["ENVIRONMENT", "ENV"])
def test_it_is_read_by_either_name_and_in_dot_env(name: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{name}=production\n")
    assert load_settings().config_file == str(PRODUCTION)


def test_a_file_of_ones_own_takes_its_place_and_a_hyphen_takes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.yaml").write_text("TIMEOUT: 20\nCONFIG_FILE: other.yaml\n")
    settings = given(monkeypatch, ENV="production", CONFIG_FILE="own.yaml")
    assert (settings.config_file, settings.timeout, settings.api_keys_required) == ("own.yaml", 20, False)
    settings = given(monkeypatch, CONFIG_FILE="-")
    assert settings == Settings(config_file="-", env="production")
    assert settings.timeout == Settings.model_fields["timeout"].default


def test_the_profile_holds_only_what_is_different_in_production_each_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = PRODUCTION.read_text()
    named = re.findall(r"^([A-Z_]+):", text, re.MULTILINE)
    assert len(named) > 5
    usual, profile = load_settings(), given(monkeypatch, ENV="production")
    assert [name for name in named if getattr(usual, name.lower()) == getattr(profile, name.lower())] == []
    groups = [group for group in text.split("\n\n") if re.search("^[A-Z]", group, re.MULTILINE)]
    assert all(group.lstrip().startswith("# ") for group in groups)
    assert odd_variables() == []


def test_a_production_without_tokens_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    [said] = contradictions(given(monkeypatch, ENV="production", API_KEYS_REQUIRED="false"))
    assert said.startswith("ENV=production without API_KEYS_REQUIRED")
