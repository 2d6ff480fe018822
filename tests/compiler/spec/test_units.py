"""Durations, sizes and scalars as people write them."""

from __future__ import annotations

import pytest

from runner.compiler.diagnostic import Span
from runner.compiler.document import Scalar
from runner.compiler.spec.read import scalar_text
from runner.compiler.spec.units import mebibytes, seconds


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("30s", 30.0),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("3d", 259200.0),
        ("2w", 1209600.0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        (7, 7.0),
        (0.5, 0.5),
        (-1, None),
        (True, None),
        ("", None),
        ("10", None),
        ("10x", None),
        ("x10s", None),
        ("10s x", None),
        (["10s"], None),
        (None, None),
    ],
)
def test_seconds(written: object, expected: float | None) -> None:
    assert seconds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("512MiB", 512),
        ("1GiB", 1024),
        ("1.5 GiB", 1536),
        ("1TiB", 1048576),
        ("1KiB", 1),
        ("1B", 1),
        ("1GB", 954),
        (64, 64),
        (-1, None),
        (False, None),
        (1.5, None),
        ("1Gi", None),
        ("GiB", None),
    ],
)
def test_mebibytes(written: object, expected: int | None) -> None:
    assert mebibytes(written) == expected


@pytest.mark.parametrize(
    ("value", "written", "expected"),
    [
        (True, "True", "true"),
        (False, "no", "false"),
        (None, "~", ""),
        ("x", "x", "x"),
        (8080, "0x1f90", "0x1f90"),
        (1.5, "", "1.5"),
    ],
)
def test_scalars_in_texts(value: bool | float | str | None, written: str, expected: str) -> None:
    assert scalar_text(Scalar(value, Span("a", 1, 1, 1, 1), written)) == expected
