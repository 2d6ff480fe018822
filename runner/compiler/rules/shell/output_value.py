"""`output-value`: what a command writes as an output is no JSON, or not of the declared type."""

from __future__ import annotations

import json

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Diagnostic, error
from runner.compiler.document import Scalar
from runner.compiler.expressions.place import locate
from runner.compiler.rules.context import Context
from runner.compiler.rules.shell.written import FILE, Written, writing
from runner.compiler.spec.model import OutputSpec
from runner.compiler.values import declared_types, problems

CODE = "output-value"
_MOST = 40  # characters of a value that are shown
_OF_TYPE = {
    "boolean": "write `true` or `false`",
    **dict.fromkeys(("integer", "number"), "write a number, without a unit"),
    "array": "write a list as JSON: [1, 2]",
    "object": 'write a map as JSON: {"a": 1}; jq makes one',
}
_BEGINS = frozenset('"-0123456789[{tfn ')  # what JSON begins with


def check(context: Context) -> list[Diagnostic]:
    """A line of `$RUNNER_OUTPUT` is name=json: a text stands in double quotes, which the shell must leave there."""
    found = []
    for step in context.workflow.all_steps:
        node = step.action
        if step.kind != "run" or not isinstance(node, Scalar) or FILE not in str(node.value):
            continue
        for one in writing(str(node.value)).names:
            output = step.outputs.get(one.name)
            trouble = _trouble(one, output) if output is not None and output.artifact is None else None
            if trouble:
                span = locate(context.document, node, one.start, one.end)
                found.append(error(CODE, f"{trouble[0]} (in `run` of the step `{step.id}`)", span, trouble[1]))
    return found


def _trouble(one: Written, output: OutputSpec) -> tuple[str, str] | None:
    """What is wrong with a value, and what to do."""
    if "\n" in one.value or "\\n" in one.value:  # several lines
        return None
    if not one.whole:
        if not one.value or one.value[0] in _BEGINS:
            return None
        hint = f'a text stands in double quotes: echo "{one.name}=\\"$VALUE\\""; or let jq write it: jq -R .'
        return f"the output `{one.name}` is no JSON: it begins with `{one.value[:_MOST]}`", hint
    try:
        value: Json = json.loads(one.value)
    except (ValueError, RecursionError):
        kind = next(iter(declared_types(output.schema or {})), "")
        hint = _OF_TYPE.get(kind, f"a text stands in double quotes: echo '{one.name}=\"{one.value[:_MOST]}\"'")
        return f"the output `{one.name}` is no JSON: `{one.value[:_MOST]}`", hint
    wrong = next(problems(output.schema or {}, value), "")
    if wrong:
        return f"the output `{one.name}` does not fit: {wrong}", "write another value, or correct the declared type"
    return None
