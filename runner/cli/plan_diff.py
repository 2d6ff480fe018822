"""`runner plan --diff`: what has changed in the plans of some specs since a revision of git."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import typer

from runner.cli.specfile import parted
from runner.compiler.compile import compile_plan
from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.document import read_all
from runner.compiler.family import name_of
from runner.compiler.plan import diff_markdown, diff_text
from runner.compiler.plan.calendar import upcoming
from runner.compiler.plan.diff import Side, SpecDiff, compare, to_json
from runner.compiler.plan.text import shown_fire
from runner.compiler.renderers.text import harmless, one_line
from runner.compiler.surroundings import Surroundings
from runner.errors import UsageError
from runner.project.check import Checker
from runner.project.revisions import Repository, Revision
from runner.project.settings import Projects
from runner.project.then_and_now import Pair, pairs
from runner.records import dataclass

_MOST_ERRORS = 5
_FIRES = 3


def show_changes(revision: str, names: list[str], format_: str, moment: datetime) -> bool:
    """Print what has changed in the specs of these names since the revision; whether anything has.

    Without names: the specs that `runner validate` would check. Schedules are counted from `moment`. Raises UsageError
    outside of a repository, for an unknown revision, and for names that lead to nothing, now or then.
    """
    for file, name in map(parted, names):
        if name is not None:
            raise UsageError(f"--diff compares all workflows of a file, not {name} alone", f"name the file: {file}")
    then = Repository.around(Path.cwd()).revision(revision)
    diffs = list(_Differ(then, moment).all(names))
    if format_ == "json":
        typer.echo(json.dumps(to_json(diffs, revision), indent=2, ensure_ascii=False))
    elif format_ == "markdown":
        typer.echo(harmless(diff_markdown.render(diffs, revision)), nl=False)
    else:
        typer.echo(harmless(diff_text.render(diffs)), nl=False)
    return any(diff.is_different for diff in diffs)


@dataclass(frozen=True, slots=True)
class _Differ:
    """Compiles both sides of specs and compares them."""

    then: Revision
    moment: datetime

    def all(self, names: list[str]) -> Iterator[SpecDiff]:
        """The specs of these names by path, then the workflows elsewhere that they run or ran."""
        projects = Projects()
        checker = Checker(projects, shellcheck=False)
        todo = list(pairs(self.then, names, projects))
        seen = {path for pair in todo for path in (pair.path, pair.old_path)}
        for pair in todo:
            for diff in self._pair(pair, checker):
                yield diff
                others = sorted({path for side in (diff.before, diff.after) if side for path in _run_by(side)} - seen)
                seen.update(others)
                todo += filter(None, (self._elsewhere(path, checker) for path in others))

    def _elsewhere(self, path: str, checker: Checker) -> Pair | None:
        """A workflow that is none of those named, then and now; None if it has not changed, or is on one side only:
        those that run it tell that.
        """
        read = checker.around(path).read
        before, after = self.then.read(path), read(path) if read else None
        if isinstance(before, bytes) and isinstance(after, bytes) and before != after:
            return Pair(path, path, before, after)
        return None

    def _pair(self, pair: Pair, checker: Checker) -> Iterator[SpecDiff]:
        around = checker.around(pair.path)
        before = _sides(pair.old_path, pair.before, Surroundings(around.settings, self.then.read))
        after = _sides(pair.path, pair.after, around)
        if len(before) <= 1 and len(after) <= 1:
            old, new = (next(iter(sides.values()), None) for sides in (before, after))
            yield compare(old, new, (self._fires(old), self._fires(new)))
            return
        for name in dict.fromkeys((*before, *after)):
            old, new = before.get(name), after.get(name)
            yield compare(old, new, (self._fires(old), self._fires(new)), name)

    def _fires(self, side: Side | None) -> dict[str, str]:
        schedules = side.plan.extra.get("schedules") if side and side.plan else None
        found = upcoming(schedules, self.moment, _FIRES)
        return {id_: "\n".join(shown_fire(fire) for fire in fires) for id_, fires in found.items()}


def _run_by(side: Side) -> Iterator[str]:
    """The paths of the workflows that a spec runs, as the path of the spec itself is written."""
    folder = posixpath.dirname(side.path)
    for one in side.plan.workflows.values() if side.plan else ():
        yield posixpath.normpath(posixpath.join(folder, one.path))


def _sides(path: str, data: bytes | Diagnostic | None, around: Surroundings) -> dict[str, Side]:
    """One side of each workflow in a file, by name."""
    if data is None:
        return {}
    if isinstance(data, Diagnostic):
        return {"": Side(path, None, (one_line(data),))}
    names = [name_of(document) for document in read_all(data, path)]
    wanted: list[str | None] = list(dict.fromkeys(names)) if len(names) > 1 else [None]
    return {name or "": _side(path, data, around, name) for name in wanted}


def _side(path: str, data: bytes, around: Surroundings, name: str | None) -> Side:
    found = compile_plan(data, path, None, around, name)
    if found.plan is not None:
        return Side(path, found.plan)
    errors = [one_line(one) for one in found.diagnostics if one.severity is Severity.ERROR]
    more = len(errors) - _MOST_ERRORS
    return Side(path, None, (*errors[:_MOST_ERRORS], *([f"and {more} more"] if more > 0 else [])))
