"""The tree of errors at the top of `errors.py` is the tree that there is."""

from __future__ import annotations

import re

from runner import errors
from runner.errors import RunnerError


def drawn() -> dict[str, str]:
    """Each error of the drawing with the one it hangs on."""
    path: list[str] = []
    found: dict[str, str] = {}
    for indent, name in re.findall(r"^([ │├└─]+)([A-Z]\w+)\b", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4 - 1
        path[depth:] = [name]
        found[name] = path[depth - 1] if depth else ""
    return found


def test_the_drawing_is_true() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RunnerError)]
    true = {kind.__name__: "" if kind is RunnerError else kind.__mro__[1].__name__ for kind in classes}
    assert drawn() == true


def test_nobody_hangs_an_error_on_the_tree_elsewhere() -> None:
    def below(kind: type[RunnerError]) -> set[type[RunnerError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    from runner import wiring  # noqa: F401 - every room below it is then at hand
    from runner.run import execute  # noqa: F401
    from runner.sandbox import e2b_errors  # noqa: F401
    from runner.store import surreal  # noqa: F401

    strangers = [kind.__name__ for kind in below(RunnerError) if kind.__module__ != "runner.errors"]
    assert [name for name in strangers if not name.startswith("_")] == []
