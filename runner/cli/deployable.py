"""The specs that `runner deploy` means: all checked before anything else happens, each with the texts it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from runner.cli.validate import print_report
from runner.compiler.compile import compile_plan, workflow_names
from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.plan.model import Plan
from runner.compiler.renderers import Report
from runner.errors import SpecError, UsageError
from runner.project.bundle import Bundle, Gathering
from runner.project.check import Checker
from runner.project.files import Source, sources
from runner.project.reader import project_root
from runner.project.settings import Projects
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Deployable:
    """One workflow without errors: the path of its spec as it was named, its plan, its texts."""

    path: str
    plan: Plan
    bundle: Bundle


def deployable(paths: Sequence[str]) -> list[Deployable]:
    """Every workflow of the specs, in their order. Raises SpecError, after printing all findings, when a spec has
    errors, and UsageError for paths that lead to nothing or two workflows of one name.
    """
    projects = Projects()
    found = sources(paths, projects, None)
    checker = Checker(projects, shellcheck=False)
    findings: list[Diagnostic] = []
    specs = [one for source in found for one in _compiled(source, checker, findings)]
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if findings:
        texts = {each.path: each.data.decode("utf-8-sig", "replace") for each in found if isinstance(each.data, bytes)}
        print_report(Report(tuple(findings), texts, len(found)), "text", err=True)
    if errors:
        named = " ".join(paths)
        counted = "1 error" if errors == 1 else f"{errors} errors"
        raise SpecError(f"the specs have {counted}; nothing was deployed", findings, f"runner validate {named}".strip())
    _refuse_namesakes(specs)
    return specs


def project_name(paths: Sequence[str]) -> str:
    """The name of the folder that the specs belong to as a project."""
    return project_root(Path(paths[0])).name if paths else Path.cwd().name


def _refuse_namesakes(specs: Sequence[Deployable]) -> None:
    seen: dict[str, str] = {}
    for spec in specs:
        if spec.plan.name in seen:
            both = f"{seen[spec.plan.name]} and {spec.path}"
            raise UsageError(f"{both} are both called {spec.plan.name}", "give one of them another name")
        seen[spec.plan.name] = spec.path


def _compiled(source: Source, checker: Checker, findings: list[Diagnostic]) -> Iterator[Deployable]:
    if isinstance(source.data, Diagnostic):
        findings.append(source.data)
        return
    names = workflow_names(source.data, source.path)
    around = checker.around(source.path)
    for name in names if len(names) > 1 else [None]:
        gathering = Gathering(source.path, source.data, around.read)
        found = compile_plan(source.data, source.path, None, replace(around, read=gathering.read), name)
        findings.extend(found.diagnostics)
        if found.plan is not None:
            yield Deployable(source.path, found.plan, gathering.bundle(name, around.settings))
