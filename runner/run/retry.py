"""Which failures are repeated, and after how long."""

from __future__ import annotations

from typing import Literal

from runner.compiler.plan.model import Retry
from runner.errors import (
    BoxError,
    BoxGone,
    BudgetSpent,
    CommandFailed,
    CommandTimeout,
    ExpressionFailed,
    FilesLost,
    FilesWrong,
    InputsWrong,
    ItemsWrong,
    NeverHeld,
    NotAnswered,
    NotApproved,
    OutputWrong,
    ProviderError,
    RunFailed,
    RunnerError,
)

ErrorClass = Literal[
    "exit",
    "timeout",
    "provider",
    "box_gone",
    "output",
    "files",
    "inputs",
    "items",
    "repeat",
    "expression",
    "rejected",
    "budget",
    "box",
]

#: The classes a spec may name in `retry.on`; the others would fail the same way again.
RETRYABLE: frozenset[str] = frozenset({"exit", "timeout", "provider", "box_gone"})


_CLASSES: tuple[tuple[type[RunnerError], ErrorClass], ...] = (
    (CommandFailed, "exit"),
    (RunFailed, "exit"),
    (CommandTimeout, "timeout"),
    (ProviderError, "provider"),
    (BoxGone, "box_gone"),
    (OutputWrong, "output"),
    (FilesWrong, "files"),
    (InputsWrong, "inputs"),
    (ItemsWrong, "items"),
    (NeverHeld, "repeat"),
    (NotAnswered, "timeout"),
    (NotApproved, "rejected"),
    (ExpressionFailed, "expression"),
    (BudgetSpent, "budget"),
    (BoxError, "box"),
)

#: What an attempt may fail with. Anything else (a store that cannot write, a bug) ends the whole run.
ATTEMPT_ERRORS: tuple[type[RunnerError], ...] = tuple(kind for kind, _ in _CLASSES)


def error_class(error: RunnerError) -> ErrorClass:
    """The class of a failed attempt's error. Raises TypeError for an error no attempt may fail with."""
    for kind, name in _CLASSES:
        if isinstance(error, kind):
            return name
    raise TypeError(f"{type(error).__name__} is not an attempt's error")


def repeats(retry: Retry, error: RunnerError, attempt: int) -> bool:
    """Whether an attempt (counted from 1) that failed with `error` is followed by another."""
    name = error_class(error)
    if attempt >= retry.attempts or isinstance(error, FilesLost):
        return False
    return name in RETRYABLE and name in retry.on


def cut_off(error: RunnerError) -> bool:
    """Whether an attempt that had begun was cut off, so that nobody knows how far it came."""
    return error_class(error) in ("timeout", "provider", "box_gone")


def delay(retry: Retry, attempt: int, chance: float) -> float:
    """Seconds to wait after attempt number `attempt` failed, never more than `retry.max_delay`.

    `chance` in [0, 1) moves the delay by at most `retry.jitter` of itself, up or down.
    """
    if retry.backoff == "none":
        return 0.0
    if retry.backoff == "linear":
        base = retry.delay * attempt
    elif retry.backoff == "exponential":
        # The exponent is bounded: 2.0**1024 overflows, and max_delay is reached long before.
        base = retry.delay * 2.0 ** min(attempt - 1, 64)
    else:
        base = retry.delay
    base = min(base, retry.max_delay)
    return min(max(0.0, base * (1 + retry.jitter * (2 * chance - 1))), retry.max_delay)
