"""What is kept: layers are whole or absent, the index is read as it was written, rubbish goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.embedded.e2b.boxes.kept import Index, Kept, Resting, Snapshot
from runner.embedded.e2b.folders.state import KeptFolder
from runner.embedded.e2b.templates import Template
from runner.errors import ServiceError


def _layer(kept: Kept) -> Path:
    making = kept.fresh()
    (making / "home").mkdir(parents=True)
    (making / "home" / "f").write_text("x")
    kept.settle(making)
    return kept.place(making)


_KEY = bytes(range(32))


@pytest.mark.parametrize("key", [_KEY, b""])
def test_the_index_is_read_as_it_was_written_though_the_folder_was_moved(tmp_path: Path, key: bytes) -> None:
    elsewhere = tmp_path / "template"
    elsewhere.mkdir()
    kept = Kept(tmp_path / "one", key)
    template = Template("t", ("n",), (elsewhere, _layer(kept)), {"A": "1"}, start_cmd="serve", cpu=1)
    index = Index(
        (Snapshot(template, "v1", "isource", 1.5),),
        (Resting("ibox", {"timeout": 5, "envVars": {"B": "2"}}, template, 1.0, 2.0, True, True, {"k": "v"}),),
    )
    kept.write(index)
    (tmp_path / "one").rename(tmp_path / "two")
    found = Kept(tmp_path / "two", key).read()
    moved = found.snapshots[0].template
    assert moved.layers == (elsewhere, tmp_path / "two" / "layers" / template.layers[1].name)
    assert (moved.env, moved.names, moved.start_cmd, moved.cpu) == ({"A": "1"}, ("n",), "serve", 1)
    assert (found.snapshots[0].tag, found.snapshots[0].source) == ("v1", "isource")
    assert found.resting[0].asked == index.resting[0].asked
    assert (found.resting[0].full, found.resting[0].auto_resume) == (True, True)


def test_only_we_can_read_the_index_and_not_what_clients_asked_for_without_the_key(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept", _KEY)
    asked = {"envVars": {"PASSWORD": "swordfish"}}
    kept.write(Index((), (Resting("ibox", asked, Template("t"), 1.0, 2.0, full=False),)))
    file = tmp_path / "kept" / "index.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "swordfish" not in file.read_text()
    assert Kept(tmp_path / "kept", _KEY).read().resting[0].asked == asked
    with pytest.raises(ServiceError, match="does not belong to the key"):
        Kept(tmp_path / "kept", bytes(32)).read()


def test_what_is_half_made_is_no_layer_and_goes_at_the_next_start(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept", _KEY)
    whole, half = _layer(kept), kept.fresh()
    half.mkdir()
    assert kept.layers() == [whole]
    assert Kept(tmp_path / "kept", _KEY).read() == Index()
    assert not half.exists()
    kept.remove(kept.layers())
    assert not whole.exists()


def test_what_needs_a_layer_that_is_gone_waits_for_it(tmp_path: Path) -> None:
    elsewhere = tmp_path / "set up"
    elsewhere.mkdir()
    kept = Kept(tmp_path / "kept")
    own = _layer(kept)
    template = Template("t", layers=(elsewhere, own))
    index = Index((Snapshot(template, "default", "i", 0.0),), (Resting("ibox", {}, template, 1.0, 2.0, False),))
    kept.write(index)
    elsewhere.rmdir()
    later = Kept(tmp_path / "kept")
    assert later.read() == Index()
    assert "set up" in later.missing["ibox"]
    assert later.waiting() == {elsewhere, own}, "its own layer is not up for removal"
    later.write(Index())
    elsewhere.mkdir()
    again = Kept(tmp_path / "kept")
    assert again.read() == index
    assert again.layers() == [own]
    assert again.waiting() == set()


def test_a_folder_of_what_is_kept_has_one_owner_and_keys_that_stay(tmp_path: Path) -> None:
    with KeptFolder(tmp_path) as one:
        key = one.key("token")
        assert key == one.key("token") != one.key("other")
        assert (one.path / "token.key").stat().st_mode & 0o777 == 0o600
        with pytest.raises(ServiceError, match="another endpoint"), KeptFolder(tmp_path):
            pytest.fail("two owners")
    with KeptFolder(tmp_path) as again:
        assert again.key("token") == key
