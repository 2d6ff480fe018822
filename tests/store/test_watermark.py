from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.errors import StoreError
from runner.store.watermark import Watermark, copy_store


def store(tmp_path: Path, content: bytes = b"0123456789") -> Path:
    log = tmp_path / "state" / "clog"
    log.mkdir(parents=True)
    (log / "0.clog").write_bytes(content)
    return tmp_path / "state"


def acknowledged(path: Path) -> None:
    mark = Watermark(path)
    mark.advance()
    mark.close(whole=False)


def opened(path: Path) -> None:
    mark = Watermark(path)
    mark.begin()
    mark.end()


def test_what_was_never_acknowledged_is_cut_off(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    with (path / "clog" / "0.clog").open("ab") as file:
        file.write(b"half a transaction")
    (path / "clog" / "1.clog").write_bytes(b"its other half")
    opened(path)
    assert [file.name for file in (path / "clog").iterdir()] == ["0.clog"]
    assert (path / "clog" / "0.clog").read_bytes() == b"0123456789"
    assert not (tmp_path / "state.opening").exists()


def test_what_others_appended_to_a_closed_store_stays(tmp_path: Path) -> None:
    path = store(tmp_path)
    mark = Watermark(path)
    mark.advance()
    mark.close(whole=True)
    (path / "clog" / "0.clog").write_bytes(b"0123456789 and more")
    opened(path)
    assert (path / "clog" / "0.clog").read_bytes() == b"0123456789 and more"


def test_after_the_cut_the_store_counts_as_closed(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    (path / "clog" / "0.clog").write_bytes(b"0123456789 torn")
    opened(path)
    (path / "clog" / "0.clog").write_bytes(b"0123456789 by others")
    opened(path)
    assert (path / "clog" / "0.clog").read_bytes() == b"0123456789 by others"


def test_after_a_power_loss_the_end_is_doubtful(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    mark_file = tmp_path / "state.mark"
    mark_file.write_text(" ".join([*mark_file.read_text().split()[:2], "another-uptime"]))
    (path / "clog" / "0.clog").write_bytes(b"0123456789abc")
    mark = Watermark(path)
    mark.begin()
    assert mark.doubtful
    assert (path / "clog" / "0.clog").read_bytes() == b"0123456789abc"
    for left in (12, 11, 10):
        mark.shorten()
        assert (path / "clog" / "0.clog").stat().st_size == left
    with pytest.raises(StoreError, match="damaged"):
        mark.shorten()


def test_several_files_are_one_log(tmp_path: Path) -> None:
    path = store(tmp_path)
    (path / "clog" / "1.clog").write_bytes(b"abc")
    acknowledged(path)
    (path / "clog" / "1.clog").write_bytes(b"abcdef")
    opened(path)
    assert (path / "clog" / "0.clog").read_bytes() == b"0123456789"
    assert (path / "clog" / "1.clog").read_bytes() == b"abc"


def test_a_log_cut_before_opening_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    (path / "clog" / "0.clog").write_bytes(b"0123")
    with pytest.raises(StoreError, match="of 10 bytes of acknowledged log, 4 can be read") as error:
        Watermark(path).begin()
    assert "state.mark" in error.value.hint


def test_what_the_engine_cut_away_is_put_back(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    mark = Watermark(path)
    mark.begin()
    log = path / "clog" / "0.clog"
    (path / "clog" / "0.repair").write_bytes(b"0123")
    (path / "clog" / "0.repair").replace(log)
    with pytest.raises(StoreError, match="damaged"):
        mark.end()
    assert log.read_bytes() == b"0123456789"
    assert not (tmp_path / "state.opening").exists()


def test_a_process_killed_while_opening_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    Watermark(path).begin()
    (path / "clog" / "x").write_bytes(b"cut")
    (path / "clog" / "x").replace(path / "clog" / "0.clog")
    again = Watermark(path)
    again.begin()
    again.end()
    assert (path / "clog" / "0.clog").read_bytes() == b"0123456789"


def test_opening_twice_without_a_repair_keeps_the_one_file(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    Watermark(path).begin()
    mark = Watermark(path)
    mark.begin()
    mark.end()
    assert [file.name for file in (path / "clog").iterdir()] == ["0.clog"]


def test_a_torn_mark_holds_nothing_against_the_log(tmp_path: Path) -> None:
    path = store(tmp_path)
    (tmp_path / "state.mark").write_bytes(b"\0\0\0")
    before = [file.read_bytes() for file in (path / "clog").iterdir()]
    mark = Watermark(path)
    mark.begin()
    mark.end()
    assert [file.read_bytes() for file in (path / "clog").iterdir()] == before


def test_a_removed_store_starts_anew(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    shutil.rmtree(path)
    mark = Watermark(path)
    mark.begin()
    (path / "clog").mkdir(parents=True)
    mark.end()
    assert list((path / "clog").iterdir()) == []


def test_a_log_that_is_gone_altogether_is_damage(tmp_path: Path) -> None:
    path = store(tmp_path)
    acknowledged(path)
    (path / "manifest").mkdir()
    shutil.rmtree(path / "clog")
    with pytest.raises(StoreError, match="of 10 bytes of acknowledged log, 0 can be read"):
        Watermark(path).begin()


def test_a_making_that_was_broken_off_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir()
    (path / "mine.txt").write_text("not the store's")
    for given_up in (True, False):
        mark = Watermark(path)
        mark.begin()
        (path / "clog").mkdir()
        (path / "manifest").mkdir()
        if given_up:
            mark.abandon()
            assert not (path / "clog").exists()
    mark = Watermark(path)
    mark.begin()
    assert [file.name for file in path.iterdir()] == ["mine.txt"]


def test_what_was_there_before_us_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "state"
    (path / "manifest").mkdir(parents=True)
    for _ in range(2):
        mark = Watermark(path)
        mark.begin()
        mark.abandon()
        assert (path / "manifest").is_dir()


@pytest.mark.parametrize("whole", [True, False])
def test_a_copy_ends_where_the_log_was_whole(tmp_path: Path, whole: bool) -> None:
    path = store(tmp_path)
    mark = Watermark(path)
    mark.advance()
    mark.close(whole=whole)
    (path / "clog" / "0.clog").write_bytes(b"0123456789 being writ")
    (tmp_path / "copy").mkdir()
    copy_store(path, tmp_path / "copy" / "state")
    opened(tmp_path / "copy" / "state")
    assert (tmp_path / "copy" / "state" / "clog" / "0.clog").read_bytes() == b"0123456789"


def test_a_store_without_a_mark_can_be_copied(tmp_path: Path) -> None:
    path = store(tmp_path)
    (tmp_path / "copy").mkdir()
    copy_store(path, tmp_path / "copy" / "state")
    assert (tmp_path / "copy" / "state" / "clog" / "0.clog").read_bytes() == b"0123456789"
