"""Node's modules, name by name: what the engine has of them, what it refuses, and what it lacks, which it must not."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.engine_conformance.outcome import Outcome
from tests.engine_conformance.programs import CONFORMANCE, Program

#: module → name → what it is; see web/engine/conformance/surface/surface.cjs.
Surface = dict[str, dict[str, str]]

_CALLABLE = ("function", "refused")


#: What lists every name of every module.
SURVEY = Program(
    "surface",
    "every name of every module",
    "core",
    "node --no-deprecation surface.cjs",
    (),
    "",
    CONFORMANCE / "surface",
)


@dataclass(frozen=True)
class Module:
    """One module as Node has it and as the engine has it. Names of a class's methods are `Class#method`."""

    name: str
    there: tuple[str, ...]
    #: Name → the text of the error.
    refused: dict[str, str]
    #: Neither there nor refused, or something else than in Node: `name (is what, for what)`.
    lacks: tuple[str, ...]


def read(outcome: Outcome) -> Surface:
    """What the surveyor has printed."""
    found: Surface = json.loads(outcome.stdout)
    return found


def compare(node: Surface, engine: Surface) -> list[Module]:
    """The engine's modules beside Node's."""
    return [_module(name, names, engine.get(name, {})) for name, names in sorted(node.items())]


def _module(name: str, wanted: dict[str, str], got: dict[str, str]) -> Module:
    refused = {
        each: got[each].removeprefix("refused: ") for each in wanted if got.get(each, "").startswith("refused: ")
    }
    lacks, there = [], []
    for each, kind in wanted.items():
        has = got.get(each, "undefined").removeprefix("inherited ")
        if kind.startswith("inherited ") or kind == "undefined":
            continue
        if each in refused or (each.partition("#")[0] in refused):
            continue
        if _alike(kind, has):
            there.append(each)
        else:
            lacks.append(f"{each or name} (is {has}, for {kind})")
    return Module(name, tuple(there), refused, tuple(lacks))


def _alike(kind: str, has: str) -> bool:
    """Whether the names are of one kind: a getter may stand for a value, if it is there."""
    if kind.startswith(_CALLABLE) or has.startswith("fails"):
        return has.startswith(_CALLABLE) or (kind == "getter" and has != "undefined") or has == "getter"
    return has != "undefined"
