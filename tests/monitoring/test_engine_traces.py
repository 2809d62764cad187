"""vLLM sends its part of a trace to the configured receiver, or nowhere if there is none."""

import pytest

from serving.ray_serve.arguments import OTLP_ENDPOINT, ServingArguments

FILE = {"model": "tiny", "source": "somewhere", "max_model_len": 512}


@pytest.fixture(autouse=True)
def _nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OTLP_ENDPOINT, raising=False)


def test_without_a_receiver_the_engine_sends_no_traces() -> None:
    quiet = ServingArguments.model_validate(FILE)
    assert "otlp_traces_endpoint" not in quiet.engine_arguments()
    assert quiet.process_environment() == {}


def test_the_environment_names_the_receiver_and_the_engine_starts_no_traces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(OTLP_ENDPOINT, "http://collector:4318/")
    told = ServingArguments.model_validate(FILE | {"otlp_endpoint": "http://elsewhere:4318"})
    assert told.engine_arguments()["otlp_traces_endpoint"] == "http://collector:4318/v1/traces"
    variables = told.process_environment()
    assert variables["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "http/protobuf"
    assert variables["OTEL_TRACES_SAMPLER"] == "parentbased_always_off"


def test_the_environment_in_the_config_file_is_kept() -> None:
    own = {"OTEL_SERVICE_NAME": "large-model", "OMP_NUM_THREADS": "1"}
    told = ServingArguments.model_validate(FILE | {"otlp_endpoint": "http://collector:4318", "environment": own})
    assert told.process_environment().items() >= own.items()
