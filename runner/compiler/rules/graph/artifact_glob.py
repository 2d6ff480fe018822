"""`artifact-glob`: a glob that can match nothing that a step hands on."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.rules.context import Context

CODE = "artifact-glob"
#: Folders in a box's home that are the runner's own; `runner.run.artifacts` leaves them out of every artifact.
_OWN = (".artifacts", ".runner")
_RANGE = re.compile(r"(\w)-(\w)")


def _trouble(glob: str) -> tuple[str, str] | None:
    parts = glob.split("/")
    if glob.startswith(("/", "~")):
        return "is absolute", "write it relative to the step's working folder (`cwd`): dist/**"
    if ".." in parts:
        return "leaves the folder with `..`", "write it relative to the step's working folder (`cwd`): dist/**"
    if "\\" in glob:
        return "has a backslash, which is no separator of folders", "separate folders by `/`: dist/**"
    if "${{" in glob:
        return "has an expression, and none is filled in here", "write a wildcard: dist/*.tar"
    if parts[0] in _OWN:
        return f"lies in `{parts[0]}`, which belongs to the runner", "write the file to another folder"
    return _bad_set(glob)


def _bad_set(glob: str) -> tuple[str, str] | None:
    for inside in re.findall(r"\[(.[^\]]*)\]", glob):
        for low, high in _RANGE.findall(inside):
            if low > high:
                return f"has a set that is backwards, `[{inside}]`", f"write the smaller one first: [{high}-{low}]"
    return None


def check(context: Context) -> list[Diagnostic]:
    """An artifact is a glob relative to the step's working folder, and stays below it."""
    found = []
    for step in context.workflow.all_steps:
        for output in step.outputs.values():
            trouble = _trouble(output.artifact.value) if output.artifact else None
            if output.artifact and trouble:
                message = f"the artifact `{output.name}` of `{step.id}`: `{output.artifact.value}` {trouble[0]}"
                found.append(error(CODE, message, output.artifact.span, trouble[1]))
    return found
