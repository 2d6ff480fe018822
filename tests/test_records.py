"""Our `dataclass` makes what the standard library's makes."""

from __future__ import annotations

import ast
import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest

from runner.records import dataclass

OPTIONS = [
    {"frozen": frozen, "slots": slots, **more}
    for frozen in (False, True)
    for slots in (False, True)
    for more in ({}, {"eq": False}, {"order": True})
]


def classes(make: Callable[..., Any], options: dict[str, Any]) -> tuple[Any, Any]:
    @make(**options)
    class Base:
        """A base."""

        a: int
        b: str = "x"

    @make(**options)
    class Inner(Base):
        """With more."""

        c: list[int] = field(default_factory=list)
        d: int = field(default=3, compare=False, repr=False)

    return Base, Inner


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - compared
        return type(error)


ACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "repr": lambda base, inner: repr([base(1), base(a=2, b="y"), inner(1, "z", [2], 4)]),
    "repr of fields": lambda base, inner: repr(dataclasses.fields(inner)),
    "equal": lambda base, inner: [
        base(1) == base(1),
        base(1) == base(2),
        base(1) != base(1),
        base(1) == inner(1),
        inner(1, d=1) == inner(1, d=2),
        base(1) == 1,
    ],
    "hash": lambda base, inner: len({base(1), base(1), base(2)}),
    "hash of what counts": lambda base, inner: (
        [base(1)] == [base(1)] and hash(inner(1, c=(), d=4)) - hash(inner(1, c=()))
    ),
    "no hash of a list": lambda base, inner: len({inner(1)}),
    "order": lambda base, inner: (base(1) < base(2), base(2) <= base(1), base(1) > base(0), inner(1) >= inner(1)),
    "sort": lambda base, inner: [one.a for one in sorted([base(3), base(1), base(2)])],
    "order with others": lambda base, inner: base(1) < inner(1),
    "a list of its own": lambda base, inner: inner(1).c is inner(1).c,
    "too few": lambda base, inner: base(),
    "too many": lambda base, inner: base(1, "2", 3),
    "unknown": lambda base, inner: base(1, z=3),
    "assign": lambda base, inner: setattr(base(1), "a", 2),
    "assign another": lambda base, inner: isinstance(outcome(lambda: setattr(base(1), "z", 2)), type),
    "delete": lambda base, inner: delattr(base(1), "a"),
    "replace": lambda base, inner: repr(dataclasses.replace(inner(1, d=9), a=5)),
    "asdict": lambda base, inner: dataclasses.asdict(inner(1, c=[1])),
    "match": lambda base, inner: (base.__match_args__, inner.__match_args__),
    "copy": lambda base, inner: repr(copy.deepcopy(inner(1, c=[1]))),
    "slots": lambda base, inner: (getattr(base, "__slots__", None), getattr(inner, "__slots__", None)),
    "no dict": lambda base, inner: hasattr(base(1), "__dict__"),
}


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_as_the_standard_library(name: str, options: dict[str, Any]) -> None:
    expected = outcome(lambda: ACTIONS[name](*classes(dataclasses.dataclass, options)))
    assert outcome(lambda: ACTIONS[name](*classes(dataclass, options))) == expected
    ours = classes(dataclass, options)
    assert [outcome(lambda: ACTIONS[name](*ours)) for _ in range(2)] == [expected] * 2, "and again, once it is made"


@dataclass(frozen=True, slots=True)
class Frozen:
    """For pickles, which find their class by its name."""

    a: int
    b: tuple[int, ...] = ()


@dataclass(slots=True)
class Open:
    """The same, not frozen."""

    a: int
    b: tuple[int, ...] = ()


@pytest.mark.parametrize("value", [Frozen(1, (2,)), Open(3)])
def test_pickles(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


def test_the_message_names_the_field() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'a'"):
        Frozen(1).a = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'a'"):
        del Frozen(1).a  # type: ignore[misc]


def test_what_the_author_wrote_stays() -> None:
    @dataclass(frozen=True)
    class Own:
        a: int

        def __post_init__(self) -> None:
            seen.append(self.a)

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "own"

    seen: list[int] = []
    assert (Own(1), hash(Own(2)), repr(Own(3))) == (Own(4), 7, "own")
    assert seen[:2] == [1, 2]


@pytest.mark.parametrize("options", [{"init": False}, {"kw_only": True}])
def test_options_of_fields_that_are_not_heeded_are_refused(options: dict[str, Any]) -> None:
    @dataclass(frozen=True)
    class Odd:
        a: int
        b: int = field(default=3, **options)

    with pytest.raises(TypeError, match="fields are parameters by place here"):
        Odd(1)


@pytest.mark.parametrize("room", ["compiler", "embedded/e2b"])
def test_what_every_command_waits_for_makes_its_classes_by_it(root: Path, room: str) -> None:
    for path in (root / "runner" / room).rglob("*.py"):
        if "box" in path.parts or path.name == "contents.py":  # stands alone in a box; has fields of its own
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "dataclasses":
                assert "dataclass" not in {alias.name for alias in node.names}, f"{path}: from runner.records import it"
