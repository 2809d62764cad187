"""The upstream of whole answers: an nginx that answers every POST at once, with the same completion.

It lists its model, which some gateways ask for before they route to it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workshop.processes import CannotStart, Process, free_port
from workshop.programs import PROGRAMS

MODEL = "workshop-tiny"
ANSWER = json.dumps(
    {
        "id": "chatcmpl-static",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "static " * 40}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 40, "total_tokens": 52},
    }
)
MODELS = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "bench"}]})

CONFIGURATION = """
{user} worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit; daemon off;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  default_type application/json;
  {blocks}
}}
"""
SERVER = """
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /health {{ return 200 '{{}}'; }}
    location /v1/models {{ return 200 '{models}'; }}
    location / {{ return 200 '{answer}'; }}
  }}
"""


def server(port: int) -> str:
    """The block of nginx's configuration that answers."""
    return SERVER.format(port=port, answer=ANSWER, models=MODELS)


def nginx(folder: Path, blocks: list[str], ready_url: str) -> Process:
    """An nginx with these blocks in its configuration and its files in `folder`. Raises CannotStart."""
    binary = PROGRAMS["nginx"].path()
    if binary is None:
        raise CannotStart("nginx is missing: it is the upstream")
    configuration = folder / "nginx.conf"
    # Started by root, its workers would be somebody who may not read the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(CONFIGURATION.format(user=user, folder=folder, blocks="".join(blocks)))
    command = [binary, "-c", str(configuration), "-p", str(folder)]
    return Process("nginx", command, ready_url, output=folder / "nginx.log")


@contextmanager
def static_upstream(folder: Path) -> Iterator[str]:
    """Start the server; yields its base URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with nginx(folder, [server(port)], f"{url}/health"):
        yield f"{url}/v1"
