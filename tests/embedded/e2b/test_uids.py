"""As whom boxes run, by what this machine or container has of users."""

from __future__ import annotations

import pytest

from runner.embedded.e2b.uids import common

_ALL = "         0          0 4294967295\n"
_ROOTLESS = "         0       1000          1\n         1     100000      65536\n"


@pytest.mark.parametrize(
    ("uids", "gids", "wanted"),
    [
        (_ALL, _ALL, range(1_900_000_000, 1_900_100_000)),
        (_ROOTLESS, _ROOTLESS, range(32_769, 49_153)),
        (_ALL, _ROOTLESS, range(32_769, 49_153)),
        ("0 1000 1\n", "0 1000 1\n", range(0)),
        (_ROOTLESS, "0 1000 1\n", range(0)),
        ("0 0 1\n5 5 10\n", _ALL, range(0)),
        ("", "", range(0)),
    ],
    ids=["host", "rootless container", "unlike maps", "nobody but root", "no groups", "few", "none"],
)
def test_boxes_get_numbers_that_there_are(uids: str, gids: str, wanted: range) -> None:
    assert common(uids, gids) == wanted
