"""Previews beside `runner run --preview`: where, under which token, and what is missing for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runner.cli.progress import show_line
from runner.errors import ServiceError
from runner.records import dataclass
from runner.web.preview.address import Place, parse, token_for

if TYPE_CHECKING:
    from runner.web.preview.serve import Previews


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where previews are to be served, and the token that they need there, "" for none."""

    place: Place
    token: str


def wanted(text: str, environ: Mapping[str, str]) -> Wanted:
    """What `[HOST:]PORT` asks for. Raises UsageError."""
    place = parse(text)
    return Wanted(place, token_for(place, environ))


@asynccontextmanager
async def serving(what: Wanted) -> AsyncIterator[Previews]:
    """Serve previews. Raises ServiceError when that cannot be had."""
    try:
        from runner.web.preview.serve import serve
    except ImportError as error:
        hint = "pip install 'runner[webcontainer]' 'runner[e2b]'"
        raise ServiceError(f"--preview needs the package {error.name}, which is not installed", hint) from error
    async with serve(what.place, what.token, lambda sentence: show_line(sentence, err=True)) as previews:
        yield previews
