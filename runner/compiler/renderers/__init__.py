"""Findings as text for people and as data for programs: one renderer a file, all in one dict."""

from __future__ import annotations

from typing import Protocol

from runner.compiler.renderers.github import render as _github
from runner.compiler.renderers.json import render as _json
from runner.compiler.renderers.junit import render as _junit
from runner.compiler.renderers.report import Report
from runner.compiler.renderers.sarif import render as _sarif
from runner.compiler.renderers.text import render as _text

__all__ = ["RENDERERS", "Renderer", "Report"]


class Renderer(Protocol):
    """Makes the output of a report; `colour` asks for terminal colours where the format has them."""

    def __call__(self, report: Report, *, colour: bool = False) -> str: ...


RENDERERS: dict[str, Renderer] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "junit": _junit,
}
