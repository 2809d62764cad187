"""Compose file, manifests, images and code agree on settings, ports, paths, times and names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.kubernetes import __main__ as generated
from serving.ray_serve import arguments, environment
from serving.ray_serve.arguments import OTLP_ENDPOINT
from shared import __version__
from shared.settings import Settings, load_settings
from shared.settings.checks import contradictions
from shared.settings.settings import PRODUCTION
from tests.deployment import kustomize, yaml_files
from tests.deployment.dockerfile import Dockerfile
from tests.deployment.kustomize import Object, containers, named
from workshop.processes import ROOT
from workshop.prometheus import CONFIGURATION, RULES
from workshop.serving_cluster import PYTHON

DOCKER = ROOT / "serving" / "docker"
KUBERNETES = ROOT / "serving" / "kubernetes"
COMPOSE = yaml_files.only(DOCKER / "compose.yml")
OVERLAYS = {folder: kustomize.build(KUBERNETES / folder) for folder in ("base", "cpu")}
CONFIGS = {"base": "gpu.yaml", "cpu": "laptop.yaml"}

SETTINGS = {name.upper() for name in Settings.model_fields}
# Variables for other programs than the gateway, or for building a setting.
OTHERS = {
    "REDIS_PASSWORD",  # part of REDIS_URL
    "HF_HUB_OFFLINE",
    arguments.OTLP_ENDPOINT,
    OTLP_ENDPOINT,  # for vLLM
    "RAY_gcs_rpc_server_reconnect_timeout_s",  # not needed on one machine, where the head cannot be lost alone
}


def pods(found: Any) -> Iterator[Object]:
    """The specifications of all pods."""
    if isinstance(found, dict):
        if "containers" in found:
            yield found
        for value in found.values():
            yield from pods(value)
    elif isinstance(found, list):
        for value in found:
            yield from pods(value)


def gateway(overlay: str) -> Any:
    return named(OVERLAYS[overlay], "Deployment", "gateway")["spec"]["template"]["spec"]


def cluster(overlay: str) -> Any:
    return named(OVERLAYS[overlay], "RayService", "llm")["spec"]["rayClusterConfig"]


def ray_pods(overlay: str) -> list[Object]:
    return list(pods(cluster(overlay)))


def settings_of(overlay: str) -> dict[str, str]:
    """The gateway's settings, except the secret ones."""
    data = dict(named(OVERLAYS[overlay], "ConfigMap", "gateway-settings")["data"])
    (container,) = gateway(overlay)["containers"]
    return of_the_image() | data | {each["name"]: each["value"] for each in container["env"] if "value" in each}


def serving(overlay: str) -> Any:
    """The arguments of the application on the cluster."""
    (application,) = yaml_files.only(ROOT / "serving" / "ray_serve" / CONFIGS[overlay])["applications"]
    return application["args"]


def of_the_image() -> dict[str, str]:
    """The settings that the gateway's image comes with, without those of its profile."""
    given = Dockerfile(DOCKER / "gateway.Dockerfile").image.environment
    return {name: value for name, value in given.items() if name in SETTINGS}


def of_compose() -> dict[str, str]:
    given = COMPOSE["services"]["gateway"]["environment"]
    return {name: re.sub(r"\$\{\w+(?::[-?]([^}]*))?\}", r"\1", value) for name, value in given.items()}


# --- names ----------------------------------------------------------------------------------------------------------


def test_every_variable_is_a_setting_of_the_gateway_or_one_of_the_clusters() -> None:
    given = set(settings_of("base")) | set(settings_of("cpu"))
    given |= {each["name"] for objects in OVERLAYS.values() for pod in pods(objects) for each in _environment(pod)}
    for secret in yaml_files.documents((KUBERNETES / "secrets.example.yaml").read_text()):
        if secret["metadata"]["name"] == "gateway-secrets":
            given |= set(secret["stringData"])
    for service in COMPOSE["services"].values():
        given |= {name for name in service.get("environment", ()) if not name.startswith("GF_")}
    image = Dockerfile(DOCKER / "gateway.Dockerfile").image
    given |= {name for name in image.environment if name not in {"PATH", "HOME"} and not name.startswith("PYTHON")}
    assert "OPENAI_BASE_URL" in given
    assert given - SETTINGS - set(environment.PROFILE) - OTHERS == set()


def _environment(pod: Object) -> Iterator[Object]:
    return (each for container in pod["containers"] for each in container.get("env", ()))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_gateway_accepts_its_settings(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, settings_of(overlay))
    settings = load_settings(_env_file=None)
    assert settings.model == serving(overlay)["model"]
    assert settings.workers == 2
    assert 0 < settings.try_timeout < settings.timeout  # otherwise no time is left to ask the fallback
    assert [*contradictions(settings)] == []


def test_the_gateway_accepts_the_settings_of_the_compose_file(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, of_the_image() | of_compose())
    settings = load_settings(_env_file=None)
    assert settings.workers == 4
    assert 0 < settings.try_timeout < settings.timeout
    assert [*contradictions(settings)] == []


@pytest.mark.parametrize("place", ["compose", *OVERLAYS])
def test_a_place_repeats_nothing_of_the_production_profile(place: str) -> None:
    profile = {name: str(value).lower() for name, value in yaml_files.only(PRODUCTION).items()}
    given = of_compose() if place == "compose" else settings_of(place)
    repeated = {name for name, value in given.items() if profile.get(name) == value.lower()}
    assert repeated - {"API_KEYS_REQUIRED"} == set()  # .env of the compose file can switch it off


def _only(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def test_every_secret_in_use_is_in_the_example_which_is_not_applied() -> None:
    example = yaml_files.documents((KUBERNETES / "secrets.example.yaml").read_text())
    there = {(secret["metadata"]["name"], key) for secret in example for key in secret["stringData"]}
    asked: set[tuple[str, str]] = set()
    for reference in _references(OVERLAYS["base"], "secretKeyRef"):
        asked.add((reference["name"], reference["key"]))
    assert asked
    asked |= {(secret["name"], secret["key"]) for secret in _references(OVERLAYS["base"], "credentials")}
    assert asked <= there
    whole = {reference["name"] for reference in _references(OVERLAYS["base"], "secretRef")}
    assert {name for name, _ in there} == {name for name, _ in asked} | whole
    assert not [each for objects in OVERLAYS.values() for each in objects if each["kind"] == "Secret"]
    assert all("PASSWORD" in value or not value for secret in example for value in secret["stringData"].values())


def _references(found: Any, kind: str) -> Iterator[Object]:
    if isinstance(found, dict):
        for key, value in found.items():
            if key == kind:
                yield value
            yield from _references(value, kind)
    elif isinstance(found, list):
        for value in found:
            yield from _references(value, kind)


def test_no_file_of_the_compose_deployment_holds_a_secret() -> None:
    lines = [line for line in (DOCKER / "env.example").read_text().splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    assert {name for name, value in given.items() if value and re.search("PASSWORD|SECRET|KEY$", name)} == set()
    text = (DOCKER / "compose.yml").read_text()
    assert set(given) <= set(re.findall(r"\$\{(\w+)", text))
    must = set(re.findall(r"\$\{(\w+):\?", text))
    assert must == {"REDIS_PASSWORD", "METRICS_TOKEN", "GRAFANA_PASSWORD"} <= set(given)


# --- ports and paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_that_the_gateway_calls_exists_and_is_reachable(overlay: str) -> None:
    objects, settings = OVERLAYS[overlay], settings_of(overlay)
    ray, port = re.findall(r"http://([\w-]+):(\d+)/v1", settings["OPENAI_BASE_URL"])[0]
    # KubeRay gives the replicas' service this name.
    assert ray == f"{named(objects, 'RayService', 'llm')['metadata']['name']}-serve-svc"
    assert _may_send("gateway", "serving", int(port))
    for name, port in re.findall(r"http://([\w-]+):(\d+)/v1", settings["FALLBACKS"]):
        assert _reached(objects, name, int(port))
        assert _may_send("gateway", name, int(port))
    name, port = re.findall(r"@([\w-]+):(\d+)/", settings["REDIS_URL"])[0]
    assert _reached(objects, name, int(port))
    assert cluster(overlay)["gcsFaultToleranceOptions"]["redisAddress"] == f"{name}:{port}"
    for sender in ("gateway", "serving"):
        assert _may_send(sender, name, int(port))
    assert not _may_send("fallback", name, int(port))


def _reached(objects: list[Object], name: str, port: int) -> bool:
    """Whether a Service of that name and port leads to a container that listens there."""
    service = named(objects, "Service", name)["spec"]
    (target,) = [each["targetPort"] for each in service["ports"] if each["port"] == port]
    ports = [
        (listening["name"], listening["containerPort"])
        for each in objects
        if each["kind"] in ("Deployment", "StatefulSet")
        and service["selector"].items() <= each["spec"]["template"]["metadata"]["labels"].items()
        for container in containers(each)
        for listening in container["ports"]
    ]
    return (target, port) in ports


def _may_send(sender: str, receiver: str, port: int) -> bool:
    """Whether the network policies of both sides allow it."""

    def allows(who: str, way: str, other: str) -> bool:
        policies = [
            each["spec"]
            for each in OVERLAYS["base"]
            if each["kind"] == "NetworkPolicy" and each["spec"]["podSelector"].get("matchLabels") == label(who)
        ]
        rules = [rule for policy in policies for rule in policy.get(way.lower(), ())]
        peers = "to" if way == "Egress" else "from"
        return any(
            (
                peers not in rule
                or any(peer.get("podSelector", {}).get("matchLabels") == label(other) for peer in rule[peers])
            )
            and ("ports" not in rule or port in [each["port"] for each in rule["ports"]])
            for rule in rules
        )

    def label(name: str) -> dict[str, str]:
        return {"app.kubernetes.io/name": name}

    return allows(sender, "Egress", receiver) and allows(receiver, "Ingress", sender)


def test_only_the_gateways_port_is_reachable_from_outside() -> None:
    policy = named(OVERLAYS["base"], "NetworkPolicy", "gateway")["spec"]
    (container,) = gateway("base")["containers"]
    (port,) = [each["containerPort"] for each in container["ports"]]
    assert [each["port"] for rule in policy["ingress"] for each in rule["ports"]] == [port]
    assert (
        str(port) == settings_of("base")["PORT"] == Dockerfile(DOCKER / "gateway.Dockerfile").image.environment["PORT"]
    )
    nobody = named(OVERLAYS["base"], "NetworkPolicy", "nothing-unless-allowed")["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


# Paths that answer: the routes of the gateway and the embedded model, Ray's agent, Serve's HAProxy.
PATHS = {"/health", "/ready", "/metrics"}
RAY_PATHS = {("/api/healthz", 52365), ("/-/healthz", "serve")}


def test_every_probe_asks_for_an_existing_path() -> None:
    from demos.demo_6_ray_serve_vllm.app import build

    routes = set(build(load_settings(_env_file=None)).openapi()["paths"])
    assert routes >= PATHS
    for pod in pods(OVERLAYS["base"]):
        for container in pod["containers"]:
            names = {port["name"] for port in container["ports"]}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                asked = container.get(kind, {}).get("httpGet")
                if asked is not None:
                    assert asked["path"] in PATHS or (asked["path"], asked["port"]) in RAY_PATHS
                    assert asked["port"] in names | {52365}


@pytest.mark.skipif(not PYTHON.exists(), reason="make install-serving")
def test_ray_has_the_paths_that_the_probes_ask_for() -> None:
    (packages,) = PYTHON.parent.parent.glob("lib/python3*/site-packages/ray")
    assert "DEFAULT_DASHBOARD_AGENT_LISTEN_PORT = 52365" in (packages / "_private" / "ray_constants.py").read_text()
    agent = (packages / "dashboard" / "http_server_agent.py").read_text()
    assert '"/api/healthz",' in agent.partition("PUBLIC_EXACT_PATHS")[2][:200]  # needs no token
    constants = (packages / "serve" / "_private" / "constants.py").read_text()
    assert "DEFAULT_HTTP_PORT = 8000" in constants
    assert '"RAY_SERVE_HAPROXY_METRICS_PORT", "9101"' in constants
    assert (
        'http_health_check_path: Optional[str] = "/-/healthz"'
        in (packages / "serve" / "_private" / "haproxy.py").read_text()
    )
    cli = (packages / "scripts" / "scripts.py").read_text()
    assert "def drain_node(" in cli
    assert '"--deadline-remaining-seconds"' in cli


def test_services_of_the_compose_file_find_each_other() -> None:
    services = COMPOSE["services"]
    listening = {"gateway": 8000, "serving": 8400, "model": 8100, "traces": 4318, "redis": 6379, "prometheus": 9090}
    given = " ".join(value for service in services.values() for value in service.get("environment", {}).values())
    targets = " ".join(file.read_text() for file in (DOCKER / "prometheus" / "targets").iterdir())
    sources = (DOCKER / "grafana" / "datasources.yml").read_text()
    asked = set(re.findall(r"(?:http://|@|\")([a-z]+):(\d+)", " ".join([given, targets, sources])))
    serving = environment.ports(listening["serving"])
    assert {(name, str(port)) for name, port in listening.items()} - {("grafana", "3000")} <= asked
    assert asked - {(name, str(port)) for name, port in listening.items()} == {
        ("serving", str(port)) for port in (serving.metrics, serving.haproxy_metrics)
    }
    for name, port in listening.items():
        health = " ".join(services[name].get("healthcheck", {}).get("test", ()))
        started = " ".join(services[name].get("entrypoint", ()))
        assert str(port) in health or name in ("gateway", "redis")
        assert str(port) in started or "entrypoint" not in services[name] or name == "prometheus"  # its own default
    command = Dockerfile(DOCKER / "serving.Dockerfile").image.last("CMD").words
    # Not only on the loopback interface, because Prometheus is in another container.
    assert command[-3:] == ["--port", str(listening["serving"]), "--reachable"]


def test_services_wait_only_for_services_with_a_health_check() -> None:
    for service in COMPOSE["services"].values():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in COMPOSE["services"][other]
    assert "serving" not in COMPOSE["services"]["gateway"]["depends_on"]  # the fallback answers meanwhile


def test_everything_that_the_compose_file_mounts_exists() -> None:
    volumes = [volume for service in COMPOSE["services"].values() for volume in service.get("volumes", ())]
    for volume in volumes:
        source, _, target = volume.partition(":")
        if source.startswith("."):
            assert (DOCKER / source).exists()
            assert target.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]
    dashboards = yaml_files.only(DOCKER / "grafana" / "dashboards.yml")["providers"][0]["options"]["path"]
    assert f"../monitoring/grafana/dashboards:{dashboards}:ro" in volumes


# --- times, sizes, counts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_grace_periods_are_longer_than_pods_and_containers_need(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, settings_of(overlay))
    ours = int(load_settings(_env_file=None).timeout_max) + 1  # as in shared/server.py
    pod = gateway(overlay)
    (container,) = pod["containers"]
    assert pod["terminationGracePeriodSeconds"] >= container["lifecycle"]["preStop"]["sleep"]["seconds"] + ours + 10
    _only(monkeypatch, of_the_image() | of_compose())
    grace = int(COMPOSE["services"]["gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace > load_settings(_env_file=None).timeout_max + 1
    drain = serving(overlay)["drain_s"]
    (_, worker) = ray_pods(overlay)
    within = int(worker["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert drain < within
    assert within + 60 <= worker["terminationGracePeriodSeconds"]  # Ray's own commands before and after take that long
    assert named(OVERLAYS[overlay], "RayService", "llm")["spec"]["rayClusterDeletionDelaySeconds"] >= drain


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_pod_has_room_for_the_replicas_that_ray_puts_there(overlay: str) -> None:
    wanted, spec = serving(overlay), cluster(overlay)
    (group,) = spec["workerGroupSpecs"]
    resources = group["template"]["spec"]["containers"][0]["resources"]
    cpus = int(group["rayStartParams"]["num-cpus"])
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    devices = wanted.get("tensor_parallel", 1)
    if wanted["hardware"] == "gpu":
        assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == devices
        assert cpus == devices * wanted["cpus"] <= int(resources["requests"]["cpu"])
        assert (group["minReplicas"], group["maxReplicas"]) == (wanted["replicas"]["min"], wanted["replicas"]["max"])
    else:
        assert "nvidia.com/gpu" not in resources["limits"]
        assert "tolerations" not in group["template"]["spec"]
        # Room for all replicas, and for as many replacements.
        assert cpus * group["maxReplicas"] >= 2 * wanted["replicas"]["max"] * devices * wanted["cpus"]


@pytest.mark.parametrize("place", ["compose", *OVERLAYS])
def test_the_memory_limit_has_room_for_all_workers_of_the_gateway(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "compose":
        _only(monkeypatch, of_the_image() | of_compose())
        limit = COMPOSE["services"]["gateway"]["deploy"]["resources"]["limits"]["memory"]
    else:
        _only(monkeypatch, settings_of(place))
        (container,) = gateway(place)["containers"]
        limit = container["resources"]["limits"]["memory"]
    settings = load_settings(_env_file=None)
    megabytes = int(limit[:-1]) * 1024 if limit.endswith("G") else int(limit.removesuffix("Mi"))
    assert megabytes >= settings.workers * settings.memory_emergency_mb + 200


# --- copies and their sources ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file", [file for file, _ in generated.rendered()], ids=lambda file: f"{file.parent.name}/{file.name}"
)
def test_generated_files_match_their_sources(file: Path) -> None:
    assert dict(generated.rendered())[file] == file.read_text(), "run python -m serving.kubernetes"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_ray_service_deploys_what_the_config_file_says(overlay: str) -> None:
    deployed = named(OVERLAYS[overlay], "RayService", "llm")["spec"]["serveConfigV2"]
    assert yaml_files.documents(deployed) == [yaml_files.only(ROOT / "serving" / "ray_serve" / CONFIGS[overlay])]


def test_the_rules_are_prometheus_own() -> None:
    ours = [group for file in sorted(RULES) for group in yaml_files.only(file)["groups"]]
    assert named(OVERLAYS["base"], "PrometheusRule", "llm")["spec"]["groups"] == ours


def test_the_monitors_are_the_jobs_of_prometheus() -> None:
    jobs = {
        job["job_name"]: job.get("metric_relabel_configs", [])
        for job in yaml_files.only(CONFIGURATION / "prometheus.yml")["scrape_configs"]
    }
    monitored: dict[str, list[Object]] = {}
    for monitor in OVERLAYS["base"]:
        if monitor["kind"] == "ServiceMonitor":
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            labels = [each["metadata"]["labels"] for each in OVERLAYS["base"] if each["kind"] == "Service"]
            (found,) = [label for label in labels if wanted <= label.items()]
            monitored[found[monitor["spec"]["jobLabel"]]] = []
        if monitor["kind"] == "PodMonitor":
            for endpoint in monitor["spec"]["podMetricsEndpoints"]:
                (job,) = [each["replacement"] for each in endpoint["relabelings"] if each["targetLabel"] == "job"]
                monitored[job] = [
                    {re.sub(r"([A-Z])", r"_\1", key).lower(): value for key, value in step.items()}
                    for step in endpoint.get("metricRelabelings", ())
                ]
    assert monitored | {"vllm": []} == jobs  # the cluster has no vLLM without Ray


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_of_ray_has_the_variables_of_the_cluster(overlay: str) -> None:
    # KubeRay itself sets the mode, together with its token.
    assert cluster(overlay)["authOptions"] == {"mode": environment.PROFILE["RAY_AUTH_MODE"]}
    wanted = {name: value for name, value in environment.PROFILE.items() if name != "RAY_AUTH_MODE"}
    for pod in ray_pods(overlay):
        given = {each["name"]: each["value"] for each in _environment(pod) if "value" in each}
        assert {name: value for name, value in given.items() if name not in OTHERS} == wanted


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_and_versions_agree(overlay: str) -> None:
    images = {container["image"] for container in containers(OVERLAYS[overlay])}
    hardware = serving(overlay)["hardware"]
    ours = {f"llm-gateway:{__version__}", f"llm-serving:{__version__}-{hardware}"}
    assert ours < images
    others = {service["image"] for service in COMPOSE["services"].values()}
    assert {f"llm-gateway:{__version__}", f"llm-serving:{__version__}-cpu"} <= others
    assert images - ours <= others
    for image in images | others:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+[\w.-]*", image), image  # with a version, without a registry
    for name in ("gateway", "serving"):
        labels = Dockerfile(DOCKER / f"{name}.Dockerfile").image.last("LABEL").value
        assert f'image.title="llm-{name}"' in labels
        assert f'image.version="{__version__}"' in labels
    lock = (ROOT / "serving" / f"requirements-{hardware}.txt").read_text()
    assert f"\nray=={cluster(overlay)['rayVersion']}\n" in lock


def test_weights_are_downloaded_once_and_are_those_that_are_served() -> None:
    (_, worker) = ray_pods("base")
    (download,) = worker["initContainers"]
    assert f"'{serving('base')['source']}'" in download["command"][-1]
    given = {each["name"]: each.get("value") for each in download["env"]}
    (put,) = [mount for mount in download["volumeMounts"] if mount["name"] == "weights"]
    (read,) = [mount for mount in worker["containers"][0]["volumeMounts"] if mount["name"] == "weights"]
    home = Dockerfile(DOCKER / "serving.Dockerfile").image.environment["HOME"]
    assert put["mountPath"] == read["mountPath"] == given["HF_HOME"] == f"{home}/.cache/huggingface"
    assert read["readOnly"] is True
    (volume,) = [each for each in worker["volumes"] if each["name"] == "weights"]
    claim = named(OVERLAYS["base"], "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    (_, without) = ray_pods("cpu")
    assert "weights" not in str(without)


def test_redis_has_room_to_rewrite_its_file() -> None:
    """Until it has, it may hold each changed page twice."""
    in_cluster = named(OVERLAYS["base"], "StatefulSet", "redis")["spec"]["template"]["spec"]["containers"][0]
    compose = COMPOSE["services"]["redis"]
    for command, limit in (
        (in_cluster["args"][-1], in_cluster["resources"]["limits"]["memory"]),
        (compose["command"][-1], compose["deploy"]["resources"]["limits"]["memory"]),
    ):
        (most,) = re.findall(r"--maxmemory (\d+)mb", command)
        (room,) = re.findall(r"^(\d+)Mi?$", limit)
        assert 2 * int(most) < int(room)


def test_every_disruption_budget_lets_a_node_be_emptied() -> None:
    """maxUnavailable needs an owner with a scale. Kubernetes asks the RayCluster in vain, and then lets no pod go."""
    scaled = [each for each in OVERLAYS["base"] if each["kind"] in {"Deployment", "StatefulSet"}]
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in scaled]
    budgets = [each["spec"] for each in OVERLAYS["base"] if each["kind"] == "PodDisruptionBudget"]
    assert len(budgets) == 3
    for budget in budgets:
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        owned = any(budget["selector"]["matchLabels"].items() <= each.items() for each in labels)
        assert owned or "maxUnavailable" not in budget


# --- permissions ----------------------------------------------------------------------------------------------------


def test_no_pod_may_do_more_than_it_needs() -> None:
    users = {Dockerfile(DOCKER / f"{name}.Dockerfile").image.last("USER").words[0] for name in ("gateway", "serving")}
    (user,) = users
    seen = list(pods([*OVERLAYS["base"], *kustomize.build(KUBERNETES / "smoke")]))
    assert len(seen) == 6
    for pod in seen:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} == set(container["resources"])
            assert "memory" in container["resources"]["limits"]
            if container["image"].startswith("llm-"):
                context = pod["securityContext"]
                assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
    mine = [pod for pod in seen if pod["containers"][0]["name"] != "ray-head"]  # its autoscaler requests pods
    assert all(pod["automountServiceAccountToken"] is False for pod in mine)


def test_no_service_of_the_compose_file_may_do_more_than_it_needs() -> None:
    for service in COMPOSE["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert {"cpus", "memory"} == set(service["deploy"]["resources"]["limits"])
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:") or service is COMPOSE["services"]["gateway"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_what_everything_stands_on_stays_when_a_node_is_full() -> None:
    names = {pod["containers"][0]["name"]: pod.get("priorityClassName") for pod in pods(OVERLAYS["base"])}
    (known,) = (found["metadata"]["name"] for found in OVERLAYS["base"] if found["kind"] == "PriorityClass")
    assert {name for name, given in names.items() if given == known} == {"gateway", "redis", "ray-head"}
    assert set(names.values()) == {known, None}


# --- the autoscaler -------------------------------------------------------------------------------------------------


def test_gateways_are_at_least_two_and_an_apply_does_not_undo_the_autoscaler() -> None:
    scaler = named(OVERLAYS["base"], "HorizontalPodAutoscaler", "gateway")["spec"]
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    deployment = named(OVERLAYS["base"], "Deployment", "gateway")
    target = scaler["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"]
    assert "cpu" in deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]  # = 100 %


def test_the_queue_can_be_a_second_reason_to_scale() -> None:
    scaler = named(
        kustomize.build(KUBERNETES / "base", (KUBERNETES / "queue-depth",)), "HorizontalPodAutoscaler", "gateway"
    )
    resource, queue = scaler["spec"]["metrics"]
    assert resource["type"] == "Resource"
    metric = queue["pods"]["metric"]["name"]
    assert f'Gauge("{metric}"' in "".join(file.read_text() for file in (ROOT / "shared").rglob("*.py"))


def test_every_manifest_is_applied_by_its_kustomization() -> None:
    for folder in ("base", "cpu", "smoke"):
        kustomization = yaml_files.only(KUBERNETES / folder / "kustomization.yaml")
        named_there = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", ()))}
        there = {file.name for file in (KUBERNETES / folder).glob("*.yaml")} - {"kustomization.yaml"}
        assert there == named_there - {"../base"}
