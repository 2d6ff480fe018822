"""Plan → Prefect Flow: name, description, version and a signature that becomes the form in the pages.

No server is needed. Prefect reads a flow's parameters from the signature of its function, so the function
gets one made from `inputs_schema`: every input with its own JSON Schema, default, title and description.
"""

from __future__ import annotations

import inspect
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
from runner.flow.form import description, input_schemas, parameter_names, required_inputs, resolved, version

Body: TypeAlias = Callable[[dict[str, Json]], Awaitable[State[Any]]]


def build_flow(plan: Plan, body: Body) -> Flow[..., Any]:
    """The Flow of a plan; when it runs, it calls `body` with the inputs and ends in the State that `body` returns.

    `body` must check the inputs itself: Prefect's server enforces enum and ranges but not every keyword, and
    lets unknown names pass.
    """
    names = parameter_names(plan)
    inputs_of = {parameter: name for name, parameter in names.items()}
    properties = input_schemas(plan)

    def absent(name: str, value: object) -> bool:
        # An input that nobody gave arrives as a marker or as None, not as an error: leave it out, and `body` says so.
        return _is_marker(value) or (value is None and "default" not in properties[name])

    async def run(**given: Any) -> State[Any]:
        return await body({inputs_of[key]: value for key, value in given.items() if not absent(inputs_of[key], value)})

    run.__name__ = run.__qualname__ = re.sub(r"\W", "_", plan.name)
    run.__doc__ = description(plan)
    run.__signature__ = _signature(plan, names)  # type: ignore[attr-defined]
    return Flow(
        run,
        name=plan.name,
        version=version(plan),
        description=description(plan),
        # Prefect's validation would cast values and look for block references inside them.
        validate_parameters=False,
        persist_result=False,
        retries=0,
    )


def _signature(plan: Plan, names: dict[str, str]) -> inspect.Signature:
    needed = required_inputs(plan)
    # Keyword-only: a required input may then follow one with a default, in the order of the spec.
    return inspect.Signature(
        [
            inspect.Parameter(
                names[name],
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(name, schema, name in needed),
                annotation=Annotated[Any, WithJsonSchema(resolved(schema))],
            )
            for name, schema in input_schemas(plan).items()
        ]
    )


def _default(name: str, schema: dict[str, Any], needed: bool) -> Any:
    """A FieldInfo: the one way past Prefect's habit of titling each field with its parameter's name."""
    default = schema.get("default", PydanticUndefined if needed else None)
    title = schema.get("title", name)
    return Field(default=default, description=schema.get("description"), json_schema_extra={"title": title})


def _is_marker(value: object) -> bool:
    return value is PydanticUndefined or isinstance(value, FieldInfo)
