"""Where a name leads, where else it stands, and giving it another one everywhere."""

from __future__ import annotations

import posixpath
import re

from runner.compiler.diagnostic import Diagnostic, Fix, Severity, Span
from runner.compiler.document.scalars import resolve
from runner.compiler.fixes import applied
from runner.compiler.shape.validator import workflow_schema
from runner.compiler.shape.words import RULES
from runner.editor.analysis import Analysis
from runner.editor.names import Occurrence, at_place, occurrences


class Refused(ValueError):
    """A name cannot be given; the message says why."""


def named(analysis: Analysis, line: int, column: int) -> Occurrence | None:
    """The name at a place."""
    return at_place(occurrences(analysis.known(line)), line, column)


def definition(analysis: Analysis, line: int, column: int) -> Span | None:
    """Where what is named at a place is declared; the beginning of the file for another workflow."""
    found = named(analysis, line, column)
    if found is None:
        return None
    if found.kind == "file":
        return _file(analysis.path, found.name)
    same = (one for one in occurrences(analysis.known(line)) if one.thing == found.thing and one.declares)
    return next((one.span for one in same), None)


def _file(path: str, name: str) -> Span | None:
    target = name.partition("#")[0]
    if not target.endswith((".yaml", ".yml")):
        return None
    return Span(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)), 1, 1, 1, 1)


def mentions(analysis: Analysis, line: int, column: int, *, declaration: bool = True) -> list[Span]:
    """Every place where what is named at a place is named."""
    found = named(analysis, line, column)
    if found is None:
        return []
    every = occurrences(analysis.known(line))
    return [one.span for one in every if one.thing == found.thing and (declaration or not one.declares)]


def renamable(analysis: Analysis, line: int, column: int) -> Occurrence | None:
    """The name at a place if it can be given another one: it is declared in this text, which can be read."""
    found = named(analysis, line, column) if analysis.sound else None
    if found is None or found.kind == "file":
        return None
    return found if _declared(analysis, line, found) else None


def _declared(analysis: Analysis, line: int, found: Occurrence) -> bool:
    return any(one.declares and one.thing == found.thing for one in occurrences(analysis.part(line)))


def rename(analysis: Analysis, line: int, column: int, new: str) -> list[Fix]:
    """The edits that give what is named at a place another name. Raises Refused with the reason."""
    found = renamable(analysis, line, column)
    if found is None:
        raise Refused("there is nothing here that can be renamed")
    if found.name == new:
        return []
    if not re.fullmatch(workflow_schema()["$defs"]["id"]["pattern"], new):
        raise Refused(f"`{new}` cannot be an id: {RULES['id']}")
    every = occurrences(analysis.part(line))
    other = (found.kind, found.owner, new)
    if any(one.declares and one.thing == other for one in every):
        raise Refused(f"there is another {found.kind} `{new}`")
    edits = [Fix("rename", one.span, _written(one, new)) for one in every if one.thing == found.thing]
    _prove(analysis, edits)
    return edits


def _written(one: Occurrence, new: str) -> str:
    quote = one.whole.style if one.whole is not None and one.whole.style in ("'", '"') else ""
    if one.whole is not None and not isinstance(resolve(new), str):
        quote = quote or '"'
    return f"{quote}{new}{quote}"


def _prove(analysis: Analysis, edits: list[Fix]) -> None:
    """Refuse a name with which there would be errors that are not there now."""
    after = analysis.then(applied(analysis.data, edits).decode())
    old = [one.code for one in _errors(analysis)]
    for finding in _errors(after):
        if finding.code not in old:
            raise Refused(f"with that name, {finding.message}")


def _errors(analysis: Analysis) -> list[Diagnostic]:
    return [one for one in analysis.findings if one.severity is Severity.ERROR]
