"""The workflows that a plan runs in its steps, with those that they run: their texts travel with the plan."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator

from runner.compiler.document import Document
from runner.compiler.family import Child, Family, locate
from runner.compiler.plan.model import SubWorkflow


def key_of(top: str, path: str, name: str) -> str:
    """What a plan calls the workflow that a step of the spec at `path` calls `name`.

    That is its path from the folder of the spec at `top`, whose plan it is, with `#NAME` where `name` has one.
    """
    file, mark, wanted = name.partition("#")
    folder = posixpath.dirname(posixpath.normpath(top)) or "."
    return posixpath.relpath(locate(posixpath.normpath(path), file), folder) + mark + wanted


def sub_workflows(document: Document, family: Family) -> dict[str, SubWorkflow]:
    """The workflows that the steps of a document without errors run, by `key_of`; theirs too, in the order met."""
    found: dict[str, SubWorkflow] = {}
    todo = [document]
    for each in todo:
        for name, child in _children(each, family):
            key = key_of(document.path, each.path, name)
            if key not in found:
                text, wanted = child.document.text, name.partition("#")[2]
                digest = hashlib.sha256(text.encode()).hexdigest()
                found[key] = SubWorkflow(key.partition("#")[0], wanted, text, digest)
                todo.append(child.document)
    return found


def _children(document: Document, family: Family) -> Iterator[tuple[str, Child]]:
    for name in family.named(document):
        child = family.child(document, name)
        if isinstance(child, Child):
            yield name, child
