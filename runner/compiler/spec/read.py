"""Tolerant readers of a tree: the value if it has the right kind, else nothing. They never raise."""

from __future__ import annotations

from runner.compiler.canonical import Json
from runner.compiler.diagnostic import Span
from runner.compiler.document import Mapping, Node, Scalar, Sequence
from runner.compiler.spec.model import At


def plain(node: Node | None) -> Json:
    """The tree as plain JSON values. Numbers JSON cannot hold (NaN, infinity) become null."""
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if node is None or (isinstance(node.value, float) and node.value - node.value != 0):
        return None
    return node.value


def mapping(node: Node | None) -> Mapping | None:
    """The node if it is a map."""
    return node if isinstance(node, Mapping) else None


def child(node: Node | None, key: str) -> Node | None:
    """The value under `key` if the node is a map that has it."""
    return node.get(key) if isinstance(node, Mapping) else None


def items(node: Node | None) -> tuple[Node, ...]:
    """The items of a list; a single node counts as a list of one; nothing for None."""
    if isinstance(node, Sequence):
        return node.items
    return () if node is None else (node,)


def text(node: Node | None) -> str:
    """A scalar as text, as it was written; "" for anything else."""
    if not isinstance(node, Scalar) or node.value is None:
        return ""
    return node.value if isinstance(node.value, str) else scalar_text(node)


def scalar_text(node: Scalar) -> str:
    """What a scalar means where text is wanted: `8080`, `true`; null is empty."""
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if node.value is None:
        return ""
    return node.value if isinstance(node.value, str) else (node.text or str(node.value))


def at_text(node: Node | None) -> At[str] | None:
    """A non-empty string with its place."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
        return At(node.value, node.span)
    return None


def at_int(node: Node | None) -> At[int] | None:
    """A whole number with its place."""
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return At(node.value, node.span)
    return None


def texts(node: Node | None) -> tuple[At[str], ...]:
    """The strings of a list (or one string), each with its place."""
    found = (at_text(item) for item in items(node))
    return tuple(item for item in found if item is not None)


def scalars(node: Node | None) -> tuple[Scalar, ...]:
    """The scalars of a list (or one scalar)."""
    return tuple(item for item in items(node) if isinstance(item, Scalar))


def scalar(node: Node | None) -> Scalar | None:
    """The node if it is a scalar with a value."""
    return node if isinstance(node, Scalar) and node.value is not None else None


def scalar_map(node: Node | None) -> dict[str, Scalar]:
    """The scalar values of a map, by key."""
    if not isinstance(node, Mapping):
        return {}
    return {key: entry.value for key, entry in node.entries.items() if isinstance(entry.value, Scalar)}


def plain_map(node: Node | None) -> dict[str, Json]:
    """A map as plain JSON; empty for anything else."""
    value = plain(node)
    return value if isinstance(value, dict) else {}


def key_span(node: Mapping, key: str) -> Span:
    """Where the key of an entry is written; the map's place if there is no such key."""
    entry = node.entries.get(key)
    return node.span if entry is None else entry.key.span
