"""Somebody who asks and leaves, as a check uses it: the service has heard the request, and then that nobody waits."""

import socket
from threading import Thread

import pytest

from workshop.grader.service import Service
from workshop.grader.verdict import Failed
from workshop.processes import free_port


def test_who_asks_without_waiting_is_heard_whole_and_leaves_when_the_context_ends() -> None:
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


def test_a_service_that_is_not_there_is_a_check_that_failed() -> None:
    service = Service(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Failed, match="no answer"), service.asking("/generate", {}):
        pass
    service.close()
