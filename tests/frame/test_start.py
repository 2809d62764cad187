"""Starts on real-world machines: any HOST, a proxy, a foreign PYTHONPATH. An impossible setting gets a clear error."""

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.process.listener import CannotListen, bound
from tests.closed_port import dead_server
from tests.frame.conftest import demo_port, make
from tests.waiting import wait_for
from workshop.direct import past_proxies, proxy_for, silence, urlopen
from workshop.processes import ROOT, answers, free_port, gateway
from workshop.sidecars import PROMETHEUS_PORT_OFFSET

PATIENCE = 120.0
NO_MODEL = "http://127.0.0.1:9/v1"  # demos with an external model start without the embedded one


def own_address() -> str:
    """This machine's address for other machines. Finding it out sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address


def lines_of(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line and not line.startswith("make")]


@pytest.mark.parametrize("host", ["::1", "::", "0.0.0.0", "localhost", "OWN"])
def test_a_demo_prints_a_url_that_works_on_whatever_host_it_listens(host: str, tmp_path: Path) -> None:
    host = own_address() if host == "OWN" else host
    settings = {"HOST": host, "OPENAI_BASE_URL": NO_MODEL, "LOG_FILE": "-"}
    with make("demo-1", f"PORT={demo_port()}", folder=tmp_path, **settings) as terminal:
        terminal.wait_for("Ctrl-C stops everything")
        (url,) = re.findall(r"curl (http://\S+)/health", terminal.printed)
        assert answers(f"{url}/health")


HOST_HELP = "write HOST=127.0.0.1, or HOST=0.0.0.0 for every interface"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HOST": "x86_64-conda-linux-gnu"}, rf"HOST=x86_64-conda-linux-gnu: is not an address of this .*{HOST_HELP}"),
        ({"HOST": "192.0.2.77"}, rf"HOST=192.0.2.77: is not an address of this machine .*{HOST_HELP}"),
        ({"PORT": "0"}, r"PORT=0: a demo needs a port .*"),
        ({"PORT": "65500"}, r"cannot listen on port 65600: the largest is 65535; choose another PORT .*"),
        ({"PORT": "70000"}, r"PORT=70000: should be less than or equal to 65535"),
    ],
)
def test_an_impossible_host_or_port_is_one_line_that_names_it(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    with make("demo-4", folder=tmp_path, **settings) as terminal:
        assert terminal.process.wait(PATIENCE) != 0
    (line,) = lines_of(terminal.printed)
    assert re.fullmatch(said, line)


@contextmanager
def without_rights() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_privileged_port_is_one_line_that_names_port() -> None:
    "localhost".encode("idna")  # loads now the codec that Python cannot read without rights
    with without_rights(), pytest.raises(CannotListen, match=r"127\.0\.0\.1:80: a port below 1024 .* another PORT$"):
        bound("127.0.0.1", 80)


def test_demo_5_behind_a_companys_proxy_and_on_ipv6_reaches_all_of_its_parts(tmp_path: Path) -> None:
    port = demo_port()
    with dead_server() as proxy:
        names = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"), proxy)
        settings = {"HOST": "::1", "LOG_FILE": "-", "DATABASE_URL": f"sqlite:///{tmp_path / 'workshop.db'}", **names}
        with make("demo-5", f"PORT={port}", folder=tmp_path, NO_PROXY="", no_proxy="", **settings) as terminal:
            terminal.wait_for("Ctrl-C stops everything")
            assert f"curl http://[::1]:{port}/health" in terminal.printed
            assert "export NO_PROXY=localhost,127.0.0.1,::1" in terminal.printed
            terminal.wait_for('"request_id":"demo-traffic-1"')
            scraped = f"http://127.0.0.1:{port + PROMETHEUS_PORT_OFFSET}/api/v1/query?query=up%7Bjob%3D%22gateway%22%7D"
            wait_for(lambda: b',"1"]' in _read(scraped), "Prometheus scrapes the gateway", PATIENCE)
            secret = re.findall(r"WEBHOOK_HMAC_SECRET=(\S+) make webhook", terminal.printed)[0]
            sent = subprocess.run(
                [sys.executable, "-m", "workshop.webhook", "--url", f"[::1]:{port}/"],
                cwd=ROOT,
                env={**os.environ, **names, "NO_PROXY": "", "no_proxy": "", "WEBHOOK_HMAC_SECRET": secret},
                capture_output=True,
                text=True,
                check=False,
            )
            assert sent.returncode == 0, sent.stdout + sent.stderr


def _read(url: str) -> bytes:
    with urlopen(url, PATIENCE) as response:
        return bytes(response.read())


def test_this_machine_is_asked_without_a_proxy_and_others_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with dead_server() as proxy, socket.create_server(("127.0.0.1", 0)) as silent:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert silence(url, 0.2) == "it took the connection and did not answer within 0.2 s"
        monkeypatch.setattr(urllib.request, "_opener", None)
        assert silence("http://192.0.2.1/", 20) == "nobody listens there"  # refused by the proxy, which is down
        assert urllib.request._opener is None, "later calls of urllib would use this proxy, too"  # type: ignore[attr-defined]


def test_programs_that_we_start_are_told_which_hosts_need_no_proxy() -> None:
    assert past_proxies({"PATH": "/bin"}) == {}
    told = past_proxies({"HTTPS_PROXY": "http://p:1", "no_proxy": "corp.example, 127.0.0.1"}, "10.0.0.5")
    assert told["NO_PROXY"] == told["no_proxy"] == "corp.example,127.0.0.1,localhost,::1,[::1],10.0.0.5"


def test_a_proxy_is_mentioned_only_if_clients_would_use_it() -> None:
    assert proxy_for({"HTTP_PROXY": "http://p:1"}, "localhost") == "HTTP_PROXY"
    assert proxy_for({"all_proxy": "http://p:1", "NO_PROXY": "127.0.0.1"}, "localhost") == "all_proxy"
    assert proxy_for({"HTTP_PROXY": "http://p:1", "NO_PROXY": "localhost"}, "localhost") == ""
    assert proxy_for({"HTTPS_PROXY": "http://p:1"}, "localhost") == ""
    assert proxy_for({"HTTP_PROXY": ""}, "localhost") == ""


def test_our_code_runs_with_a_foreign_pythonpath(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shared", "workshop", "serving", "demos"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a foreign package')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("HOST", "192.0.2.77")
    settings = {"OPENAI_BASE_URL": NO_MODEL, "LOG_FILE": "-"}
    build, printed = "demos.demo_1_guarded.app:build", tmp_path / "printed.txt"
    with gateway(build, port=free_port(), environment=settings, output=printed) as process:
        assert urlsplit(process.ready_url).hostname == "127.0.0.1"
        assert answers(process.ready_url)
