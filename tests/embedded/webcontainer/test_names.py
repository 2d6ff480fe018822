"""Names of containers' hosts."""

from __future__ import annotations

import pytest

from runner.embedded.webcontainer.names import Name, new_token, read

TOKEN = "a" * 25 + "9"


def test_tokens_differ_and_name_a_host() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert all(read(f"{token}.localhost:8000", 8000) == Name(token, None) for token in made)


def test_a_port_in_a_container_has_a_name() -> None:
    assert read(f"3000--{TOKEN}.localhost:8000", 8000) == Name(TOKEN, 3000)
    assert read(f"3000--{TOKEN}.localhost", 80) == Name(TOKEN, 3000)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1:8000",
        "localhost:8000",
        f"{TOKEN}.localhost",
        f"{TOKEN}.localhost:8001",
        f"{TOKEN}.localhost:8000.",
        f"{TOKEN}.localhost.evil.example:8000",
        f"{TOKEN}x.localhost:8000",
        f"x.{TOKEN}.localhost:8000",
        f"{TOKEN.upper()}.localhost:8000",
        f"0--{TOKEN}.localhost:8000",
        f"65536--{TOKEN}.localhost:8000",
        f"²--{TOKEN}.localhost:8000",
        f"3000-{TOKEN}.localhost:8000",
        f"3000--{TOKEN}.localhost:8000\n",
    ],
)
def test_other_hosts_have_no_name(host: str) -> None:
    assert read(host, 8000) is None
