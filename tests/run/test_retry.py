"""Which failures are repeated, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.compiler.plan.model import Retry
from runner.errors import (
    BoxGone,
    CommandFailed,
    CommandTimeout,
    ExpressionFailed,
    FileMissing,
    FilesLost,
    FilesWrong,
    OutputWrong,
    QuotaExhausted,
    RequestRefused,
    StoreFull,
)
from runner.run.retry import delay, error_class, repeats


@pytest.mark.parametrize(
    ("error", "name", "again"),
    [
        (CommandFailed("x"), "exit", True),
        (CommandTimeout("x"), "timeout", True),
        (QuotaExhausted("x"), "provider", True),
        (BoxGone("x"), "box_gone", True),
        (FilesLost("x"), "box_gone", False),
        (OutputWrong("x"), "output", False),
        (FilesWrong("x"), "files", False),
        (ExpressionFailed("x"), "expression", False),
        (RequestRefused("x"), "box", False),
        (FileMissing("x"), "box", False),
    ],
)
def test_every_error_has_its_class(error, name, again):
    assert error_class(error) == name
    assert repeats(Retry(attempts=2), error, 1) is again
    assert repeats(Retry(attempts=2), error, 2) is False
    assert repeats(Retry(attempts=2, on=()), error, 1) is False


def test_an_error_of_the_store_is_nobodys_attempt():
    with pytest.raises(TypeError, match="StoreFull"):
        error_class(StoreFull("x"))


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        ("none", [0, 0, 0, 0]),
        ("fixed", [2, 2, 2, 2]),
        ("linear", [2, 4, 6, 8]),
        ("exponential", [2, 4, 8, 10]),
    ],
)
def test_delays_without_jitter(backoff, delays):
    retry = Retry(attempts=9, backoff=backoff, delay=2, max_delay=10, jitter=0)
    assert [delay(retry, attempt, 0.9) for attempt in range(1, 5)] == delays


@given(st.floats(0, 0.999999), st.integers(1, 2000), st.floats(0, 1))
def test_jitter_moves_a_delay_by_its_share_and_never_above_the_maximum(chance, attempt, jitter):
    retry = Retry(attempts=9, delay=2, max_delay=60, jitter=jitter)
    plain = delay(Retry(attempts=9, delay=2, max_delay=60, jitter=0), attempt, chance)
    found = delay(retry, attempt, chance)
    assert 0 <= found <= 60
    assert plain * (1 - jitter) - 1e-9 <= found <= plain * (1 + jitter) + 1e-9
