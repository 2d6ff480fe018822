"""The part of a value that a sentence of `runner.compiler.values.problems` is about."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Span
from runner.compiler.document import Mapping, Node, Sequence

_PLACE = re.compile(r"((?:[^\s.:\[\]]+|\[[0-9]+\])(?:\.[^\s.:\[\]]+|\[[0-9]+\])*): ")
_PART = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")


def leaf_span(node: Node, sentence: str) -> Span:
    """Where the value stands that the sentence names at its beginning (`a.b[0]: …`), else `node` as a whole."""
    match = _PLACE.match(sentence)
    found: Node = node
    for number, name in _PART.findall(match[1]) if match else ():
        if isinstance(found, Sequence) and number and int(number) < len(found.items):
            found = found.items[int(number)]
        elif isinstance(found, Mapping) and name in found.entries:
            found = found.entries[name].value
        else:
            return node.span
    return found.span
