"""The form of a flow's parameters, as Prefect's pages show it, made from a plan. Imports no Prefect.

Prefect computes the same schema from the signature of the flow (`build.py`) whenever its own tools deploy the flow;
tests/flow/test_form.py holds that the two are equal.
"""

from __future__ import annotations

import keyword
import re
from typing import Any

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan

#: Keyword arguments that Prefect keeps for itself when a flow is called, and names a method call would shadow.
_RESERVED = {"return_state", "wait_for", "self", "cls"}
#: Pydantic warns of fields whose names begin so, and Prefect makes a model of the parameters.
_PROTECTED = ("model_dump", "model_validate")


def version(plan: Plan) -> str:
    """The flow's version: a new digest is a new version."""
    return f"1.0.0+{plan.digest[:12]}"


def description(plan: Plan) -> str:
    """What the pages say of the flow: its title and description, else its name."""
    return "\n\n".join(part for part in (plan.title, plan.description) if part) or plan.name


def parameter_names(plan: Plan) -> dict[str, str]:
    """Input name → parameter name: the same, unless Python or Prefect cannot have a parameter of that name."""
    taken: dict[str, str] = {}
    for name in input_schemas(plan):
        parameter = re.sub(r"\W", "_", name)
        if _impossible(parameter):
            parameter = f"input_{parameter}"
        while parameter in taken.values():
            parameter += "_"
        taken[name] = parameter
    return taken


def _impossible(parameter: str) -> bool:
    odd = keyword.iskeyword(parameter) or not parameter.isidentifier()
    return odd or parameter in _RESERVED or parameter.startswith(_PROTECTED)


def parameters(plan: Plan, inputs: dict[str, Json]) -> dict[str, Json]:
    """The inputs under their parameter names, as a flow run keeps and shows them."""
    names = parameter_names(plan)
    return {names[name]: value for name, value in inputs.items() if name in names}


def input_schemas(plan: Plan) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each input, by its name."""
    found = plan.inputs_schema.get("properties")
    return (
        {name: schema for name, schema in found.items() if isinstance(schema, dict)} if isinstance(found, dict) else {}
    )


def required_inputs(plan: Plan) -> set[str]:
    """The names of the inputs that have to be given."""
    required = plan.inputs_schema.get("required")
    return {str(name) for name in required} if isinstance(required, list) else set()


def parameter_schema(plan: Plan) -> dict[str, Any]:
    """The schema that a deployment hands to the pages, by parameter name, each with its `position` in the form."""
    names, needed = parameter_names(plan), required_inputs(plan)
    properties = {}
    for position, (name, schema) in enumerate(input_schemas(plan).items()):
        shown = {**resolved(schema), "title": schema.get("title", name), "position": position}
        if "description" in schema:
            shown["description"] = schema["description"]
        if "default" in schema:
            shown["default"] = schema["default"]
        properties[names[name]] = shown
    required = [
        names[name] for name in input_schemas(plan) if name in needed and "default" not in properties[names[name]]
    ]
    return {"title": "Parameters", "type": "object", "properties": properties, "required": required, "definitions": {}}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what is said of the field itself, with titles inside: the form shows nested names by them."""
    out = {key: value for key, value in schema.items() if key not in ("default", "title", "description")}
    if isinstance(properties := out.get("properties"), dict):
        out["properties"] = {
            name: {"title": name} | _nested(inner) if isinstance(inner, dict) else inner
            for name, inner in properties.items()
        }
    return out


def _nested(schema: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: value for key, value in schema.items() if key in ("default", "title", "description")}
    return kept | resolved(schema)
