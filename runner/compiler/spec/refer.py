"""What a dotted name of an expression stands for, as a JSON Schema: `inputs.target`, `steps.build.outputs.size`."""

from __future__ import annotations

from collections.abc import Mapping

from runner.compiler.canonical import Json
from runner.compiler.spec.model import OutputSpec, StepSpec, Workflow

Schema = Mapping[str, Json]


def output_schema(output: OutputSpec) -> Schema:
    """The type of one output; an artifact is the text that names its folder."""
    return {"type": "string"} if output.artifact else output.schema or {}


def referred_output(workflow: Workflow, path: tuple[str, ...]) -> tuple[StepSpec, OutputSpec] | None:
    """The step and its output that exactly `steps.STEP.outputs.NAME` names, None for any other name."""
    if len(path) != 4 or path[0] != "steps" or path[2] != "outputs" or path[1] not in workflow.steps:
        return None
    step = workflow.steps[path[1]]
    return (step, step.outputs[path[3]]) if path[3] in step.outputs else None


def referred(workflow: Workflow, path: tuple[str, ...], step: StepSpec | None = None) -> Schema | None:
    """The type of what `path` names in an expression of `step`; None where the spec does not say."""
    if path[0] == "inputs" and len(path) > 1 and path[1] in workflow.inputs:
        return _below(workflow.inputs[path[1]].plain, path[2:])
    if path[0] == "params" and len(path) > 1 and step is not None:
        return _below(_param(step, path[1]), path[2:])
    found = referred_output(workflow, path[:4])
    if found is None:
        return None
    if found[0].many:
        return None if len(path) > 4 else {"type": "array", "items": dict(output_schema(found[1]))}
    return _below(output_schema(found[1]), path[4:])


def _param(step: StepSpec, name: str) -> Schema | None:
    for template in reversed(step.templates):
        params = template.plain.get("params")
        schema = params.get(name) if isinstance(params, dict) else None
        if isinstance(schema, dict):
            return schema
    return None


def _below(schema: Schema | None, path: tuple[str, ...]) -> Schema | None:
    for name in path:
        properties = schema.get("properties") if schema else None
        inner = properties.get(name) if isinstance(properties, dict) else None
        schema = inner if isinstance(inner, dict) else None
    return schema
