"""The parameters of templates as they are written."""

from __future__ import annotations

from runner.compiler.document import Mapping, Scalar
from runner.compiler.spec import Named
from runner.compiler.spec.read import mapping
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: its name where it is declared, and its type."""

    key: Scalar
    value: Mapping


def declared_nodes(template: Named) -> dict[str, Param]:
    """The parameters of a template whose types are maps, by name."""
    params = mapping(template.body.get("params"))
    return {
        name: Param(entry.key, entry.value)
        for name, entry in (params.entries.items() if params else ())
        if isinstance(entry.value, Mapping)
    }
