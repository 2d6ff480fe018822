"""RUNNER_STATE_URL and its companions."""

from __future__ import annotations

import pytest

from runner.errors import UsageError
from runner.store.server import Address
from runner.store.state_settings import state_address

URL = "RUNNER_STATE_URL"


def test_without_a_url_there_is_no_server() -> None:
    assert state_address({}) is None
    assert state_address({URL: "", "RUNNER_STATE_USER": "u"}) is None


@pytest.mark.parametrize("url", ["ws://h:8000/rpc", "ws://h:8000", "ws://h:8000/"])
def test_the_path_may_be_left_out(url: str) -> None:
    assert state_address({URL: url}) == Address("ws://h:8000/rpc")


def test_everything_can_be_said() -> None:
    said = {"USER": "u", "PASSWORD": "p", "NAMESPACE": "n", "DATABASE": "d"}
    environ = {URL: "wss://h/rpc", **{f"RUNNER_STATE_{name}": value for name, value in said.items()}}
    assert state_address(environ) == Address("wss://h/rpc", "u", "p", "n", "d")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({URL: "http://h:8000"}, "no address of a state server"),
        ({URL: "ws://u:canary-7@h:8000/rpc"}, "no address of a state server"),
        ({URL: "ws:///rpc"}, "no address of a state server"),
        ({URL: "ws://h/sql"}, "'/sql'"),
        ({"RUNNER_STATE_USER": "u"}, "only one is set"),
        ({"RUNNER_STATE_PASSWORD": "canary-7"}, "only one is set"),
        ({"RUNNER_STATE_NAMESPACE": "a b"}, "RUNNER_STATE_NAMESPACE is 'a b'"),
        ({"RUNNER_STATE_DATABASE": "d`; REMOVE"}, "which is no name"),
    ],
)
def test_what_says_nothing_is_refused_and_no_password_is_told(more: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        state_address({URL: "ws://h/rpc", **more})
    assert error.value.hint
    assert "canary-7" not in error.value.message + error.value.hint
