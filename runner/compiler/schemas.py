"""Where the JSON documents of `schemas/` are: inside the wheel, or beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def schema_path(name: str) -> Path:
    """The file `schemas/NAME`. Raises FileNotFoundError for an unknown name."""
    for folder in (_PACKAGE / "data" / "schemas", _PACKAGE.parent / "schemas"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"schemas/{name} is not part of this installation")
