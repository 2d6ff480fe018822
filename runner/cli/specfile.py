"""What the commands that take one spec share: it is read, compiled with its inputs, its findings are shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from runner.compiler.compile import Compilation, compile_plan, with_inputs
from runner.compiler.diagnostic import Severity
from runner.compiler.inputs import parse_inputs
from runner.compiler.plan.model import Plan
from runner.compiler.renderers import RENDERERS, Report
from runner.errors import SpecError, UsageError
from runner.project.check import Checker
from runner.project.settings import Projects

#: How a spec from standard input is called in findings and plans.
STDIN = "<stdin>"
_HINT = "give the path of a spec, or - for standard input"


def compiled(spec: str, pairs: list[str], *, complete: bool) -> Plan:
    """The plan of a spec (`-` is standard input, `FILE#NAME` one of several) with inputs `name=value`.

    It is checked with the settings and the other files of its project; findings go to standard error.
    Unless it must be `complete`, a plan without any inputs leaves open what needs one that has no default.
    Raises SpecError after printing the errors, UsageError for a file that cannot be read or inputs that do not fit.
    """
    file, name = parted(spec)
    data = read_stdin() if file == "-" else _read(file)
    path = STDIN if file == "-" else file
    # ShellCheck takes longer than all the rest: that is for `runner validate`.
    around = Checker(Projects(), shellcheck=False).around(path)
    first = compile_plan(data, path, None, around, name)
    _print_findings(first, path, data)
    if first.plan is None:
        errors = sum(finding.severity is Severity.ERROR for finding in first.diagnostics)
        found = "1 error" if errors == 1 else f"{errors} errors"
        raise SpecError(f"{path} has {found}; nothing was run", first.diagnostics, f"runner validate {file}")
    if not pairs and not complete:
        return first.plan
    return with_inputs(first, parse_inputs(pairs, first.plan.inputs_schema))


def parted(spec: str) -> tuple[str, str | None]:
    """The path of a spec, and the name behind `#` that says which of its workflows; None without one.

    A file that is really called so is meant as a whole.
    """
    file, mark, name = spec.rpartition("#")
    if not mark or not file or Path(spec).exists():
        return spec, None
    return file, name


def read_stdin() -> bytes:
    """All of standard input; nothing when it is closed (`<&-`)."""
    return sys.stdin.buffer.read() if sys.stdin else b""


def _read(spec: str) -> bytes:
    if not spec:
        raise UsageError("the path of the spec is empty", _HINT)
    try:
        str(Path(spec).absolute()).encode()
        return Path(spec).read_bytes()
    except UnicodeEncodeError as error:
        raise UsageError(f"the path {spec} is not Unicode text", "rename the file or its folder") from error
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UsageError(f"{spec} cannot be read: {reason}", _HINT) from error


def _print_findings(found: Compilation, path: str, data: bytes) -> None:
    if found.diagnostics:
        report = Report(tuple(found.diagnostics), {path: data.decode("utf-8-sig", "replace")}, 1)
        colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        typer.echo(RENDERERS["text"](report, colour=colour), nl=False, err=True)
