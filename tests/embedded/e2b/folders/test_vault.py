"""Secrets at rest: encrypted, found again by a later endpoint, put in place of placeholders."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.embedded.e2b.folders.vault import NameTaken, SecretRefused, UnknownSecret, Vault
from runner.errors import ServiceError


def test_a_value_is_never_in_a_file_and_comes_back_by_its_placeholder(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    made = vault.create("OpenAI-Key", "sk-very-secret", {"team": "a"})
    assert made.name == "openai-key"
    assert made.version == 1
    for file in tmp_path.iterdir():
        assert b"sk-very-secret" not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
    later = Vault(tmp_path)
    assert later.find("openai-key") == later.find(made.id) == made
    assert later.fill("Bearer ${e2b.secrets.openai-key}!") == "Bearer sk-very-secret!"


def test_without_its_key_it_is_not_opened_and_no_other_key_is_made(tmp_path: Path) -> None:
    Vault(tmp_path).create("k", "v", {})
    (tmp_path / "secrets.key").unlink()
    with pytest.raises(ServiceError, match=r"secrets\.key, which opens it, is not there"):
        Vault(tmp_path)
    assert not (tmp_path / "secrets.key").exists()


def test_an_update_is_the_next_version_and_keeps_metadata_that_are_not_given(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    made = vault.create("k", "one", {"a": "b"})
    renewed = vault.update(made, "two", None)
    assert (renewed.version, dict(renewed.metadata)) == (2, {"a": "b"})
    assert vault.update(renewed, "three", {}).metadata == {}
    assert vault.fill("${e2b.secrets.k}") == "three"


def test_a_destroyed_secret_is_unknown(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.destroy(vault.create("k", "v", {}))
    assert vault.find("k") is None
    with pytest.raises(UnknownSecret, match="'k'"):
        vault.fill("x ${e2b.secrets.k}")
    assert Vault(tmp_path).all() == []


def test_names_are_unique_whatever_their_case(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.create("Key", "v", {})
    with pytest.raises(NameTaken):
        vault.create("KEY", "v", {})


@pytest.mark.parametrize(
    ("name", "value", "metadata"),
    [
        ("", "v", {}),
        ("a}b", "v", {}),
        ("sec_mine", "v", {}),
        ("k", "", {}),
        ("k", "v" * 8193, {}),
        ("k", "v", {str(n): "" for n in range(33)}),
        ("k", "v", {"x" * 129: ""}),
        ("k", "v", {str(n): "x" * 1000 for n in range(9)}),
    ],
)
def test_what_the_service_would_not_take_is_refused(
    tmp_path: Path, name: str, value: str, metadata: dict[str, str]
) -> None:
    vault = Vault(tmp_path)
    with pytest.raises(SecretRefused):
        vault.create(name, value, metadata)
    assert vault.all() == []
