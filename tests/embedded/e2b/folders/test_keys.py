"""Keys of an endpoint: only their hashes are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.embedded.e2b.folders.keys import Keys, load
from runner.errors import ServiceError, UsageError


def test_only_keys_that_were_made_hold() -> None:
    keys = Keys()
    first, second = keys.make("first"), keys.make("second")
    assert first.startswith("e2b_")
    assert keys.holds(first)
    assert keys.holds(second)
    for wrong in ("", "e2b_", first[:-1], first + "0", first.upper(), "é\udcff"):
        assert not keys.holds(wrong)
    keys.remove("first")
    assert not keys.holds(first)
    assert keys.holds(second)


def test_the_file_holds_no_key_and_is_for_ourselves_alone(tmp_path: Path) -> None:
    keys, file = Keys(), tmp_path / "deep" / "keys.json"
    key = keys.make("laptop of ann")
    keys.save(file)
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert load(file).holds(key)
    assert [each.name for each in load(file).records] == ["laptop of ann"]


def test_no_file_is_no_keys_and_a_broken_one_is_said(tmp_path: Path) -> None:
    assert load(tmp_path / "keys.json").records == ()
    (tmp_path / "keys.json").write_text('{"version": 2, "keys": []}')
    with pytest.raises(ServiceError, match="version 2; this runner reads version 1"):
        load(tmp_path / "keys.json")
    (tmp_path / "keys.json").write_text('{"version": 1, "keys": [{"who": 1}]}')
    with pytest.raises(ServiceError, match=r"keys\.json cannot be read"):
        load(tmp_path / "keys.json")


@pytest.mark.parametrize("name", ["", " x", "a\nb", "x" * 65, "ä"])
def test_a_name_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a key"):
        Keys().make(name)


def test_names_are_told_apart() -> None:
    keys = Keys()
    keys.make("one")
    with pytest.raises(UsageError, match="already"):
        keys.make("one")
    with pytest.raises(UsageError, match="no key 'two'") as caught:
        keys.remove("two")
    assert caught.value.hint == "keys: one"


def test_a_running_endpoint_heeds_what_happens_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    running = load(file)
    beside = load(file)
    key = beside.make("new")
    assert not running.holds(key)
    beside.save(file)
    assert running.holds(key)
    file.write_text("half")
    assert running.holds(key), "what cannot be read changes nothing"
    beside.remove("new")
    beside.save(file)
    assert not running.holds(key)
