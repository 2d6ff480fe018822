"""`runner explain`: what a check means, with an example."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict

import typer

from runner.compiler.handbook import sections
from runner.compiler.suggest import did_you_mean
from runner.errors import UsageError


def explain(
    code: str | None = typer.Argument(None, metavar="[CODE]", help="The code of a finding, such as needs-cycle."),
    json_: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Say what a check means, with an example of what it finds.

    The code of a finding stands in brackets behind its severity. Without CODE: all codes, one a line.
    """
    known = sections()
    if code is None:
        if json_:
            typer.echo(json.dumps([{"code": one.code, "summary": one.summary} for one in known.values()], indent=2))
            return
        width = max(map(len, known))
        for one in known.values():
            typer.echo(f"{one.code.ljust(width)}  {one.summary}")
        return
    found = known.get(code.strip().strip("[]"))
    if found is None:
        raise UsageError(f"there is no check `{code}`", _advice(code, known))
    if json_:
        typer.echo(json.dumps({**asdict(found), "summary": found.summary}, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{found.code}\n\n{found.text}")


def _advice(code: str, known: Iterable[str]) -> str:
    if re.fullmatch(r"SC\d+", code.strip(), re.IGNORECASE):
        return "that is a code of ShellCheck: runner explain shell-check"
    return did_you_mean(code, known) or "all of them: runner explain"
