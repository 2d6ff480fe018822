from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from runner.errors import StoreError, StoreFull
from runner.store.failure import from_os, of_the_disk, translated
from runner.store.process import environment, without_repair_notes

ENGINE = "The query was not executed due to a failed transaction. There was a problem with a datastore transaction: "


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_has_its_own_error(number: int) -> None:
    text = f"{ENGINE}Log error: IO error: kind=other error, message={os.strerror(number)} (os error {number})"
    error = translated(Path("/x/state"), text)
    assert isinstance(error, StoreFull)
    assert "/x/state" in error.message
    assert "Free some space" in error.hint
    assert isinstance(from_os(Path("/x"), OSError(number, os.strerror(number))), StoreFull)
    assert of_the_disk(text)


def test_other_failures_tell_their_first_line() -> None:
    error = translated(Path("/x/state"), "Parse error: Unexpected token\n --> [1:10]\n")
    assert type(error) is StoreError
    assert "Parse error: Unexpected token" in error.message
    assert "\n" not in error.message
    assert not of_the_disk("Parse error: Unexpected token")
    assert of_the_disk(f"{ENGINE}Log error: IO error: kind=other error, message=fsync failed")


def test_the_environment_is_put_back() -> None:
    with environment("RUNNER_TEST_X", "true"):
        assert os.environ["RUNNER_TEST_X"] == "true"
    assert "RUNNER_TEST_X" not in os.environ
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNNER_TEST_X", "before")
        with environment("RUNNER_TEST_X", "true"):
            assert os.environ["RUNNER_TEST_X"] == "true"
        assert os.environ["RUNNER_TEST_X"] == "before"


def test_only_the_notes_about_repairs_are_swallowed(capfd: pytest.CaptureFixture[str]) -> None:
    with without_repair_notes():
        os.write(2, b"Corruption error: CorruptionError { segment_id: 0 }\nRepairing corrupted segment with id: 0\n")
        os.write(2, b"something else\n")
    assert capfd.readouterr().err == "something else\n"
