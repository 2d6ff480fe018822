"""What each check means: the sections of docs/checks.md, which is part of the installation."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from runner.records import dataclass

_PACKAGE = Path(__file__).resolve().parent.parent
_SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |^# [A-Z]|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """The section of one check: its code, its text without the heading (Markdown), and its first sentence."""

    code: str
    text: str

    @property
    def summary(self) -> str:
        """The first sentence."""
        first = " ".join(self.text.split("\n\n", 1)[0].split())
        return re.split(r"(?<=[.!?]) ", first, maxsplit=1)[0]


def handbook() -> Path:
    """The file docs/checks.md: inside the wheel, or beside the package in a checkout."""
    inside = _PACKAGE / "data" / "docs" / "checks.md"
    return inside if inside.is_file() else _PACKAGE.parent / "docs" / "checks.md"


@lru_cache(maxsize=1)
def sections() -> dict[str, Section]:
    """Every section by its code, in the order of the document."""
    found = _SECTION.findall(handbook().read_text(encoding="utf-8"))
    return {code: Section(code, text.strip()) for code, text in found}
