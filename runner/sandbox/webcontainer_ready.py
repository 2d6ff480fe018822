"""Whether this machine can host WebContainers, by looks that cost nothing: no server, no browser is started."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from runner.errors import ServiceError

#: What the extra `webcontainer` brings, by what is imported.
_MODULES = ("playwright", "msgpack", "starlette", "uvicorn", "websockets", "h11")


def lacking(environ: Mapping[str, str]) -> str:
    """A sentence that says what is missing and how to get it; empty when nothing is."""
    absent = [name for name in _MODULES if find_spec(name) is None]
    if absent:
        return f"{' and '.join(absent)} cannot be imported: pip install 'runner[webcontainer]'"
    from runner.embedded.webcontainer import chromium, pages

    try:
        pages.built()
        chromium.find(environ)
    except ServiceError as error:
        return f"{error.message}: {error.hint}"
    return ""
