"""`artifact-glob`: a glob that leaves the step's working folder."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context

CODE = "artifact-glob"


def _trouble(glob: str) -> str | None:
    if glob.startswith(("/", "~")):
        return "is absolute"
    return "leaves the folder with `..`" if ".." in glob.split("/") else None


def check(context: Context) -> list[Diagnostic]:
    """An artifact is a glob relative to the step's working folder, and stays below it."""
    found = []
    for step in context.workflow.all_steps:
        for output in step.outputs.values():
            trouble = _trouble(output.artifact.value) if output.artifact else None
            if output.artifact and trouble:
                message = f"the artifact `{output.name}` of `{step.id}`: `{output.artifact.value}` {trouble}"
                hint = "write it relative to the step's working folder (`cwd`): dist/**"
                found.append(error(CODE, message, output.artifact.span, hint))
    return found
