"""What a check-in is made from: the plans of specs as they are now, and what the store has of their newest runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from runner.compiler.compile import compile_plan, workflow_names
from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.plan.model import Plan
from runner.compiler.spec.units import seconds
from runner.errors import SpecError, UsageError
from runner.project.check import Checker
from runner.project.files import Source, sources
from runner.project.settings import Projects
from runner.run.checkin.model import CheckIn
from runner.run.checkin.standing import Documents, check_in
from runner.run.lease import is_going_on
from runner.run.ports import Record, StateStore
from runner.run.state import FINAL
from runner.run.version import version_of

#: More runs than a state ever holds.
_ALL = 1_000_000


def plans(paths: Sequence[str], *, milestones: bool) -> list[Plan]:
    """The plans of the specs, with `milestones` only of those that have some; without paths, of all that
    `runner validate` checks.

    Raises SpecError for the first spec with errors, UsageError for paths that lead to nothing, or when no spec has
    milestones.
    """
    projects = Projects()
    checker = Checker(projects, shellcheck=False)
    found = [plan for source in sources(paths, projects, None) for plan in _plans(source, checker)]
    found = [plan for plan in found if plan.milestones or not milestones]
    if not found:
        raise UsageError("no spec here has milestones", "name a spec or a run: runner report SPEC")
    return found


def moment_since(text: str, at: datetime) -> datetime:
    """The moment that `text` means: a span back from `at`, as in 7d, or a date or time. Raises UsageError."""
    span = seconds(text)
    try:
        found = datetime.fromisoformat(text) if span is None else at - timedelta(seconds=span)
    except (ValueError, OverflowError):
        raise UsageError(f"{text}: that is no span of time and no date", "write it like 7d or 2030-01-31") from None
    return found if found.tzinfo else found.replace(tzinfo=at.tzinfo)


async def newest(store: StateStore, plan: Plan) -> Record | None:
    """The newest run of the plan's workflow that people or schedules started; None without one."""
    for record in await store.runs(limit=_ALL):
        if record.data.get("name") == plan.name and not record.data.get("parent"):
            return record
    return None


async def checked_in(
    store: StateStore | None, plan: Plan, run: Record | None, at: datetime, since: datetime | None
) -> CheckIn:
    """The check-in on a plan by one of its runs, else by the newest one. Raises StoreError."""
    if store is not None:
        run = run or await newest(store, plan)
    if store is None or run is None:
        return check_in(plan, None, at, since)
    lease = (await store.leases()).get(run.key) if store.shared else None
    state = str(run.data["state"])
    if state not in (*FINAL, "paused") and not is_going_on(run.data, lease):
        state = "interrupted"
    documents = Documents(
        run=run.data,
        state=state,
        legs=[leg.data for leg in await store.all(run.key, "step")],
        milestones={one.key: one.data for one in await store.all(run.key, "milestone")},
        is_current=run.data.get("workflow") == version_of(plan, "")[0],
    )
    return check_in(plan, documents, at, since)


def _plans(source: Source, checker: Checker) -> list[Plan]:
    if isinstance(source.data, Diagnostic):
        raise _wrong(source.path, [source.data])
    names = workflow_names(source.data, source.path)
    around = checker.around(source.path)
    found = []
    for name in names if len(names) > 1 else [None]:
        compiled = compile_plan(source.data, source.path, None, around, name)
        if compiled.plan is None:
            raise _wrong(source.path, compiled.diagnostics)
        found.append(compiled.plan)
    return found


def _wrong(path: str, findings: Sequence[Diagnostic]) -> SpecError:
    first = next(finding for finding in findings if finding.severity is Severity.ERROR)
    return SpecError(f"{path} has errors: {first.message}", list(findings), f"runner validate {path}")
