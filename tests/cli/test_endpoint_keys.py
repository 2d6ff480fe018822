"""`runner endpoint keys`: made and seen once, listed by hash, taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runner.cli.main import app
from runner.embedded.e2b.folders.keys import load


def _keys(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["endpoint", "keys", "--folder", str(folder), *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_key_is_seen_once(tmp_path: Path) -> None:
    key = _keys(tmp_path, "--add", "ann").strip()
    assert load(tmp_path / "keys.json").holds(key)
    listed = _keys(tmp_path)
    assert listed.startswith("ann  made 20")
    assert key not in listed
    made = json.loads(_keys(tmp_path, "--add", "bob", "--json"))
    assert [each["name"] for each in made["keys"]] == ["ann", "bob"]
    assert load(tmp_path / "keys.json").holds(made["key"])
    _keys(tmp_path, "--remove", "ann")
    assert not load(tmp_path / "keys.json").holds(key)
    assert "key" not in json.loads(_keys(tmp_path, "--json"))


def test_a_key_made_elsewhere_is_taken_from_a_variable_and_replaces_the_one_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = f"e2b_{'a' * 40}", f"e2b_{'b' * 48}"
    for key in (old, old, new):
        monkeypatch.setenv("OWN_KEY", key)
        assert key not in _keys(tmp_path, "--add", "worker", "--from", "OWN_KEY")
        assert load(tmp_path / "keys.json").holds(key)
    assert not load(tmp_path / "keys.json").holds(old)
    assert new not in (tmp_path / "keys.json").read_text()

    for words, said in (
        (["--add", "worker", "--from", "UNSET"], "that is no key"),
        (["--from", "OWN_KEY"], "--from needs the key's name"),
        (["--add", "no/name", "--from", "OWN_KEY"], "cannot name a key"),
    ):
        result = CliRunner().invoke(app, ["endpoint", "keys", "--folder", str(tmp_path), *words])
        assert said in str(result.exception) + result.output
        assert new not in str(result.exception) + result.output
    assert load(tmp_path / "keys.json").holds(new)


def test_what_cannot_be_is_said_with_what_can(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["endpoint", "keys", "--folder", str(tmp_path), "--remove", "eve"])
    assert result.exit_code != 0
    assert "there is no key 'eve'" in str(result.exception) + result.output
    result = CliRunner().invoke(app, ["endpoint", "e2b", "--keep"])
    assert "--keep needs a folder" in str(result.exception) + result.output
    result = CliRunner().invoke(app, ["endpoint", "e2b", "--allow-private"])
    assert "--allow-private needs --egress" in str(result.exception) + result.output


def test_a_folder_without_keys_says_how_to_make_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["endpoint", "keys", "--folder", str(tmp_path)])
    assert result.exit_code == 0
    assert f"there are no keys in {tmp_path}; --add NAME makes one" in result.output
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_none_is_not_called_a_bad_file_of_keys(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["endpoint", "keys", "--folder", str(tmp_path / "file")])
    assert "cannot be read: Not a directory" in str(result.exception) + result.output
    assert "remove that file" not in str(result.exception) + result.output
