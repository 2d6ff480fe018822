"""The named queries of `queries.surql`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: ([a-z0-9_]+)$", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    """Every query by its name, without comments."""
    parts = _NAME.split(Path(__file__).with_name("queries.surql").read_text(encoding="utf-8"))
    return {name: _strip(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _strip(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("--"))


def preparing(namespace: str, database: str) -> str:
    """The query that makes a namespace and a database in it; their names have been checked to be names."""
    return queries()["prepare"].replace("{namespace}", namespace).replace("{database}", database)
