"""`python -m loadtests.http_clients`: what a request to an upstream costs, by client library and version of HTTP.

Each client has one core to itself, and an nginx that answers at once has the other. Each is measured without TLS, and
over TLS with a certificate made for this run. Rounds are interleaved, and the table shows medians: read the ratios.
Prints the table, and writes loadtests/results/http_clients.json. Does not show what HTTP/2 gains over a long distance.
"""

import argparse
import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import aiohttp
import httpx2
import openai
import uvloop
from yarl import URL

from loadtests.bench.cores import MEASURED, keep_to_the_rest, machine
from loadtests.bench.static import MODEL, nginx, server
from shared import __version__
from shared.http_client.pool import Pool
from workshop.processes import ROOT, CannotStart, free_port

RESULTS = ROOT / "loadtests" / "results" / "http_clients.json"
ROUNDS = 5
SECONDS = 2.0
IN_FLIGHT = 16
LARGEST_ANSWER = 1_000_000  # bytes
OURS = "shared"  # the library of our own client
MESSAGES = [{"role": "user", "content": "Explain time-outs in two lines"}]
BODY = json.dumps({"model": MODEL, "messages": MESSAGES, "max_tokens": 100}).encode()
HEADERS = {"Content-Type": "application/json"}

# It passes requests on: an nginx that answers here does not wait for the body, and HTTP/2 clients see a broken stream.
FRONT = """
  server {{
    listen 127.0.0.1:{listen}; {directives}
    location / {{ proxy_pass http://answers; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
"""

Ask = Callable[[], Awaitable[object]]
Open = Callable[[str, ssl.SSLContext], AbstractAsyncContextManager[Ask]]


@dataclass(slots=True, frozen=True)
class Way:
    """A client, and the kind of upstream that it calls: `upstream` is one of CLEAR, CLEAR_2, TLS."""

    name: str
    library: str
    upstream: str
    open: Open


@dataclass(slots=True, frozen=True)
class Cost:
    """`rps` and `cpu_us` (of the client, per request) with IN_FLIGHT requests at the same time, `p50_us` with one."""

    rps: float
    cpu_us: float
    p50_us: float


def _aiohttp(*, pooled: bool = True) -> Open:
    @asynccontextmanager
    async def open(url: str, tls: ssl.SSLContext) -> AsyncIterator[Ask]:
        connector = aiohttp.TCPConnector(limit=0, ssl=tls, force_close=not pooled)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask() -> bytes:
                async with session.post(f"{url}/chat/completions", data=BODY, headers=HEADERS) as response:
                    assert response.status == 200
                    return await response.read()

            yield ask

    return open


@asynccontextmanager
async def _ours(url: str, tls: ssl.SSLContext) -> AsyncIterator[Ask]:
    """It trusts the system's certificates: `_measured` names ours among them."""
    chat = URL(f"{url}/chat/completions")
    pool = Pool(chat, most=IN_FLIGHT, connect_seconds=10, idle_seconds=30)
    head = pool.head("POST", chat, HEADERS)

    async def ask() -> bytes:
        response = await pool.send(head, BODY)
        assert response.status == 200
        return await response.read(LARGEST_ANSWER)

    yield ask
    pool.close()


def _httpx2(*, http1: bool, http2: bool) -> Open:
    @asynccontextmanager
    async def open(url: str, tls: ssl.SSLContext) -> AsyncIterator[Ask]:
        async with httpx2.AsyncClient(http1=http1, http2=http2, verify=tls) as client:

            async def ask() -> bytes:
                response = await client.post(f"{url}/chat/completions", content=BODY, headers=HEADERS)
                assert response.status_code == 200
                assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
                return response.content

            yield ask

    return open


@asynccontextmanager
async def _openai(url: str, tls: ssl.SSLContext) -> AsyncIterator[Ask]:
    async with (
        openai.DefaultAsyncHttpxClient(verify=tls) as transport,
        openai.AsyncOpenAI(base_url=url, api_key="sk-static", max_retries=0, http_client=transport) as client,
    ):
        yield lambda: _completion(client)


@asynccontextmanager
async def _openai_anew(url: str, tls: ssl.SSLContext) -> AsyncIterator[Ask]:
    """As in many a first version of a service: a client for each call."""

    async def ask() -> object:
        async with openai.AsyncOpenAI(base_url=url, api_key="sk-static", max_retries=0) as client:
            return await _completion(client)

    yield ask


async def _completion(client: openai.AsyncOpenAI) -> object:
    return await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": MESSAGES[0]["content"]}], max_tokens=100
    )


CLEAR, CLEAR_2, TLS = "http", "http, version 2", "https"
WAYS = [
    Way("aiohttp, HTTP/1.1", "aiohttp", CLEAR, _aiohttp()),
    Way("aiohttp, a new connection each time", "aiohttp", CLEAR, _aiohttp(pooled=False)),
    Way("our own client, HTTP/1.1", OURS, CLEAR, _ours),
    Way("httpx2, HTTP/1.1", "httpx2", CLEAR, _httpx2(http1=True, http2=False)),
    Way("httpx2, HTTP/2", "httpx2", CLEAR_2, _httpx2(http1=False, http2=True)),
    Way("openai SDK, HTTP/1.1", "openai", CLEAR, _openai),
    Way("openai SDK, a new client each time", "openai", CLEAR, _openai_anew),
    Way("aiohttp, HTTP/1.1 over TLS", "aiohttp", TLS, _aiohttp()),
    Way("aiohttp, a new connection each time over TLS", "aiohttp", TLS, _aiohttp(pooled=False)),
    Way("our own client, HTTP/1.1 over TLS", OURS, TLS, _ours),
    Way("httpx2, HTTP/1.1 over TLS", "httpx2", TLS, _httpx2(http1=True, http2=False)),
    Way("httpx2, HTTP/2 over TLS", "httpx2", TLS, _httpx2(http1=True, http2=True)),
    Way("openai SDK, HTTP/1.1 over TLS", "openai", TLS, _openai),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.http_clients")
    parser.add_argument("--quick", action="store_true", help="one short round; the results are not kept")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "URL"), help=argparse.SUPPRESS)
    parser.add_argument("--certificate", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:  # this is the measured process
        name, url = options.measure
        way = next(way for way in WAYS if way.name == name)
        print(json.dumps(asdict(uvloop.run(cost(way, url, options.certificate, options.seconds)))))
        return 0
    try:
        keep_to_the_rest()
        with tempfile.TemporaryDirectory() as folder:
            report = run(Path(folder), *((1, 0.5) if options.quick else (ROUNDS, SECONDS)))
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    print(report["table"])
    if not options.quick:
        RESULTS.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return 0


def run(folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    """Measure every way in every round, and return the report. Raises CannotStart."""
    measured: dict[str, list[Cost]] = {way.name: [] for way in WAYS}
    with upstreams(folder) as (urls, certificate):
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for way in WAYS:
                measured[way.name].append(_measured(way, urls[way.upstream], certificate, seconds))
    report: dict[str, object] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "rounds": rounds,
        "ways": [
            {"name": way.name, "version": _version(way.library), **asdict(_median(measured[way.name]))} for way in WAYS
        ],
    }
    return {**report, "table": table(report)}


def _version(library: str) -> str:
    return __version__ if library == OURS else version(library)


def _measured(way: Way, url: str, certificate: Path, seconds: float) -> Cost:
    """Measure in a separate process, so that its CPU time is only the client's."""
    command = ["taskset", "--cpu-list", str(MEASURED), sys.executable, "-m", "loadtests.http_clients"]
    command += ["--measure", way.name, url, "--certificate", str(certificate), "--seconds", f"{seconds:g}"]
    # Only where it is needed: a client made for each call would read one certificate, and not hundreds.
    trusted = {"SSL_CERT_FILE": str(certificate)} if way.upstream == TLS else {}
    environment = {**os.environ, **trusted}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise CannotStart(f"{way.name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return Cost(**json.loads(done.stdout))


async def cost(way: Way, url: str, certificate: Path, seconds: float) -> Cost:
    """Ask for `seconds` with one request at a time, then for as long with IN_FLIGHT."""
    tls = ssl.create_default_context(cafile=str(certificate))
    async with way.open(url, tls) as ask:
        await asyncio.gather(*(_asked(ask, seconds / 4) for _ in range(IN_FLIGHT)))  # warm up
        alone = await _asked(ask, seconds)
        began, cpu = time.perf_counter(), time.process_time()
        lanes = await asyncio.gather(*(_asked(ask, seconds) for _ in range(IN_FLIGHT)))
        took, used = time.perf_counter() - began, time.process_time() - cpu
        requests = sum(len(lane) for lane in lanes)
        return Cost(rps=requests / took, cpu_us=used / requests * 1e6, p50_us=statistics.median(alone) * 1e6)


async def _asked(ask: Ask, seconds: float) -> list[float]:
    """Send one request after the other. Returns how long each took, in seconds."""
    latencies = []
    now = time.perf_counter()
    until = now + seconds
    while now < until:
        began = now
        await ask()
        now = time.perf_counter()
        latencies.append(now - began)
    return latencies


def _median(rounds: list[Cost]) -> Cost:
    return Cost(
        rps=statistics.median(one.rps for one in rounds),
        cpu_us=statistics.median(one.cpu_us for one in rounds),
        p50_us=statistics.median(one.p50_us for one in rounds),
    )


@contextmanager
def upstreams(folder: Path) -> Iterator[tuple[Mapping[str, str], Path]]:
    """One nginx: the base URL of each kind of upstream, and the certificate that the client must trust."""
    answers, clear, clear_2, tls = (free_port() for _ in range(4))
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    _make_certificate(certificate, key)
    blocks = [
        server(answers),
        f"upstream answers {{ server 127.0.0.1:{answers}; keepalive 64; }}",
        FRONT.format(listen=f"{clear}", directives=""),
        FRONT.format(listen=f"{clear_2} http2", directives=""),
        FRONT.format(
            listen=f"{tls} ssl http2", directives=f"ssl_certificate {certificate}; ssl_certificate_key {key};"
        ),
    ]
    urls = {
        CLEAR: f"http://127.0.0.1:{clear}/v1",
        CLEAR_2: f"http://127.0.0.1:{clear_2}/v1",
        TLS: f"https://localhost:{tls}/v1",
    }
    with nginx(folder, blocks, f"http://127.0.0.1:{clear}/health"):
        yield urls, certificate


def _make_certificate(certificate: Path, key: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart(f"no certificate for the upstream: {error}") from None


def table(report: dict[str, object]) -> str:
    """The report for people, in Markdown."""
    ways = report["ways"]
    assert isinstance(ways, list)
    first = ways[0]["cpu_us"]
    lines = [
        f"{report['date']}, {report['machine']}; one core for the client; medians of {report['rounds']} rounds",
        "",
        f"| client | version | requests/s, {IN_FLIGHT} in flight | CPU per request | ÷ {WAYS[0].name} | p50 at 1 |",
        "|---|---|--:|--:|--:|--:|",
    ]
    rows = [
        f"| {way['name']} | {way['version']} | {way['rps']:,.0f} | {way['cpu_us']:,.0f} µs "
        f"| {way['cpu_us'] / first:.1f} | {way['p50_us'] / 1000:.2f} ms |"
        for way in ways
    ]
    return "\n".join([*lines, *rows])


if __name__ == "__main__":
    sys.exit(main())
