"""`env-unknown`: a command uses a variable that is meant to be runner's, and that runner does not set."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Fix, warning
from runner.compiler.document import Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.context import Context
from runner.compiler.rules.shell.env_reserved import MEANING, OURS
from runner.compiler.rules.shell.programs import program
from runner.compiler.spec import StepSpec
from runner.compiler.suggest import did_you_mean, nearest

CODE = "env-unknown"
_USED = re.compile(r"'[^'\n]*'|\$\{?((?:RUNNER|GITHUB)_[A-Z0-9_]+)(?!\w)(?!:?[-+])|(::set-output) name=")
#: What files of GitHub Actions are for, and what is done here.
_OF_ACTIONS = {
    "GITHUB_OUTPUT": 'outputs are written to "$RUNNER_OUTPUT", as lines of name=json',
    "GITHUB_ENV": "each step has its own environment: hand on an output, or write `env`",
    "GITHUB_PATH": "each step has its own environment: write `PATH` in `env`, or in the text",
    "GITHUB_STEP_SUMMARY": "hand on a file: outputs: {summary: {artifact: summary.md}}",
}


def check(context: Context) -> list[Diagnostic]:
    """The variables `RUNNER_…` are those that runner sets, `RUNNER_OUTPUT` and its like; others must be given."""
    found: list[Diagnostic] = []
    for step in context.workflow.all_steps:
        node, language = program(step)
        if node is not None and isinstance(node.value, str) and language in ("run", "bash"):
            found += _unknown(context, step, node, node.value)
    return found


def _unknown(context: Context, step: StepSpec, node: Scalar, shell: str) -> Iterator[Diagnostic]:
    where = f"(in `{step.kind}` of the step `{step.id}`)"
    for match in _USED.finditer(shell) if "RUNNER_" in shell or "GITHUB_" in shell or "::set-" in shell else ():
        name = match[1] or ""
        if match[2]:
            message = f"`::set-output` is a command of GitHub Actions, and only printed here {where}"
            yield warning(CODE, message, locate(context.document, node, *match.span(2)), _OF_ACTIONS["GITHUB_OUTPUT"])
        if not name or OURS.fullmatch(name) or _given(context, step, shell, name):
            continue
        span = locate(context.document, node, *match.span(1))
        if name in _OF_ACTIONS:
            message = f"`{name}` is a variable of GitHub Actions, and not set here {where}"
            yield warning(CODE, message, span, _OF_ACTIONS[name])
        elif name.startswith("RUNNER_"):
            near = nearest(name, MEANING)
            fix = Fix(f"replace it by `{near[0]}`", span, near[0], safe=False) if near else None
            hint = did_you_mean(name, MEANING) or "declare it in `env`"
            yield warning(CODE, f"runner sets no variable `{name}` {where}", span, hint, (), fix)


def _given(context: Context, step: StepSpec, shell: str, name: str) -> bool:
    """Whether the spec, or the text itself, gives the variable a value."""
    workflow = context.workflow
    box = workflow.sandboxes.get(sandbox_of(workflow, step) or "")
    return (
        name in {**workflow.env, **step.env, **(box.env if box else {})} or re.search(rf"\b{name}=", shell) is not None
    )
