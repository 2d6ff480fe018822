"""What an expression may name, and of which type: built from inputs, secrets, matrices and declared outputs.

Types are CEL's own names (`STRING`, `INT`, `DOUBLE`, `BOOL`, `DYN`, `LIST<INT>`, `MAP<STRING, DYN>`).
A secret has an opaque type of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runner.compiler.canonical import Json
from runner.compiler.document import Scalar
from runner.compiler.spec.model import MatrixDecl, OutputSpec, StepSpec, Workflow
from runner.compiler.spec.read import plain
from runner.compiler.values import declared_types, type_name

SECRET = "secret"  # noqa: S105 - the name of a type
STATES = ("succeeded", "failed", "skipped", "cancelled")
_SIMPLE = {"string": "STRING", "integer": "INT", "number": "DOUBLE", "boolean": "BOOL", "null": "NULL"}
_OBJECT = "MAP<STRING, DYN>"
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Symbol:
    """One name: its type, the values it can have (None: any), whether its properties are all known."""

    type: str
    values: tuple[Json, ...] | None = None
    closed: bool = False


Table = dict[str, Symbol]


@dataclass(frozen=True, slots=True)
class Scope:
    """What one place may name. `hidden` are steps that exist and may not be named here, with the reason."""

    table: Mapping[str, Symbol]
    roots: tuple[str, ...]
    hidden: Mapping[str, str] = field(default_factory=dict)


def schema_type(schema: Mapping[str, Json]) -> str:
    """The CEL type of values that fit a schema; DYN where the schema leaves it open."""
    types = declared_types(schema)
    allowed = schema.get("enum")
    if not types and isinstance(allowed, list):
        types = list(dict.fromkeys(type_name(value) for value in allowed))
    if not types and "const" in schema:
        types = [type_name(schema["const"])]
    if len(types) != 1:
        return "DYN"
    if types[0] == "array":
        items = schema.get("items")
        return f"LIST<{schema_type(items) if isinstance(items, dict) else 'DYN'}>"
    return _OBJECT if types[0] == "object" else _SIMPLE.get(types[0], "DYN")


def _add(table: Table, path: str, schema: Mapping[str, Json], depth: int = _DEPTH) -> None:
    allowed = schema.get("enum")
    properties = schema.get("properties")
    known = isinstance(properties, dict) and schema.get("additionalProperties", False) is False
    values = tuple(allowed) if isinstance(allowed, list) else None
    table[path] = Symbol(schema_type(schema), values, known)
    for name, inner in properties.items() if isinstance(properties, dict) and depth else ():
        if isinstance(inner, dict):
            _add(table, f"{path}.{name}", inner, depth - 1)


def _add_output(table: Table, path: str, output: OutputSpec, *, many: bool) -> None:
    schema: Mapping[str, Json] = {"type": "string"} if output.artifact else output.schema or {}
    if many:
        table[path] = Symbol(f"LIST<{schema_type(schema)}>")
    else:
        _add(table, path, schema)


def base_table(workflow: Workflow) -> Table:
    """Everything but matrices: the same for the whole workflow."""
    table: Table = {}
    for name, declared in workflow.inputs.items():
        _add(table, f"inputs.{name}", declared.plain)
    for name in workflow.secrets:
        table[f"secrets.{name}"] = Symbol(SECRET)
    table["run.id"] = table["run.name"] = Symbol("STRING")
    for step in workflow.steps.values():
        path = f"steps.{step.id}"
        table[f"{path}.state"] = Symbol("STRING", STATES)
        table[f"{path}.outputs"] = Symbol(_OBJECT, closed=not step.outputs_open)
        for name, output in step.outputs.items():
            _add_output(table, f"{path}.outputs.{name}", output, many=step.many)
    return table


def own_outputs(step: StepSpec) -> Table:
    """`outputs.NAME`, the step's own as each leg gives them: for the condition that ends a repetition."""
    table: Table = {}
    for name, output in step.outputs.items():
        _add_output(table, f"outputs.{name}", output, many=False)
    return table


def template_table(step: StepSpec, depth: int | None = None) -> Table:
    """The parameters that a step may name: those of the templates it is made of, the innermost last.

    With `depth`: what may be named in what is given to that layer.
    """
    table: Table = {}
    uses = len(step.layers) if depth is None else depth
    seen = len(step.templates) - len([one for one in step.layers[uses:] if one.template is not None])
    for template in step.templates[:seen]:
        params = template.plain.get("params")
        for name, schema in params.items() if isinstance(params, dict) else ():
            _add(table, f"params.{name}", schema if isinstance(schema, dict) else {})
    return table


def policy_table(base: Mapping[str, Symbol]) -> Table:
    """What a policy may watch beside: the run's cost and time."""
    return {**base, "run.cost.usd": Symbol("DOUBLE"), "run.seconds": Symbol("DOUBLE"), "run.state": Symbol("STRING")}


def common_type(values: Iterable[Json]) -> str:
    """The type of all the values, DYN when they differ."""
    types = {schema_type({"const": value}) for value in values}
    return types.pop() if len(types) == 1 else "DYN"


def matrix_table(matrix: MatrixDecl, axis_types: Mapping[str, str]) -> Table:
    """The names under `matrix` of one step. `axis_types` are the types of axes that are expressions."""
    table: Table = {}
    for name, axis in matrix.axes.items():
        if isinstance(axis, Scalar):
            table[f"matrix.{name}"] = Symbol(axis_types.get(name, "DYN"))
        else:
            values = [plain(item) for item in axis]
            templated = any(isinstance(value, str) and "${{" in value for value in values)
            table[f"matrix.{name}"] = Symbol("DYN" if templated else common_type(values))
    extra: dict[str, list[Json]] = {}
    for row in matrix.include:
        for key, entry in row.entries.items():
            extra.setdefault(key, []).append(plain(entry.value))
    for key, values in extra.items():
        mine = table.get(f"matrix.{key}")
        found = common_type(values)
        table[f"matrix.{key}"] = Symbol(found if mine is None or mine.type == found else "DYN")
    return table
