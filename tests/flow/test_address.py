"""Where the API is said to be, and whether something there answers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.flow.address import ServerRecord, api_url, reachable, read_record, record_path, write_record

RECORD = ServerRecord(1, 4201, "http://127.0.0.1:4201/api", "2026-01-01T00:00:00Z", 7)


def test_the_state_file_says_where_and_the_environment_overrules_it(tmp_path: Path, monkeypatch) -> None:
    assert api_url(tmp_path) is None
    write_record(tmp_path, RECORD)
    assert api_url(tmp_path) == "http://127.0.0.1:4201/api"
    assert RECORD.ui_url == "http://127.0.0.1:4201"
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api/")
    assert api_url(tmp_path) == "https://prefect.example/api"


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"pid": 1}', '{"pid": 1, "more": 2}'])
def test_a_state_file_that_is_broken_counts_as_none(tmp_path: Path, text: str) -> None:
    record_path(tmp_path).write_text(text)
    assert read_record(tmp_path) is None


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "alive"), [(200, True), (401, True), (403, True), (404, False), (500, False)])
def test_an_api_is_alive_when_its_health_page_is(status: int, alive: bool) -> None:
    with answering(status) as url:
        assert asyncio.run(reachable(url)) is alive
        assert asyncio.run(reachable(url + "/")) is alive


@pytest.mark.parametrize("url", [None, "", "nonsense", "ftp://127.0.0.1/api", "http://127.0.0.1:x/api", "http:///api"])
def test_what_is_no_address_does_not_answer(url: str | None) -> None:
    assert asyncio.run(reachable(url)) is False


def test_a_server_that_says_nothing_does_not_hold_us_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert asyncio.run(reachable(f"http://127.0.0.1:{silent.getsockname()[1]}/api", timeout=0.2)) is False
