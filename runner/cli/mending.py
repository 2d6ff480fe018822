"""What `runner validate --fix` does with the fixes of findings: they are written, or shown as a difference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.difference import difference
from runner.compiler.diagnostic import Diagnostic
from runner.project.files import STDIN, Source

if TYPE_CHECKING:
    from runner.project.check import Checker


class Mending:
    """Mends specs. `unsafe` takes all fixes instead of the safe ones; `only_show` writes nothing.

    `changed` counts the specs that become another text; `fills_output` says that standard output has that text, or the
    difference: findings must go elsewhere then.
    """

    def __init__(self, checker: Checker, *, unsafe: bool, only_show: bool) -> None:
        self._checker, self._unsafe, self._only_show = checker, unsafe, only_show
        self._fixed: list[Diagnostic] = []
        self._differences: list[str] = []
        self._guesses = 0
        self.changed = 0
        self.fills_output = only_show

    def of(self, source: Source, findings: list[Diagnostic]) -> tuple[Source, list[Diagnostic]]:
        """A spec and its findings after the fixes; as they were if nothing is written."""
        self.fills_output = self.fills_output or source.path == STDIN
        if not isinstance(source.data, bytes):
            return source, findings
        new, remaining = source.data, findings
        if any(one.fix and (one.fix.safe or self._unsafe) for one in findings):
            mended = self._checker.mend(source.path, source.data, unsafe=self._unsafe)
            self._fixed += mended.fixed
            new, remaining = mended.data, mended.remaining
        self._guesses += sum(one.fix is not None and not one.fix.safe for one in remaining)
        self.changed += new != source.data
        if self._only_show:
            self._differences.append(difference(source.path, source.data, new, "fixed"))
            return source, findings
        if source.path == STDIN:
            sys.stdout.buffer.write(new)
        elif new != source.data:
            from runner.project.write import replace_file

            replace_file(Path(source.path), new)
        return Source(source.path, new), remaining

    def tell(self) -> None:
        """Print the differences, or what was fixed."""
        typer.echo("".join(self._differences), nl=False)
        done = "would be fixed" if self._only_show else "fixed"
        for one in self._fixed:
            if one.fix:
                typer.echo(f"{one.fix.span}: {done}[{one.code}]: {one.fix.message}", err=True)
        count = len(self._fixed)
        typer.echo(
            f"{count} problem{'s' * (count != 1)} {done} in {self.changed} file{'s' * (self.changed != 1)}", err=True
        )
        if self._guesses and not self._unsafe:
            more = (
                "more is a guess: --unsafe-fixes takes it"
                if self._guesses == 1
                else "more are guesses: --unsafe-fixes takes them"
            )
            typer.echo(f"{self._guesses} {more}", err=True)
