"""Plan → Prefect Flow: name, description, version and a signature that becomes the form in the pages.

No server is needed. Prefect reads a flow's parameters from the signature of its function, so the function
gets one made from `inputs_schema`: every input with its own JSON Schema, default, title and description.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias

from prefect import Flow
from prefect.client.schemas.objects import State
from pydantic import Field, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan

#: Keyword arguments that Prefect keeps for itself when a flow is called, and names a method call would shadow.
_RESERVED = {"return_state", "wait_for", "self", "cls"}
#: Pydantic warns of fields whose names begin so, and Prefect makes a model of the parameters.
_PROTECTED = ("model_dump", "model_validate")

Body: TypeAlias = Callable[[dict[str, Json]], Awaitable[State[Any]]]


def build_flow(plan: Plan, body: Body) -> Flow[..., Any]:
    """The Flow of a plan; when it runs, it calls `body` with the inputs and ends in the State that `body` returns.

    `body` must check the inputs itself: Prefect's server enforces enum and ranges but not every keyword, and
    lets unknown names pass.
    """
    names = parameter_names(plan)
    inputs_of = {parameter: name for name, parameter in names.items()}
    properties = _properties(plan)

    def absent(name: str, value: object) -> bool:
        # An input that nobody gave arrives as a marker or as None, not as an error: leave it out, and `body` says so.
        return _is_marker(value) or (value is None and "default" not in properties[name])

    async def run(**given: Any) -> State[Any]:
        return await body({inputs_of[key]: value for key, value in given.items() if not absent(inputs_of[key], value)})

    run.__name__ = run.__qualname__ = re.sub(r"\W", "_", plan.name)
    run.__doc__ = _description(plan)
    run.__signature__ = _signature(plan, names)  # type: ignore[attr-defined]
    return Flow(
        run,
        name=plan.name,
        version=version(plan),
        description=_description(plan),
        # Prefect's validation would cast values and look for block references inside them.
        validate_parameters=False,
        persist_result=False,
        retries=0,
    )


def version(plan: Plan) -> str:
    """The flow's version: a new digest is a new version."""
    return f"1.0.0+{plan.digest[:12]}"


def parameter_names(plan: Plan) -> dict[str, str]:
    """Input name → parameter name: the same, unless Python or Prefect cannot have a parameter of that name."""
    taken: dict[str, str] = {}
    for name in _properties(plan):
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


def _properties(plan: Plan) -> dict[str, dict[str, Any]]:
    found = plan.inputs_schema.get("properties")
    return (
        {name: schema for name, schema in found.items() if isinstance(schema, dict)} if isinstance(found, dict) else {}
    )


def _signature(plan: Plan, names: dict[str, str]) -> inspect.Signature:
    required = plan.inputs_schema.get("required")
    needed = set(required) if isinstance(required, list) else set()
    # Keyword-only: a required input may then follow one with a default, in the order of the spec.
    return inspect.Signature(
        [
            inspect.Parameter(
                names[name],
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(name, schema, name in needed),
                annotation=Annotated[Any, WithJsonSchema(_resolved(schema))],
            )
            for name, schema in _properties(plan).items()
        ]
    )


def _default(name: str, schema: dict[str, Any], needed: bool) -> Any:
    """A FieldInfo: the one way past Prefect's habit of titling each field with its parameter's name."""
    default = schema.get("default", PydanticUndefined if needed else None)
    title = schema.get("title", name)
    return Field(default=default, description=schema.get("description"), json_schema_extra={"title": title})


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what the FieldInfo says, and with titles inside: the form shows nested names by them."""
    out = {key: value for key, value in schema.items() if key not in ("default", "title", "description")}
    if isinstance(properties := out.get("properties"), dict):
        out["properties"] = {
            name: {"title": name} | _nested(inner) if isinstance(inner, dict) else inner
            for name, inner in properties.items()
        }
    return out


def _nested(schema: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: value for key, value in schema.items() if key in ("default", "title", "description")}
    return kept | _resolved(schema)


def _description(plan: Plan) -> str:
    return "\n\n".join(part for part in (plan.title, plan.description) if part) or plan.name


def _is_marker(value: object) -> bool:
    return value is PydanticUndefined or isinstance(value, FieldInfo)
