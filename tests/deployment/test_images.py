"""The images for real: built by `make images`, and started by the compose file together with their neighbours.

Skipped, with the reason, on a machine that runs no containers; see containers.py. Grafana stays away: it has nothing of
ours but files, which other tests read.
"""

import json
import os
import re
import secrets
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from shared import __version__
from tests.deployment import containers, yaml_files
from tests.deployment.containers import Services
from tests.deployment.test_dockerfiles import locked
from tests.waiting import wait_for
from workshop import direct
from workshop.processes import ROOT, free_port

pytestmark = pytest.mark.timeout(1800)  # an empty storage is filled first: 4 GB of packages

STARTED = ("gateway", "serving", "model", "traces", "redis", "prometheus")
OURS = ("gateway", "serving", "model", "traces")  # services that run from our images
# What each image may add to its base, in MB: about a tenth more than it does.
SIZES = {f"llm-gateway:{__version__}": 360, f"llm-serving:{__version__}-cpu": 3400}
USER = 10001
SECONDS_FOR_A_MODEL = 300.0
LONG = 600  # tokens


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    containers.provide_base()
    containers.build()
    containers.provide_neighbours()
    here = Services(
        f"images-{os.getpid()}",
        {
            "REDIS_PASSWORD": secrets.token_hex(16),
            "METRICS_TOKEN": secrets.token_hex(16),
            "GRAFANA_PASSWORD": secrets.token_hex(16),
            "API_KEYS_REQUIRED": "false",
            "GATEWAY_PORT": str(free_port()),
            "PROMETHEUS_PORT": str(free_port()),
        },
    )
    try:
        here.compose("up", "--detach", *STARTED)
        yield here
    finally:
        here.compose("down", "--volumes", "--timeout", "10")
        containers.podman("volume", "prune", "--force")  # those that an image declares, and compose does not know


def ask(services: Services, question: str, **wishes: Any) -> Any:
    """The gateway's open answer."""
    body = {"messages": [{"role": "user", "content": question}], **wishes}
    request = urllib.request.Request(
        f"http://127.0.0.1:{services.settings['GATEWAY_PORT']}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    return direct.urlopen(request, 60)


def from_vllm(services: Services) -> bool:
    """Whether vLLM answers, and not the fallback in its place."""
    try:
        with ask(services, f"What is a token? {secrets.token_hex(4)}", max_tokens=8, temperature=0.5) as answer:
            return answer.status == 200 and "x-fallback" not in answer.headers
    except OSError:
        return False


def test_every_service_becomes_healthy_and_vllm_answers_through_the_gateway(services: Services) -> None:
    for service in STARTED:
        healthy, log = partial(services.is_healthy, service), partial(services.log, service)
        wait_for(healthy, log, SECONDS_FOR_A_MODEL, poll=1.0)
    wait_for(lambda: from_vllm(services), lambda: services.log("serving"), SECONDS_FOR_A_MODEL, poll=1.0)


def test_redis_keeps_answers_and_prometheus_reads_the_guarded_numbers(services: Services) -> None:
    question = f"What is a queue? {secrets.token_hex(4)}"
    for expected in ("miss", "hit"):
        with ask(services, question, max_tokens=8, temperature=0) as answer:
            assert answer.headers["x-cache"] == expected
    redis = ("sh", "-c", 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli dbsize')
    assert int(services.inside("redis", *redis)) > 0
    port = services.settings["PROMETHEUS_PORT"]

    def scraped() -> bool:
        with direct.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=up", 10) as answer:
            found = json.load(answer)["data"]["result"]
        return {"gateway": "1", "model": "1"}.items() <= {
            each["metric"]["job"]: each["value"][1] for each in found
        }.items()

    wait_for(scraped, lambda: services.log("prometheus"))


@pytest.mark.parametrize("service", OURS)
def test_a_service_has_no_rights_and_cannot_change_its_image(services: Services, service: str) -> None:
    status = services.inside(service, "cat", "/proc/1/status")
    assert re.search(rf"^Uid:(\s+{USER}){{4}}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    for place in ("/app/x", "/opt/venv/x", "/etc/x", "/usr/x"):
        with pytest.raises(AssertionError, match=r"Read-only file system|Permission denied"):
            services.inside(service, "python", "-c", f"open({place!r}, 'w')")


def test_what_the_services_write_is_where_the_compose_file_says(services: Services) -> None:
    for service in OURS:
        changed = json.loads(containers.podman("diff", "--format", "json", services.name(service)) or "{}")
        made = set(changed.get("added") or []) | set(changed.get("changed") or [])
        mounts = {"/data", "/cache", "/tmp", "/etc", "/run", "/dev", "/proc", "/sys", "/app"}
        assert {"/" + path.split("/")[1] for path in made} <= mounts, made


@pytest.mark.parametrize(
    ("service", "lock"), [("gateway", "requirements.txt"), ("serving", "serving/requirements-cpu.txt")]
)
def test_an_image_has_exactly_the_packages_of_its_lock(services: Services, service: str, lock: str) -> None:
    listing = "import importlib.metadata as m; print(*{each.name for each in m.distributions()})"
    there = {canonicalize_name(name) for name in services.inside(service, "python", "-c", listing).split()}
    version = services.inside(service, "python", "-c", "import platform; print(platform.python_version())").strip()
    python = {"python_full_version": version, "python_version": version.rpartition(".")[0]}
    wanted = (each for each in locked(ROOT / lock) if not each.marker or each.marker.evaluate(python))
    assert there == {canonicalize_name(each.name) for each in wanted}
    for tool in ("pip", "gcc", "g++", "make"):
        assert (
            services.inside(service, "python", "-c", f"import shutil; print(shutil.which({tool!r}))").strip() == "None"
        )


@pytest.mark.parametrize("service", ["gateway", "serving"])
def test_every_file_of_an_image_is_world_readable_and_not_writable(services: Services, service: str) -> None:
    look = """
import os, stat
for folder in ("/app", "/opt/venv"):
    for place, _, names in os.walk(folder):
        for name in names:
            mode = os.lstat(path := os.path.join(place, name)).st_mode
            if not stat.S_ISLNK(mode) and (not mode & stat.S_IROTH or mode & stat.S_IWOTH):
                print(path)
"""
    assert not services.inside(service, "python", "-c", look)


@pytest.mark.parametrize("image", SIZES)
def test_an_image_adds_no_more_than_it_must(services: Services, image: str) -> None:
    def size(name: str) -> int:
        return int(containers.podman("image", "inspect", "--format", "{{.Size}}", name))

    assert (size(image) - size(containers.PYTHON)) / 1e6 < SIZES[image]


def smoke(services: Services) -> str:
    """What Kubernetes' smoke Job prints, run beside these services. Raises AssertionError if it fails."""
    job, _ = yaml_files.documents((ROOT / "serving" / "kubernetes" / "smoke" / "smoke.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return containers.podman(
        *("run", "--rm", "--pull=never", "--read-only", "--tmpfs=/tmp"),
        f"--network={services.project}_inside",
        f"--volume={services.project}_gateway-data:/data",
        "--env=GATEWAY=http://gateway:8000",
        *("--entrypoint", container["command"][0], container["image"]),
        *(*container["command"][1:], *container["args"]),
    )


def test_the_smoke_job_asks_the_model_and_leaves_no_token(services: Services) -> None:
    assert "revoked 1 token of smoke" in smoke(services)


def test_a_stream_outlives_the_stop_of_its_gateway(services: Services) -> None:
    with ask(
        services, "Tell me all about queues", stream=True, max_tokens=LONG, ignore_eos=True, temperature=0.5
    ) as answer:
        assert "x-fallback" not in answer.headers
        assert answer.readline().startswith(b"data: {")
        stopping = threading.Thread(target=containers.podman, args=("stop", "--time", "300", services.name("gateway")))
        stopping.start()
        rest = answer.read()
    assert rest.rstrip().endswith(b"data: [DONE]"), rest[-300:]
    stopping.join(60)
    state = services.state("gateway")
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)
    lines = [json.loads(line) for line in services.log("gateway").splitlines() if line.startswith('{"')]
    assert [line["outcome"] for line in lines if line.get("status") == 200][-1] == "finished"
    containers.podman("start", services.name("gateway"))
    wait_for(lambda: from_vllm(services), lambda: services.log("gateway"), poll=0.5)


def test_without_vllm_the_fallback_answers_and_the_smoke_job_fails(services: Services) -> None:
    """The last of these tests: vLLM stays away."""
    containers.podman("stop", "--time", "30", services.name("serving"))
    with ask(services, f"What is a token? {secrets.token_hex(4)}", max_tokens=8, temperature=0.5) as answer:
        assert answer.headers["x-fallback"]
    with pytest.raises(AssertionError, match="only the fallback answers: workshop-tiny"):
        smoke(services)


def test_only_grafana_is_left_out() -> None:
    compose = yaml_files.only(ROOT / "serving" / "docker" / "compose.yml")
    assert compose["services"].keys() == {*STARTED, "grafana"}
