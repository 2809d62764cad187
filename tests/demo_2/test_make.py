"""`make demo-2` as in production: four workers count in one Redis, and leave nothing behind."""

import json
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.frame.conftest import demo_port, make, wait_until_gone
from workshop.grader.callers import Desk
from workshop.redis_server import RedisServer

RPM = 20
BODY = json.dumps({"prompt": "Hola", "max_tokens": 1}).encode()


def test_four_workers_on_redis_hold_the_limit_of_a_minute_and_end_with_ctrl_c(tmp_path: Path) -> None:
    port, desk = demo_port(), Desk(tmp_path)
    ana = desk.create("ana")

    def ask(_: int) -> int:
        headers = {**ana.headers, "Content-Type": "application/json", "Connection": "close"}
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/generate", BODY, headers)
            with urllib.request.urlopen(request, timeout=60) as response:
                return int(response.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    with RedisServer() as redis:
        settings = {
            "LOG_FILE": "-",
            "DATABASE_URL": desk.url,
            "REDIS_URL": redis.url,
            "REDIS_TIMEOUT": "30",  # Redis is up all along; only the machine may be slow
            "UVICORN_WORKERS": "4",
            "RATE_LIMIT_RPM": str(RPM),
        }
        with make("demo-2", f"PORT={port}", folder=tmp_path, **settings) as terminal:
            terminal.wait_for("Ctrl-C stops everything")
            with ThreadPoolExecutor(16) as pool:
                assert Counter(pool.map(ask, range(4 * RPM))) == {200: RPM, 429: 3 * RPM}
            terminal.press_ctrl_c()
            assert "Traceback" not in terminal.printed
    wait_until_gone(port)
