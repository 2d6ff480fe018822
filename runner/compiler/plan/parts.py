"""The parts of a plan that say how often, when and with what a step runs: fan-out, repetition, caches, limits."""

from __future__ import annotations

from collections.abc import Mapping

from runner.compiler.canonical import Json
from runner.compiler.document import Mapping as MappingNode
from runner.compiler.document import Node, Scalar
from runner.compiler.plan.model import Cache, Concurrency, ForEach, Repeat
from runner.compiler.spec.model import Layer, StepSpec
from runner.compiler.spec.read import at_int, at_text, child, mapping, plain, plain_map, scalar_text, text
from runner.compiler.spec.units import seconds
from runner.compiler.values import coerced

DEFAULT_VARIABLE = "item"


def for_each(step: StepSpec) -> ForEach | None:
    """The fan-out over a list, None without one."""
    node = step.node.get("for_each")
    if node is None:
        return None
    if not isinstance(node, MappingNode):
        return ForEach(plain(node))
    most = at_int(node.get("max_parallel"))
    variable = text(node.get("as")) or DEFAULT_VARIABLE
    return ForEach(plain(node.get("items")), variable, most.value if most else None)


def repeat(step: StepSpec) -> Repeat | None:
    """How often the step is repeated, None for a step that runs once."""
    node = mapping(step.node.get("repeat"))
    until, most = child(node, "until"), at_int(child(node, "max"))
    if not isinstance(until, Scalar) or most is None:
        return None
    return Repeat(scalar_text(until).strip(), most.value, seconds(plain(child(node, "delay"))) or 0.0)


def cache(step: StepSpec) -> Cache | None:
    """The cache of the step's outputs, None without one."""
    node = mapping(step.node.get("cache"))
    key = at_text(child(node, "key"))
    if key is None:
        return None
    ttl = seconds(plain(child(node, "ttl")))
    return Cache(key.value) if ttl is None else Cache(key.value, ttl)


def concurrency(node: Node | None) -> Concurrency | None:
    """The limit that a step or a workflow shares with others, None without one."""
    group = at_text(child(node, "group"))
    if group is None:
        return None
    limit, late = at_int(child(node, "limit")), text(child(node, "on_conflict"))
    base = Concurrency(group.value)
    return Concurrency(group.value, limit.value if limit else base.limit, late or base.on_conflict)


def priority(node: MappingNode) -> int:
    """Which of several goes first: the higher one."""
    written = at_int(node.get("priority"))
    return written.value if written else 0


def params(step: StepSpec) -> tuple[dict[str, Json], ...]:
    """The values of template parameters, a layer for each template, outermost first.

    Each layer hands on those of the layer before that it does not declare itself, so that what an outer template
    writes beside `use` may name them too.
    """
    found: list[dict[str, Json]] = []
    for layer in step.layers:
        outer = found[-1] if found else {}
        handed_on: dict[str, Json] = {name: f"${{{{ params.{name} }}}}" for name in outer}
        found.append({**handed_on, **_values(layer)})
    return tuple(found)


def declared_params(layer: Layer) -> dict[str, Mapping[str, Json]]:
    """The types of a template's parameters, by name."""
    written = layer.template.plain.get("params") if layer.template else None
    params = written if isinstance(written, dict) else {}
    return {name: schema if isinstance(schema, dict) else {} for name, schema in params.items()}


def _values(layer: Layer) -> dict[str, Json]:
    given = plain_map(layer.given)
    return {
        name: coerced(schema, given[name] if name in given else schema.get("default"))
        for name, schema in declared_params(layer).items()
    }
