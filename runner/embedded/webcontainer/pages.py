"""The documents and scripts that browsers get: what `make web` has built, or what the wheel brought along."""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path

from runner.errors import ServiceError

_PACKAGE = Path(__file__).resolve().parents[2]
_ENGINE = ("frame.js", "process.js", "shell.js")
#: Of previews: their hidden page, their service worker, and what tells of errors in their pages.
PREVIEW = ("preview.js", "preview-worker.js", "preview-errors.js")
_SCRIPTS = {"host": ("page.js",), "engine": (*_ENGINE, *PREVIEW)}

HOST_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>runner: WebContainer</title></head>
<body><script src="/page.js"></script></body></html>
"""
ENGINE_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>runner: WebContainer engine</title></head>
<body><script src="/frame.js"></script></body></html>
"""
PREVIEW_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>runner: WebContainer preview</title></head>
<body><script src="/__runner/preview.js"></script></body></html>
"""


def built() -> Path:
    """The folder of the built browser side. Raises ServiceError where there is none."""
    # In a source tree what was built last counts, not what was put aside for the wheel.
    folders = (_PACKAGE.parent / "web" / "dist", _PACKAGE / "data" / "web")
    return next((each for each in folders if not absent(each)), None) or _refuse(folders[0])


def absent(folder: Path) -> str:
    """The first script that a folder of the browser side lacks; empty when it is whole."""
    needed = (f"{part}/{name}" for part, names in _SCRIPTS.items() for name in names)
    return next((each for each in needed if not (folder / each).is_file()), "")


def script(path: Path) -> bytes:
    """A script as it is on the disk now, read once: each process of a container loads a megabyte and a half, and piece
    by piece from the disk that took four times as much of the server's time.
    """
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _size: int) -> bytes:
    return path.read_bytes()


def _refuse(folder: Path) -> Path:
    raise ServiceError(
        f"the pages of WebContainers are not built: {folder / absent(folder)} is missing",
        "make web   (needs npm; the wheel of runner brings them along)",
    )


def message(title: str, text: str, *, browser: bool) -> tuple[bytes, str]:
    """A refusal for a person: HTML where a browser asks for a page, else a line. With its media type."""
    if not browser:
        return f"{title}: {text}\n".encode(), "text/plain; charset=utf-8"
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>\n'
        f"<body><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></body></html>\n"
    )
    return page.encode(), "text/html; charset=utf-8"
