"""`dataclass` of the standard library, with methods that are made when they are called for the first time.

A command imports more than a hundred dataclasses and uses half of them. The standard library compiles six methods for
each when its module is imported: a quarter of the time of `runner validate`. Here they cost nothing until then. An
instance is also made faster: its slots are set directly. In every other respect they are the same;
`tests/test_records.py` compares them. For type checkers this is the standard library's `dataclass` itself.
"""

from __future__ import annotations

import dataclasses
from types import MemberDescriptorType, SimpleNamespace
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen=False, slots=False, eq=True, order=False):
        """Make a class a dataclass. Options as in the standard library; those that nobody uses here are left out."""

        def make(cls):
            own = set(vars(cls))
            # A frozen class and its base must agree for the library; only then it makes two more methods.
            below = any(vars(base).get("__dataclass_params__", _OPEN).frozen for base in cls.__mro__[1:])
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, frozen=below)(cls)
            made.__dataclass_params__.init = made.__dataclass_params__.repr = True
            made.__dataclass_params__.eq, made.__dataclass_params__.order = eq, order
            made.__dataclass_params__.frozen = frozen
            for name in _wanted(eq=eq, order=order, frozen=frozen):
                if name not in own:
                    _promise(made, name)
            if eq and not frozen and "__hash__" not in own:
                made.__hash__ = None
            if frozen:
                made.__setattr__ = made.__delattr__ = _refuse
                if slots:
                    made.__getstate__, made.__setstate__ = _state, _restore
            return made

        return make


_OPEN = SimpleNamespace(frozen=False)
_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")


def _wanted(*, eq: bool, order: bool, frozen: bool) -> list[str]:
    names = ["__init__", "__repr__"]
    names += ["__eq__"] if eq else []
    names += ["__hash__"] if eq and frozen else []
    return [*names, *_ORDER] if order else names


def _promise(owner: Any, name: str) -> None:
    """Let the method make itself when it is called."""

    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        made = _init(owner) if name == "__init__" else _by_the_library(owner, name)
        setattr(owner, name, made)
        return made(self, *arguments, **named)

    method.__name__ = name
    method.__qualname__ = f"{owner.__qualname__}.{name}"
    setattr(owner, name, method)


def _by_the_library(owner: Any, name: str) -> Any:
    """The method that the standard library makes, taken from a class of the same fields."""
    shadow = type(owner.__name__, (owner,), {"__doc__": owner.__doc__})
    options = {
        "init": False,
        "repr": name == "__repr__",
        "eq": name != "__repr__",
        "order": name in _ORDER,
        "frozen": owner.__dataclass_params__.frozen,
    }
    return vars(dataclasses.dataclass(**options)(shadow))[name]


def _init(owner: Any) -> Any:
    """`__init__`, whose text sets one field after the other."""
    scope: dict[str, Any] = {"MISSING": dataclasses.MISSING, "put": object.__setattr__}
    parameters, lines = ["self"], []
    frozen = owner.__dataclass_params__.frozen
    for number, field in enumerate(dataclasses.fields(owner)):
        if not field.init or field.kw_only:
            raise TypeError(f"{owner.__qualname__}.{field.name}: fields are parameters by place here")
        value, parameter = field.name, field.name
        if field.default is not dataclasses.MISSING:
            scope[f"default_{number}"] = field.default
            parameter = f"{field.name}=default_{number}"
        elif field.default_factory is not dataclasses.MISSING:
            scope[f"make_{number}"] = field.default_factory
            parameter = f"{field.name}=MISSING"
            value = f"make_{number}() if {field.name} is MISSING else {field.name}"
        parameters.append(parameter)
        slot = getattr(owner, field.name, None)
        if isinstance(slot, MemberDescriptorType):
            scope[f"put_{number}"] = slot.__set__
            lines.append(f"put_{number}(self, {value})")
        else:
            lines.append(f"put(self, {field.name!r}, {value})" if frozen else f"self.{field.name} = {value}")
    lines += ["self.__post_init__()"] if hasattr(owner, "__post_init__") else []
    text = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"])
    exec(text, scope)  # noqa: S102 - as the standard library does: nothing of it comes from outside
    made = scope["__init__"]
    made.__qualname__ = f"{owner.__qualname__}.__init__"
    return made


def _refuse(self: object, name: str, *value: object) -> None:
    done = "assign to" if value else "delete"
    raise dataclasses.FrozenInstanceError(f"cannot {done} field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
