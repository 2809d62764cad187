"""A caller that asks and leaves, as checks use it: the service receives the request, and then sees the client leave."""

import socket
from threading import Thread

import pytest

from workshop.grader.service import Service
from workshop.grader.verdict import Failed
from workshop.processes import free_port


def test_the_whole_request_arrives_and_the_client_leaves_when_the_context_ends() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = Service(f"http://127.0.0.1:{listener.getsockname()[1]}", shown_url="http://localhost:8000")

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                while block := connection.recv(1024):  # empty once the other side has left
                    heard.append(block)

        listening = Thread(target=listen)
        listening.start()
        with service.asking("/generate", {"prompt": "¿Sí?"}, headers={"Authorization": "Bearer wk_a"}) as left:
            assert left.status is None
            assert "localhost:8000/generate" in left.curl
            assert listening.is_alive()
        listening.join(60)
    assert not listening.is_alive()
    head, _, body = b"".join(heard).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /generate HTTP/1.1\r\n")
    assert b"Authorization: Bearer wk_a" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert body.decode() == '{"prompt": "¿Sí?"}'
    assert service.last_seen("wk_a") is not None
    service.close()


def test_a_missing_service_fails_the_check() -> None:
    service = Service(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Failed, match="no answer"), service.asking("/generate", {}):
        pass
    service.close()
