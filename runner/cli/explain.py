"""`runner explain`: what a check means, with an example; or why a step of a run was run or not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import typer

from runner.compiler.handbook import sections
from runner.compiler.suggest import did_you_mean
from runner.errors import UsageError


def explain(
    code: str | None = typer.Argument(
        None,
        metavar="[CODE|RUN]",
        help="The code of a finding, such as needs-cycle; or a run, before a step.",
    ),
    step: str | None = typer.Argument(None, metavar="[STEP]", help="A step of RUN, or a leg of one."),
    state: Path = typer.Option(
        Path(".runner"), "--state", envvar="RUNNER_STATE", metavar="DIR", help="The folder that holds RUN."
    ),
    json_: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Say what a check means, or why a step of a run was run or not.

    The code of a finding stands in brackets behind its severity; with an example. Without CODE: all codes, one a line.

    With RUN and STEP: what came before it, its condition, its cache key and what changed in it, its attempts, its box.
    """
    if code is not None and step is not None:
        from runner.cli.explain_step import explain_step

        explain_step(state, code, step, as_json=json_)
        return
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
