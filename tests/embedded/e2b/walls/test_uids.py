"""As whom boxes run, by what this machine or container has of users."""

from __future__ import annotations

import pytest

from runner.embedded.e2b.walls.uids import bases, singles

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
    assert singles(uids, gids) == wanted


@pytest.mark.parametrize(
    ("uids", "gids", "first", "count"),
    [
        (_ALL, _ALL, 1_900_019_712, 3_775),
        (_ROOTLESS, _ROOTLESS, None, 0),
        (_ALL, _ROOTLESS, None, 0),
        ("0 1000000 1000000000\n", "0 1000000 1000000000\n", 500_039_680, 7_628),
        ("", "", None, 0),
    ],
    ids=["host", "rootless container", "unlike maps", "wide container", "none"],
)
def test_ranges_are_whole_and_far_away(uids: str, gids: str, first: int | None, count: int) -> None:
    found = bases(uids, gids)
    assert (next(iter(found), None), len(found)) == (first, count)
    assert all(base % 65_536 == 0 for base in found[:3])
