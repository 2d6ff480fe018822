"""What can be wrong in an expression."""

from __future__ import annotations

from typing import Literal

from runner.records import dataclass

TroubleKind = Literal["syntax", "unknown", "type", "value", "context", "constant", "skipped"]


@dataclass(frozen=True, slots=True)
class Change:
    """An edit of the expression's text from `start` to `end`; `certain` where nothing else can have been meant."""

    start: int
    end: int
    text: str
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong in an expression, from offset `start` to `end` of its text. `change` would probably mend it."""

    kind: TroubleKind
    message: str
    start: int
    end: int
    hint: str = ""
    change: Change | None = None
