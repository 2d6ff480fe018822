"""The client that deploying uses, before a server that breaks off: a failure that no real one can be made to show."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runner.errors import EngineUnavailable
from runner.flow.deploy.api import Api


@contextmanager
def server_that_breaks_off(times: int, *, for_ever: bool = False) -> Iterator[str]:
    """So many requests get no answer, the one after them an empty list; that is not awaited when it is `for_ever`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for number in range(times if for_ever else times + 1):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65_536)
                    if number == times:
                        body = json.dumps([]).encode()
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        thread.join(timeout=30)


def test_a_server_that_took_the_first_request_and_did_not_answer_is_asked_again() -> None:
    waited: list[float] = []
    with server_that_breaks_off(2) as url, Api(url, sleep=waited.append) as api:
        assert api.deployments() == []
    assert waited == [0.5, 1.0]


def test_a_server_that_never_answers_is_given_up_with_its_address() -> None:
    waited: list[float] = []
    with (
        server_that_breaks_off(5, for_ever=True) as url,
        Api(url, sleep=waited.append) as api,
        pytest.raises(EngineUnavailable, match=f"no Prefect API answers on {url}") as error,
    ):
        api.deployments()
    assert len(waited) == 4
    assert error.value.hint == "runner up"


def test_a_port_where_nobody_listens_is_told_at_once(free_port_of_nobody: int) -> None:
    waited: list[float] = []
    with (
        Api(f"http://127.0.0.1:{free_port_of_nobody}/api", sleep=waited.append) as api,
        pytest.raises(EngineUnavailable, match="no Prefect API answers"),
    ):
        api.deployments()
    assert waited == []


@pytest.fixture
def free_port_of_nobody() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
