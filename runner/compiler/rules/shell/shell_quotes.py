"""`shell-quotes`: an expression where the shell replaces no variable: single quotes, a quoted heredoc."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import DEFAULT_LIMITS, Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.shell import Problem, rewrite
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec

CODE = "shell-quotes"
_WHY = {
    "single-quotes": ("inside single quotes", "use double quotes there, or put the value into `env` first"),
    "quoted-heredoc": ("inside a heredoc with a quoted end word", "write the end word without quotes: <<EOF"),
}


def _finding(context: Context, step: StepSpec, node: Scalar, problem: Problem) -> Diagnostic:
    where, hint = _WHY[problem.trouble]
    end = problem.start + len(problem.expression) + 5
    why = f"cannot be passed {where}: the shell would keep the text"
    message = f"`{problem.expression}` {why} (in `run` of the step `{step.id}`)"
    return error(CODE, message, locate(context.document, node, problem.start, end), hint)


def check(context: Context) -> list[Diagnostic]:
    """Values reach a shell as variables; where the shell expands none, there can be no expression."""
    return [
        _finding(context, step, step.action, problem)
        for step in context.workflow.all_steps
        if step.kind == "run" and isinstance(step.action, Scalar) and isinstance(step.action.value, str)
        for problem in rewrite(step.action.value).problems[: DEFAULT_LIMITS.findings]
    ]
