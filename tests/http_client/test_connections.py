"""Connections: kept, bounded, given up, found dead; through proxies, over TLS, to hosts with several addresses."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.http_client import dial
from shared.http_client.connection import Connection
from shared.http_client.faults import ConnectTimeout, Dropped, NoConnection
from shared.http_client.pool import Pool
from tests.http_client.conftest import OK, Play, answering, pooled, post, request_of, run, served
from tests.waiting import wait_on_loop

MOST = 1 << 20
WRONG = OK.replace(b"ok", b"no")


async def ask(pool: Pool, **headers: str) -> bytes:
    response = await pool.send(post(pool, **headers), b"{}")
    try:
        return await response.read(MOST)
    finally:
        response.close()


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    await reader.read()  # until the client hangs up


def test_requests_one_after_the_other_share_a_connection() -> None:
    async def work() -> tuple[int, int]:
        async with served(answering(OK, OK, OK)) as port, pooled(port) as pool:
            for _ in range(3):
                await ask(pool)
            return pool.connections

    assert run(work()) == (1, 0)


def test_no_more_connections_are_open_than_allowed_and_calls_wait_in_their_order() -> None:
    async def work() -> tuple[int, list[int]]:
        most, now, order = 0, 0, list[int]()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal most, now
            now += 1
            most = max(most, now)
            while await request_of(reader):
                await asyncio.sleep(0)
                writer.write(OK)
            now -= 1

        async with served(play) as port, pooled(port, most=2) as pool:

            async def one(number: int) -> None:
                await ask(pool)
                order.append(number)

            await asyncio.gather(*map(one, range(20)))
            return most, order

    most, order = run(work())
    assert most == 2
    waited = [number for number in order if number >= 2]
    assert waited == sorted(waited)


def test_without_a_free_connection_in_time_there_is_a_fault_and_the_place_is_not_lost() -> None:
    async def work() -> bytes:
        release = asyncio.Event()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await request_of(reader):
                await release.wait()
                writer.write(OK)

        async with served(play) as port, pooled(port, most=1, connect_seconds=0.05) as pool:
            first = asyncio.create_task(ask(pool))
            await asyncio.sleep(0)
            with pytest.raises(ConnectTimeout):
                await ask(pool)
            release.set()
            await first
            return await ask(pool)

    assert run(work()) == b"ok"


def test_a_call_that_is_given_up_closes_its_connection_and_frees_its_place() -> None:
    async def work() -> None:
        gone = asyncio.Event()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _never(reader, writer)
            gone.set()

        async with served(play) as port, pooled(port, most=1) as pool:
            for _ in range(3):
                gone.clear()
                call = asyncio.create_task(ask(pool))
                await wait_on_loop(lambda: pool.connections == (1, 1))
                call.cancel()
                await asyncio.wait([call])
                await gone.wait()
            await wait_on_loop(lambda: pool.connections == (0, 0))

    run(work())


def test_a_call_that_is_given_up_as_its_answer_comes_leaves_the_connection_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> bytes:
        async with served(answering(OK, OK)) as port, pooled(port, most=1) as pool:
            call = asyncio.create_task(ask(pool))
            freed = pool._freed

            def cancel_first(connection: Connection) -> None:  # the response is whole, and the call has not run yet
                call.cancel()
                freed(connection)

            monkeypatch.setattr(pool, "_freed", cancel_first)
            await asyncio.wait([call])
            assert call.cancelled()
            assert pool.connections == (1, 0)
            monkeypatch.undo()
            return await ask(pool)

    assert run(work()) == b"ok"


def test_a_connection_that_the_server_has_closed_is_not_used() -> None:
    async def work() -> int:
        times = 0

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal times
            times += 1
            await request_of(reader)
            writer.write(OK)  # and it hangs up, without saying so before

        async with served(play) as port, pooled(port) as pool:
            for _ in range(5):
                await ask(pool)
                await wait_on_loop(lambda: pool.connections == (0, 0))
        return times

    assert run(work()) == 5


@pytest.mark.parametrize("resets", [False, True])
def test_a_server_that_hangs_up_on_everybody_is_a_fault_for_each_and_no_place_is_lost(resets: bool) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if resets:
            end = struct.pack("ii", 1, 0)  # with a reset
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, end)
            writer.transport.abort()

    async def work() -> None:
        async with served(hang_up) as port, pooled(port, most=2) as pool:
            for _ in range(50):
                faults = await asyncio.gather(*(ask(pool) for _ in range(4)), return_exceptions=True)
                assert all(isinstance(fault, Dropped | NoConnection) for fault in faults), faults
            await wait_on_loop(lambda: pool.connections == (0, 0))

    run(work())


def test_a_request_is_sent_once_also_on_a_connection_that_breaks_under_it() -> None:
    async def work() -> list[bytes]:
        requests = list[bytes]()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while request := await request_of(reader):
                requests.append(request)
                if len(requests) == 2:
                    return  # read, and not answered
                writer.write(OK)

        async with served(play) as port, pooled(port) as pool:
            await ask(pool)
            with pytest.raises(Dropped):
                await ask(pool)
            return requests

    assert len(run(work())) == 2


def test_a_request_without_a_body_is_sent_again_if_a_kept_connection_breaks_under_it() -> None:
    async def work() -> tuple[bytes, int]:
        times = 0

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal times
            while await request_of(reader):
                times += 1
                if times == 2:
                    return  # read, and not answered
                writer.write(OK)

        async with served(play) as port, pooled(port) as pool:
            head = pool.head("GET", pool.origin.with_path("/v1/models"), {})
            await (await pool.send(head)).read(MOST)
            answer = await (await pool.send(head)).read(MOST)
            return answer, times

    assert run(work()) == (b"ok", 3)


@pytest.mark.parametrize("surplus", [WRONG, b"more", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_bytes_after_a_response_are_never_taken_for_the_next_one(surplus: bytes) -> None:
    async def work() -> tuple[bytes, bytes]:
        async with served(answering(OK + surplus, WRONG)) as port, pooled(port, most=1) as pool:
            return await ask(pool), await ask(pool)

    assert run(work()) == (b"ok", b"ok")


def test_an_unused_connection_is_closed_after_a_while() -> None:
    async def work() -> None:
        async with served(answering(OK, OK)) as port, pooled(port, idle_seconds=0.05) as pool:
            await asyncio.gather(ask(pool), ask(pool))
            await wait_on_loop(lambda: pool.connections == (0, 0))

    run(work())


def test_a_header_cannot_hold_another_one() -> None:
    async def work() -> None:
        async with served(answering(OK)) as port, pooled(port) as pool:
            await ask(pool, X="1\r\nY: 2")

    with pytest.raises(ValueError, match="more than one line"):
        run(work())


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 70 + ".test", "127.0.0.1"])
def test_a_host_that_is_not_there_is_a_fault(name: str) -> None:
    async def work() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            async with pooled(closed.getsockname()[1], host=name) as pool:
                await ask(pool)

    with pytest.raises(NoConnection):
        run(work())


def test_of_several_addresses_the_first_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> bytes:
        with socket.create_server(("127.0.0.1", 0), backlog=1) as full:  # it takes no more connections: silence
            waiting = [socket.socket() for _ in range(4)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            async with served(answering(OK)) as port, pooled(port, host="two.test") as pool:

                async def addresses(*_: object, **__: object) -> list[object]:
                    ports = (full.getsockname()[1], port)
                    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each)) for each in ports]

                asyncio.get_running_loop().getaddrinfo = addresses  # type: ignore[method-assign, assignment]
                answer = await ask(pool)
            for each in waiting:
                each.close()
            return answer

    # uvloop's loop is a C type, whose methods stay as they are.
    with asyncio.Runner() as runner:
        assert runner.run(work()) == b"ok"


# --- TLS and proxies -------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's context, with a certificate for localhost that this machine trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    dial._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    yield context
    dial._tls.cache_clear()


def test_https_is_spoken_with_a_server_whose_certificate_is_trusted(certificate: ssl.SSLContext) -> None:
    async def work() -> tuple[bytes, bytes]:
        async with served(answering(OK, OK), ssl=certificate) as port, pooled(port, scheme="https") as pool:
            return await ask(pool), await ask(pool)

    assert run(work()) == (b"ok", b"ok")


def test_https_is_not_spoken_with_a_server_whose_certificate_is_not_trusted(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    async def work() -> None:
        async with served(answering(OK), ssl=certificate) as port, pooled(port, scheme="https") as pool:
            await ask(pool)

    with pytest.raises(NoConnection, match=r"(?i)certificate"):
        run(work())


def _proxy(seen: list[bytes], refuses: bytes = b"") -> Play:
    """A proxy that opens tunnels."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        if refuses:
            writer.write(refuses)
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                to.write(data)
            to.close()

        await asyncio.gather(pump(reader, back), pump(there, writer))

    return play


@pytest.mark.parametrize("proxied_over_tls", [False, True])
def test_https_goes_through_a_tunnel_of_the_proxy(certificate: ssl.SSLContext, proxied_over_tls: bool) -> None:
    async def work() -> tuple[bytes, bytes, list[bytes], int]:
        seen = list[bytes]()
        tls = certificate if proxied_over_tls else None
        async with (
            served(answering(OK, OK), ssl=certificate) as port,
            served(_proxy(seen), ssl=tls) as proxy_port,
        ):
            proxy = f"http{'s' * proxied_over_tls}://ana:s%20cret@127.0.0.1:{proxy_port}"
            async with pooled(port, scheme="https", proxy=proxy) as pool:
                return await ask(pool), await ask(pool), seen, port

    first, second, seen, port = run(work())
    assert (first, second) == (b"ok", b"ok")
    assert len(seen) == 1  # the tunnel is used again
    assert seen[0].startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic YW5hOnMgY3JldA==\r\n" in seen[0]


def test_a_proxy_that_opens_no_tunnel_is_a_fault(certificate: ssl.SSLContext) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"

    async def work() -> None:
        async with (
            served(_proxy([], refusal)) as port,
            pooled(1, scheme="https", proxy=f"http://127.0.0.1:{port}") as pool,
        ):
            await ask(pool)

    with pytest.raises(NoConnection, match="407"):
        run(work())


def test_plain_http_goes_to_the_proxy_with_the_whole_url() -> None:
    async def work() -> bytes:
        seen = list[bytes]()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await request_of(reader))
            writer.write(OK)

        async with served(play) as port:
            proxy = f"http://ana:secret@127.0.0.1:{port}"
            async with pooled(80, host="models.example", proxy=proxy) as pool:
                await ask(pool)
                return seen[0]

    request = run(work())
    assert request.startswith(b"POST http://models.example/v1/chat HTTP/1.1\r\nHost: models.example\r\n")
    assert b"Proxy-Authorization: Basic YW5hOnNlY3JldA==\r\n" in request
