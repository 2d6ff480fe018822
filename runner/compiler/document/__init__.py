"""YAML text to a tree whose every value AND key knows its line and column.

Read in this order: `nodes` (the tree), `source` (bytes to text), `scalars` (text to values),
`builder` (parser events to the tree, with the limits), `syntax` (the parser's complaints in our
words), `reader` (all of it together). Only `reader` and `builder` know the YAML library.
"""

from runner.compiler.document.limits import DEFAULT_LIMITS, Limits
from runner.compiler.document.nodes import Document, Entry, Mapping, Node, Scalar, Sequence, to_json
from runner.compiler.document.reader import read, read_all
from runner.compiler.document.source import split_lines

__all__ = [
    "DEFAULT_LIMITS",
    "Document",
    "Entry",
    "Limits",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "read",
    "read_all",
    "split_lines",
    "to_json",
]
