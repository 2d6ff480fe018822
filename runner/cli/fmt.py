"""`runner fmt`: specs written in one way, with every comment where it belongs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer

from runner.cli.difference import difference
from runner.cli.validate import print_report
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.layout import formatted
from runner.compiler.renderers import Report
from runner.project.files import STDIN, sources
from runner.project.settings import Projects
from runner.project.write import replace_file
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class _File:
    """A spec as it is and as it should be; `errors` say why it stays as it is."""

    path: str
    old: bytes
    new: bytes
    errors: tuple[Diagnostic, ...] = ()

    @property
    def changes(self) -> bool:
        return self.new != self.old


def fmt(
    paths: list[str] = typer.Argument(
        None,
        metavar="[PATHS|-]",
        help="Specs, folders with specs, or - for standard input, written to standard output.",
    ),
    check: bool = typer.Option(False, "--check", help="Write nothing; exit code 1 if a file would change."),
    diff: bool = typer.Option(False, "--diff", help="Write nothing; print what would change."),
    json_: bool = typer.Option(False, "--json", help="Print which files change, and which have errors, as JSON."),
) -> None:
    """Write specs in one way, with their comments.

    That is about indentation, blanks, quotes, and the order of the keys of a spec and of its steps. Comments, block
    texts and what a spec means stay as they are. A file that is no YAML is left alone; its errors are printed, and the
    exit code is 1. Without PATHS: the same specs as `runner validate`.
    """
    named = sources(paths or [], Projects(), sys.stdin.buffer if sys.stdin else None)
    files = [_formatted(source.path, source.data) for source in named]
    if not (check or diff):
        _write(files, quiet=json_)
    if json_:
        _print_json(files)
    else:
        _print(files, check=check, diff=diff)
    if any(file.errors or (check and file.changes) for file in files):
        raise typer.Exit(1)


def _formatted(path: str, data: bytes | Diagnostic) -> _File:
    if isinstance(data, Diagnostic):
        return _File(path, b"", b"", (data,))
    found = formatted(data, path)
    return _File(path, data, found.data, found.errors)


def _write(files: list[_File], *, quiet: bool) -> None:
    for file in files:
        if file.path == STDIN:
            if not (quiet or file.errors):
                sys.stdout.buffer.write(file.new)
        elif file.changes:
            replace_file(Path(file.path), file.new)


def _print_json(files: list[_File]) -> None:
    errors = [file.path for file in files if file.errors]
    changed = [file.path for file in files if file.changes]
    typer.echo(json.dumps({"changed": changed, "errors": errors, "files": len(files)}, ensure_ascii=False))


def _print(files: list[_File], *, check: bool, diff: bool) -> None:
    """Differences and errors to standard output, what happened to standard error."""
    errors = [found for file in files for found in file.errors]
    if errors:
        texts = {file.path: file.old.decode("utf-8-sig", "replace") for file in files if file.errors and file.old}
        print_report(Report(tuple(errors), texts, len(files)), "text")
    changed = [file for file in files if file.changes]
    if diff:
        typer.echo("".join(difference(file.path, file.old, file.new, "formatted") for file in changed), nl=False)
    done = "would change" if check or diff else "formatted"
    for file in changed:
        typer.echo(f"{done}: {file.path}", err=True)
    fine = len(files) - len(changed) - sum(bool(file.errors) for file in files)
    typer.echo(f"{_files(len(changed))} {done}, {fine} in order already", err=True)


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
