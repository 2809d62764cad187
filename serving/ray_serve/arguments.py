"""What a config file may say about a deployment: the `args:` of its application.

In: a mapping from YAML. Out: frozen `ServingArguments`. An unknown name or an invalid value raises pydantic's
ValidationError, which Serve shows as the reason why the application did not deploy.
"""

import os
import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = "SERVING_MODEL"  # the name callers use
MODEL_SOURCE = "SERVING_MODEL_SOURCE"  # a folder, or a name on the hub
HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
OTLP_ENDPOINT = "SERVING_OTLP_ENDPOINT"  # the collector of traces
TRACING = {
    # vLLM's default is gRPC, which a gateway's collector need not speak.
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    # Traces only what the gateway traces: no trace begins here, neither for loading nor for the warm-up.
    "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    "OTEL_SERVICE_NAME": "vllm",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",  # milliseconds; people look at a trace right after their request
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Replicas(_Strict):
    """The bounds of scaling, and its speed. One replica is one engine on `tensor_parallel` devices."""

    min: int = Field(1, ge=0)
    max: int = Field(1, ge=1)
    target_ongoing_requests: float = Field(5, gt=0, description="requests that each replica should have in flight")
    upscale_delay_s: float = Field(30, ge=0, description="seconds of too much load before a replica is added")
    downscale_delay_s: float = Field(600, ge=0, description="seconds of too little load before a replica is removed")
    look_back_s: float = Field(30, gt=0, description="seconds over which the load is averaged")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"replicas.min={self.min} is more than replicas.max={self.max}")
        return self


class ServingArguments(_Strict):
    """One model, and how to serve it. The environment's model, source and traces take precedence over the file's."""

    model: str = Field(min_length=1, description="the name callers use")
    source: str = Field(min_length=1, description="where the weights are: a folder, or a name on the hub")
    hardware: Literal["cpu", "gpu"] = "gpu"
    accelerator: str | None = Field(None, description="which GPU, as Ray names it, e.g. H100; any by default")
    tensor_parallel: int = Field(1, ge=1, description="devices that one copy of the model is spread over")
    cpus: float = Field(1, gt=0, description="Ray's CPUs, or shares of one, that each device's process asks for")
    max_model_len: int = Field(ge=1, description="longest prompt and answer together, in tokens")
    replicas: Replicas = Field(default_factory=Replicas.model_construct)
    max_ongoing_requests: int = Field(64, ge=1, description="requests that a replica takes at the same time")
    drain_s: float = Field(120, gt=0, description="seconds that a replica has to finish its streams before it goes")
    health_check_s: float = Field(5, gt=0, description="seconds between two checks of a replica's engine")
    engine: dict[str, Any] = Field(default_factory=dict, description="further arguments of vLLM's engine")
    environment: dict[str, str] = Field(default_factory=dict, description="variables of the replicas' processes")
    otlp_endpoint: str = Field("", description="OTLP/HTTP collector that vLLM's part of each trace goes to, if any")

    @model_validator(mode="before")
    @classmethod
    def _of_environment(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        variables = {"model": MODEL, "source": MODEL_SOURCE, "otlp_endpoint": OTLP_ENDPOINT}
        return given | {name: value for name, variable in variables.items() if (value := os.environ.get(variable))}

    @field_validator("source")
    @classmethod
    def _is_somewhere(cls, source: str) -> str:
        if not ((ROOT / source).is_dir() or HUB_NAME.fullmatch(source)):
            raise ValueError(f"{source} is neither a folder nor a name on the hub")
        return source

    @property
    def deployment(self) -> str:
        """Its name in Serve. A successor has the same name, so Serve keeps the old one until the new one is ready."""
        return self.model.replace("/", "--")

    @property
    def weights(self) -> str:
        """The folder, whatever the working directory, or the hub's name."""
        folder = ROOT / self.source
        return str(folder) if folder.is_dir() else self.source

    def engine_arguments(self) -> dict[str, Any]:
        """As vLLM's AsyncEngineArgs takes them. Both deployments are built from these."""
        return {
            "model": self.weights,
            "served_model_name": self.model,
            "max_model_len": self.max_model_len,
            "tensor_parallel_size": self.tensor_parallel,
            **({"otlp_traces_endpoint": f"{self.otlp_endpoint.rstrip('/')}/v1/traces"} if self.otlp_endpoint else {}),
            **self.engine,
        }

    def process_environment(self) -> dict[str, str]:
        """The variables that a replica starts with."""
        return {**(TRACING if self.otlp_endpoint else {}), **self.environment}

    def serve_options(self) -> dict[str, Any]:
        """As `serve.deployment` takes them."""
        replicas = self.replicas
        # region: serve-options
        return {
            # By default, ray.serve.llm puts a billion into both:
            # nothing ever scales, and nothing ever queues.
            "max_ongoing_requests": self.max_ongoing_requests,
            "autoscaling_config": {
                "min_replicas": replicas.min,
                "max_replicas": replicas.max,
                "target_ongoing_requests": replicas.target_ongoing_requests,
                "upscale_delay_s": replicas.upscale_delay_s,
                "downscale_delay_s": replicas.downscale_delay_s,
                "look_back_period_s": replicas.look_back_s,
                "metrics_interval_s": min(replicas.look_back_s, 10) / 2,
            },
            # The default of 0 stops a replica before its successor is ready.
            "max_surge_percent": 100,
            # The default of 20 s would cut every longer stream when a replica is removed.
            "graceful_shutdown_timeout_s": self.drain_s,
            "health_check_period_s": self.health_check_s,
            "health_check_timeout_s": max(10.0, 2 * self.health_check_s),
        }
        # endregion: serve-options
