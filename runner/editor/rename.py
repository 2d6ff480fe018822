"""Where a name leads, where else it stands, and giving it another one everywhere.

Inputs and outputs of a workflow are named by the specs that run it too. `Files` gives these.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from runner.compiler.diagnostic import Fix, Severity, Span
from runner.compiler.document.scalars import spelled
from runner.compiler.fixes import applied
from runner.compiler.shape.validator import workflow_schema
from runner.compiler.shape.words import RULES
from runner.compiler.surroundings import Surroundings, Unreadable
from runner.editor.analysis import Analysis, Part
from runner.editor.names import Occurrence, at_place, occurrences
from runner.editor.tree import holds

#: The text of a file and of those that may run its workflows, by its path.
Files = Callable[[str], Sequence[Analysis]]


def _alone(_path: str) -> Sequence[Analysis]:
    return ()


class Refused(ValueError):
    """A name cannot be given; the message says why."""


def named(analysis: Analysis, line: int, column: int) -> Occurrence | None:
    """The name at a place."""
    return at_place(occurrences(analysis.known(line)), line, column)


def definition(analysis: Analysis, line: int, column: int) -> Span | None:
    """Where what is named at a place is declared; the beginning of another workflow for its path."""
    found = named(analysis, line, column)
    if found is None:
        return None
    part = analysis.known(line)
    if found.kind == "file":
        return _file(part, found.name)
    same = (one for one in occurrences(Part(found.home, part.family)) if one.thing == found.thing and one.declares)
    return next((one.span for one in same), None)


def _file(part: Part, name: str) -> Span | None:
    child = part.named(name)
    if child is not None:
        line = child.document.first_line
        return Span(child.document.path, line, 1, line, 1)
    target = name.partition("#")[0]
    if not target.endswith((".yaml", ".yml")):
        return None
    return Span(posixpath.normpath(posixpath.join(posixpath.dirname(part.document.path), target)), 1, 1, 1, 1)


def mentions(
    analysis: Analysis, line: int, column: int, files: Files = _alone, *, declaration: bool = True
) -> list[Span]:
    """Every place where what is named at a place is named."""
    found = named(analysis, line, column)
    if found is None:
        return []
    every = _everywhere(_texts(analysis, found, files))
    return [one.span for one in every if one.thing == found.thing and (declaration or not one.declares)]


def _texts(analysis: Analysis, found: Occurrence, files: Files) -> list[Analysis]:
    """The texts where a name may stand, this one first."""
    crosses = found.kind == "input" or (found.kind == "output" and not found.owner)
    others = files(found.home.path) if crosses else ()
    own = posixpath.normpath(analysis.path)
    return [analysis, *(one for one in others if posixpath.normpath(one.path) != own)]


def _everywhere(texts: list[Analysis]) -> Iterator[Occurrence]:
    for text in texts:
        for part in text.known_parts:
            yield from occurrences(part)


def renamable(analysis: Analysis, line: int, column: int) -> Occurrence | None:
    """The name at a place if it can be given another one: it is declared, and this text can be read."""
    found = named(analysis, line, column) if analysis.sound else None
    if found is None or found.kind == "file":
        return None
    return found if definition(analysis, line, column) is not None else None


def rename(analysis: Analysis, line: int, column: int, new: str, files: Files = _alone) -> list[Fix]:
    """The edits, of this text and of others, that give what is named at a place another name. Raises Refused with the
    reason.
    """
    found = renamable(analysis, line, column)
    if found is None:
        raise Refused("there is nothing here that can be renamed")
    if found.name == new:
        return []
    if not re.fullmatch(workflow_schema()["$defs"]["id"]["pattern"], new):
        raise Refused(f"`{new}` cannot be an id: {RULES['id']}")
    texts = _texts(analysis, found, files)
    every = list(_everywhere(texts))
    other = replace(found, name=new).thing
    if any(one.declares and one.thing == other for one in every):
        raise Refused(f"there is another {found.kind} `{new}`")
    same = [one for one in every if one.thing == found.thing]
    if _is_written_unseen(Part(found.home, analysis.known(line).family), found, same):
        raise Refused(f"what `{found.owner}` runs writes `{found.name}` where it cannot be seen: rename it by hand")
    edits = [Fix("rename", one.span, _written(one, new)) for one in same]
    _prove(texts, edits)
    return edits


def _is_written_unseen(part: Part, found: Occurrence, same: list[Occurrence]) -> bool:
    """Whether it is a value that commands of a step write, and none of them is known to."""
    step = part.owner(found.owner) if found.kind == "output" else None
    output = step.outputs.get(found.name) if step is not None and step.kind in ("run", "script") else None
    if step is None or output is None or output.artifact is not None or step.action is None:
        return False
    place = step.action.span
    return not any(holds(place, one.span.line, one.span.column) for one in same)


def _written(one: Occurrence, new: str) -> str:
    if one.whole is None:
        return new
    quote = one.whole.style if one.whole.style in ("'", '"') else ""
    return f"{quote}{new}{quote}" if quote else spelled(new)


def _prove(texts: list[Analysis], edits: list[Fix]) -> None:
    """Refuse a name with which there would be findings that are not there now."""
    after = {}
    for text in texts:
        mine = [edit for edit in edits if edit.span.path == text.path]
        if mine and not text.sound:
            raise Refused(f"the name stands in {text.path} too, which cannot be read as it is")
        after[posixpath.normpath(text.path)] = applied(text.data, mine)
    for text in texts:
        around = _over(text.around, after)
        new = text.then(after[posixpath.normpath(text.path)].decode(), around)
        known = Counter(_told(text))
        for finding in new.findings:
            known[finding.code] -= 1
            if known[finding.code] < 0 and _counts(finding.code, finding.severity):
                raise Refused(f"with that name, {finding.message}")


def _told(text: Analysis) -> list[str]:
    return [one.code for one in text.findings]


def _counts(code: str, severity: Severity) -> bool:
    """Whether a finding may come of a name that stands somewhere else still; an axis may be unused by its name."""
    return severity is Severity.ERROR or (code.endswith(("-unused", "-unwritten")) and code != "axis-unused")


def _over(around: Surroundings, texts: dict[str, bytes]) -> Surroundings:
    """The surroundings with other texts of some files."""
    read = around.read
    if read is None:
        return around

    def read_new(path: str) -> bytes | Unreadable:
        return texts.get(posixpath.normpath(path)) or read(path)

    return replace(around, read=read_new)
