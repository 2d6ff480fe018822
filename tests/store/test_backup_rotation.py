"""Backups that are one of many: their names, and which of them stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.errors import StoreError, UsageError
from runner.store.backup import new_name, rotate

MOMENT = datetime(2030, 1, 1, 2, 30, tzinfo=UTC)


def made(folder: Path, count: int) -> list[Path]:
    files = [new_name(folder, MOMENT + timedelta(days=number)) for number in range(count)]
    for file in files:
        file.touch()
    return files


def test_the_newest_stay_and_files_of_others_too(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "backups"
    files = made(folder, 4)
    other = folder / "state-of-mind.tar.gz"
    other.touch()
    assert rotate(folder, 3) == files[:1]
    assert rotate(folder, 3) == []
    assert sorted(folder.iterdir()) == sorted([*files[1:], other])


def test_a_folder_of_backups_is_its_owners_alone(tmp_path: Path) -> None:
    assert new_name(tmp_path / "backups", MOMENT).parent.stat().st_mode & 0o777 == 0o700


def test_keeping_none_is_refused_and_removes_nothing(tmp_path: Path) -> None:
    files = made(tmp_path / "backups", 2)
    with pytest.raises(UsageError, match="keeping 0 backups keeps none"):
        rotate(tmp_path / "backups", 0)
    assert all(file.exists() for file in files)


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        new_name(tmp_path / "file" / "backups", MOMENT)
