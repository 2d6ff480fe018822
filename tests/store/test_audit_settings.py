from __future__ import annotations

import pytest

from runner.errors import UsageError
from runner.store.audit_settings import COLLECTION, audit_settings

URL = "RUNNER_AUDIT_URL"


def test_without_an_address_there_is_no_audit_log() -> None:
    assert audit_settings({}) is None
    assert audit_settings({URL: "", "RUNNER_AUDIT_GRPC": "nonsense"}) is None


def test_an_address_and_its_defaults() -> None:
    found = audit_settings({URL: "http://127.0.0.1:8080"})
    assert found is not None
    assert (found.host, found.port, found.secure) == ("127.0.0.1", 8080, False)
    assert (found.grpc_host, found.grpc_port) == ("127.0.0.1", 50051)
    assert (found.key, found.tenant, found.collection, found.embedder) == (None, None, COLLECTION, "none")
    assert found.name == "Weaviate at http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("url", "grpc", "expected"),
    [
        ("https://audit.example", "", ("audit.example", 443, "audit.example", 443)),
        ("https://audit.example/", "grpc.audit.example:8443", ("audit.example", 443, "grpc.audit.example", 8443)),
        ("http://[::1]:99", "50052", ("::1", 99, "::1", 50052)),
        ("http://weaviate", "[::1]:7", ("weaviate", 80, "::1", 7)),
    ],
)
def test_addresses(url: str, grpc: str, expected: tuple[str, int, str, int]) -> None:
    found = audit_settings({URL: url, "RUNNER_AUDIT_GRPC": grpc})
    assert found is not None
    assert (found.host, found.port, found.grpc_host, found.grpc_port) == expected
    assert found.name.removeprefix("Weaviate at ").startswith(url.rstrip("/"))


@pytest.mark.parametrize(
    "wrong",
    [
        {URL: "127.0.0.1:8080"},
        {URL: "ftp://x"},
        {URL: "http://"},
        {URL: "http://x:99999"},
        {URL: "http://x/path"},
        {URL: "http://x?grpc=1"},
        {"RUNNER_AUDIT_GRPC": "no"},
        {"RUNNER_AUDIT_GRPC": "x:0"},
        {"RUNNER_AUDIT_TENANT": "a b"},
        {"RUNNER_AUDIT_COLLECTION": "lower"},
        {"RUNNER_AUDIT_EMBEDDER": "other"},
    ],
)
def test_settings_that_say_nothing_are_refused_with_their_name(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        audit_settings({URL: "http://x", **wrong})
    assert next(iter(wrong)) in caught.value.message
    assert caught.value.hint


def test_a_key_is_in_no_text() -> None:
    found = audit_settings({URL: "http://x", "RUNNER_AUDIT_API_KEY": "canary-key"})
    assert found is not None
    assert found.key == "canary-key"
    assert "canary-key" not in repr(found) + str(found) + found.name
    for url in ("http://user:canary-key@x", "http://canary-key@x"):
        with pytest.raises(UsageError) as caught:
            audit_settings({URL: url})
        assert "canary-key" not in caught.value.message + caught.value.hint
