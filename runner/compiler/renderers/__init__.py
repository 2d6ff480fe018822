"""Findings as text for people and as data for programs: one renderer a file, all in one dict.

The file of a renderer is imported when it is asked for: most commands print text.
"""

from __future__ import annotations

from typing import Protocol

from runner.compiler.renderers.report import Report
from runner.compiler.renderers.text import render as _text

__all__ = ["RENDERERS", "Renderer", "Report"]


class Renderer(Protocol):
    """Makes the output of a report; `colour` asks for terminal colours where the format has them."""

    def __call__(self, report: Report, *, colour: bool = False) -> str: ...


def _json(report: Report, *, colour: bool = False) -> str:
    from runner.compiler.renderers.json import render

    return render(report, colour=colour)


def _sarif(report: Report, *, colour: bool = False) -> str:
    from runner.compiler.renderers.sarif import render

    return render(report, colour=colour)


def _github(report: Report, *, colour: bool = False) -> str:
    from runner.compiler.renderers.github import render

    return render(report, colour=colour)


def _junit(report: Report, *, colour: bool = False) -> str:
    from runner.compiler.renderers.junit import render

    return render(report, colour=colour)


RENDERERS: dict[str, Renderer] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "junit": _junit,
}
