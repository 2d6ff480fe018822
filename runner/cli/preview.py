"""Previews beside `runner run --preview`: where, under which token, and what is missing for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runner.cli.progress import show_line
from runner.errors import ServiceError

if TYPE_CHECKING:
    from runner.web.preview.serve import Previews


@asynccontextmanager
async def serving(text: str, environ: Mapping[str, str]) -> AsyncIterator[Previews]:
    """Serve previews at `[HOST:]PORT`. Raises UsageError, and ServiceError when that cannot be had."""
    try:
        from runner.web.preview.address import parse
        from runner.web.preview.gate import token_for
        from runner.web.preview.serve import serve
    except ImportError as error:
        hint = "pip install 'runner[webcontainer]' 'runner[e2b]'"
        raise ServiceError(f"--preview needs the package {error.name}, which is not installed", hint) from error
    place = parse(text)
    async with serve(place, token_for(place, environ), lambda sentence: show_line(sentence, err=True)) as previews:
        yield previews
