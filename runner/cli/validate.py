"""`runner validate`: every mistake of some specs, with its place and what to do."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import typer

from runner.cli.checking import check_each
from runner.cli.specfile import STDIN, read_stdin
from runner.compiler.diagnostic import Diagnostic, Severity, Span
from runner.compiler.renderers import RENDERERS, Report
from runner.errors import UsageError

# A file found in a folder is a spec if it has this key; a file that is named is one in any case.
_SPEC_KEY = re.compile(rb"^(?:\xef\xbb\xbf)?spec[ \t]*:", re.MULTILINE)
_SUFFIXES = (".yaml", ".yml")
_SKIPPED = frozenset({"node_modules", "__pycache__", "venv"})


class Format(StrEnum):
    """How the findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


def validate(
    paths: list[str] = typer.Argument(
        None, metavar="[PATHS|-]", help="Specs, folders with specs, or - for standard input."
    ),
    strict: bool = typer.Option(False, "--strict", help="Warnings count as errors."),
    format_: Format = typer.Option(Format.TEXT, "--format", help="How to print the findings."),
    json_: bool = typer.Option(False, "--json", help="The same as --format json."),
) -> None:
    """Check specs without running anything.

    Exit code 1 if there is an error. Without PATHS: the specs in the folder `specs`, or else the ones in the current
    folder. A folder is searched for *.yaml and *.yml with a top-level key `spec`.
    """
    failing = frozenset({Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR})
    report = replace(_check_all(_sources(paths or _default_paths())), failing=failing)
    print_report(report, "json" if json_ else format_.value)
    if any(found.severity in failing for found in report.diagnostics):
        raise typer.Exit(1)


def print_report(report: Report, format_: str) -> None:
    """Print a report to standard output, in colour on a terminal unless NO_COLOR is set."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    shown = replace(report, home=f"{Path.cwd().as_uri()}/") if colour else report
    typer.echo(RENDERERS[format_](shown, colour=colour), nl=False)


def _default_paths() -> list[str]:
    if Path("specs").is_dir():
        return ["specs"]
    found = sorted(str(path) for path in Path().iterdir() if _looks_like_spec(path))
    if not found:
        raise UsageError("there is no spec in this folder", "name one: runner validate PATH, or - for standard input")
    return found


def _check_all(sources: list[tuple[str, bytes | Diagnostic]]) -> Report:
    diagnostics: list[Diagnostic] = []
    texts: dict[str, str] = {}
    checked = iter(check_each([(path, data) for path, data in sources if isinstance(data, bytes)]))
    for path, data in sources:
        if isinstance(data, Diagnostic):
            diagnostics.append(data)
            continue
        found = next(checked)
        diagnostics += found
        if found:
            texts[path] = data.decode("utf-8-sig", "replace")
    return Report(tuple(diagnostics), texts, len(sources), tuple(path for path, _ in sources))


def _sources(paths: list[str]) -> list[tuple[str, bytes | Diagnostic]]:
    """Every spec once, in the order named and in a folder by name, with its bytes or why it cannot be read."""
    out: dict[str, bytes | Diagnostic] = {}
    for name in paths:
        if name == "-":
            out.setdefault(STDIN, read_stdin())
            continue
        path = Path(name)
        if not name:
            raise UsageError("the path of a spec is empty", "leave it out, or name a spec or a folder")
        if path.is_dir():
            found = list(_search(path))
            if not found:
                raise UsageError(f"there is no spec in the folder {name}", "a spec is a *.yaml with a key `spec`")
            for file in found:
                out.setdefault(str(file), read_spec(file))
        elif not path.exists():
            raise UsageError(f"there is no file or folder {name}", "give the path of a spec, or - for standard input")
        else:
            out.setdefault(name, read_spec(path))
    return list(out.items())


def read_spec(path: Path) -> bytes | Diagnostic:
    """Return the bytes of a spec, or the finding that says why it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"the file cannot be read: {(error.strerror or 'unknown reason').lower()}"
        return Diagnostic("unreadable-file", Severity.ERROR, message, Span(str(path), 1, 1, 1, 1), "check its rights")


def _search(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error  # what cannot be searched is not checked: that must not pass for "no problems"

    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        yield from (path for name in sorted(files) if _looks_like_spec(path := Path(root, name)))


def _looks_like_spec(path: Path) -> bool:
    if path.suffix not in _SUFFIXES or path.name.startswith(".") or not path.is_file():
        return False
    try:
        return _SPEC_KEY.search(path.read_bytes()) is not None
    except OSError:
        return True  # so that it is named among the findings
