"""What an expression may name, and of which type: built from inputs, secrets, matrices and declared outputs.

A name stands for a declared value; what is below that (properties, items) is in its type. For a quick look types also
have CEL's own names (`STRING`, `INT`, `DOUBLE`, `BOOL`, `DYN`, `LIST<INT>`, `MAP<STRING, DYN>`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from runner.compiler.canonical import Json
from runner.compiler.document import Scalar
from runner.compiler.expressions.facts import Facts
from runner.compiler.expressions.types import ANY, Type, from_cel, from_schema, list_of, of_value, union
from runner.compiler.spec.model import MatrixDecl, OutputSpec, StepSpec, Workflow
from runner.compiler.spec.read import plain
from runner.records import dataclass

SECRET = "secret"  # noqa: S105 - the name of a type
STATES = ("succeeded", "failed", "skipped", "cancelled")
_OBJECT = "MAP<STRING, DYN>"
_RUN_STATES = ("pending", "running", "paused", "succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Symbol:
    """One name: the name of its type in CEL, the values it can have (None: any), whether all names below it are known.

    `shape` is its type to the leaf; without one, what the others say.
    """

    type: str
    values: tuple[Json, ...] | None = None
    closed: bool = False
    shape: Type | None = None

    @property
    def known(self) -> Type:
        """All that is known of its type."""
        if self.shape is not None:
            return self.shape
        found = from_cel(self.type)
        return found if self.values is None else replace(found, values=self.values)


def symbol_of(kind: Type) -> Symbol:
    """The symbol for a value of that type."""
    return Symbol(kind.cel, kind.values, kind.closed, kind)


Table = dict[str, Symbol]


@dataclass(frozen=True, slots=True)
class Scope:
    """What one place may name. `hidden` are steps that exist and may not be named here, with the reason.

    `doubts` are steps that may have no outputs when this place is reached, and names such as `matrix.os` that may have
    no value, with the reason; `follows` says for a step
    which others succeeded if it did. `given` is what is known where this place is reached.
    """

    table: Mapping[str, Symbol]
    roots: tuple[str, ...]
    hidden: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    follows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    given: Facts = field(default_factory=Facts)


def _add(table: Table, path: str, schema: Mapping[str, Json]) -> None:
    table[path] = symbol_of(from_schema(schema))


def _add_output(table: Table, path: str, output: OutputSpec, *, many: bool) -> None:
    schema: Mapping[str, Json] = {"type": "string"} if output.artifact else output.schema or {}
    kind = from_schema(schema)
    table[path] = symbol_of(list_of(kind) if many else kind)


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
            if step.outputs_open:  # a key is mistyped: it may be the one that makes them lists
                table[f"{path}.outputs.{name}"] = Symbol("DYN")
            else:
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
    amount = symbol_of(Type("number", low=0))
    state = symbol_of(Type("text", _RUN_STATES))
    return {**base, "run.cost.usd": amount, "run.seconds": amount, "run.state": state}


def literal_type(values: Iterable[Json]) -> Type:
    """The type of a value that is one of these, as they are written; ANY where one of them is an expression."""
    known = list(values)
    if any("${{" in json.dumps(value) for value in known if not isinstance(value, int | float)):
        return ANY
    return union(of_value(value) for value in known)


def matrix_table(matrix: MatrixDecl, axis_types: Mapping[str, Type]) -> Table:
    """The names under `matrix` of one step. `axis_types` are the types of axes that are expressions."""
    found: dict[str, Type] = {}
    for name, axis in matrix.axes.items():
        if isinstance(axis, Scalar):
            found[name] = axis_types.get(name, ANY)
        else:
            found[name] = literal_type(plain(item) for item in axis)
    for row in matrix.include:
        for key, entry in row.entries.items():
            added = literal_type([plain(entry.value)])
            found[key] = union((found[key], added)) if key in found else added
    return {f"matrix.{name}": symbol_of(kind) for name, kind in found.items()}
