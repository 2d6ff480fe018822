"""Where a step may hold expressions, and what is expected of each place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from runner.compiler.document import Mapping, Node, Scalar, Sequence
from runner.compiler.expressions.scan import OPEN, Reference, pieces, references
from runner.compiler.expressions.shell import rewrite
from runner.compiler.spec.model import SandboxDecl, StepSpec, Workflow
from runner.compiler.spec.read import child
from runner.records import dataclass

#: bool: bare CEL that must give true or false; text: words with `${{ }}`; shell: a `run` text; code: a script's code;
#: axis: a matrix axis (a list); cache: a cache key (knows `hash`).
Mode = Literal["bool", "text", "shell", "code", "axis", "cache"]


@dataclass(frozen=True, slots=True)
class Use:
    """A scalar that may hold expressions; `place` names it for people (`env.TOKEN`)."""

    node: Scalar
    mode: Mode
    place: str


@dataclass(frozen=True, slots=True)
class Found:
    """One expression: its CEL text, and its offset in the value of the scalar that holds it."""

    use: Use
    text: str
    start: int
    closed: bool = True


def _strings(node: Node | None, place: str, mode: Mode = "text") -> Iterator[Use]:
    if isinstance(node, Scalar):
        if isinstance(node.value, str):
            yield Use(node, mode, place)
    elif isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            yield from _strings(item, f"{place}[{number}]", mode)
    elif isinstance(node, Mapping):
        for key, entry in node.entries.items():
            yield from _strings(entry.value, f"{place}.{key}", mode)


def _action_uses(step: StepSpec) -> Iterator[Use]:
    if step.kind == "run":
        yield from _strings(step.action, "run", "shell")
    elif step.kind == "script":
        yield from _strings(step.action.get("code") if isinstance(step.action, Mapping) else None, "code", "code")
    elif step.kind in ("tool", "approve"):
        yield from _strings(step.action, step.kind)
    for key in ("prompt", "with"):
        yield from _strings(step.node.get(key), key)


def layer_uses(step: StepSpec) -> list[list[Use]]:
    """The values given to the templates that a step is made of, for each of them."""
    return [list(_strings(layer.given, "with")) for layer in step.layers]


def step_uses(step: StepSpec) -> list[Use]:
    """Every place of a step where an expression may stand, in the order of the language's description."""
    found: list[Use] = []
    if step.condition is not None:
        found.append(Use(step.condition, "bool", "if"))
    found += matrix_uses(step)
    found += for_each_uses(step)
    for key, value in step.env.items():
        found += _strings(value, f"env.{key}")
    found += _strings(step.stdin, "stdin")
    found += _strings(step.cwd, "cwd")
    for copy in step.files:
        found += _strings(copy.source, f"files.{copy.target.value}")
    found += _strings(step.node.get("cache"), "cache", "cache")
    found += _strings(child(step.node.get("concurrency"), "group"), "concurrency.group")
    found += _action_uses(step)
    return [*found, *(use for uses in layer_uses(step) for use in uses)]


def matrix_uses(step: StepSpec) -> list[Use]:
    """The places of a step's matrix: only inputs are known there."""
    found: list[Use] = []
    if step.matrix is None:
        return found
    for name, axis in step.matrix.axes.items():
        if isinstance(axis, Scalar):
            found.append(Use(axis, "axis", f"matrix.{name}"))
        else:
            for number, item in enumerate(axis):
                found += _strings(item, f"matrix.{name}[{number}]")
    for word, rows in (("include", step.matrix.include), ("exclude", step.matrix.exclude)):
        for number, row in enumerate(rows):
            found += _strings(row, f"matrix.{word}[{number}]")
    return found


def for_each_uses(step: StepSpec) -> list[Use]:
    """The list of a `for_each`."""
    node = step.node.get("for_each")
    whole = node.get("items") if isinstance(node, Mapping) else node
    if isinstance(whole, Scalar):
        return [Use(whole, "axis", "for_each")] if isinstance(whole.value, str) else []
    return list(_strings(whole, "for_each"))


def until_uses(step: StepSpec) -> list[Use]:
    """The condition of a `repeat`: the one place where a step sees its own outputs."""
    node = step.node.get("repeat")
    until = node.get("until") if isinstance(node, Mapping) else None
    return [Use(until, "bool", "repeat.until")] if isinstance(until, Scalar) and until.value is not None else []


def sandbox_uses(sandbox: SandboxDecl) -> list[Use]:
    """The places of a sandbox: its environment."""
    return [use for key, value in sandbox.env.items() for use in _strings(value, f"env.{key}")]


def reaction_uses(node: Node) -> list[Use]:
    """What a policy or a trigger waits for, the inputs that a trigger gives to a run, the arguments of a policy."""
    when = child(node, "when")
    found = [Use(when, "bool", "when")] if isinstance(when, Scalar) and when.value is not None else []
    return [*found, *_strings(child(node, "inputs"), "inputs"), *_strings(child(node, "with"), "with")]


def concurrency_uses(workflow: Workflow) -> list[Use]:
    """The group whose runs share a limit."""
    return list(_strings(child(workflow.node.get("concurrency"), "group"), "concurrency.group"))


def result_uses(workflow: Workflow) -> list[Use]:
    """The values of what a run gives."""
    return [use for one in workflow.outputs.values() for use in _strings(one.body.get("value"), f"outputs.{one.id}")]


def workflow_env_uses(workflow: Workflow) -> list[Use]:
    """The places of the environment that all steps share."""
    return [use for key, value in workflow.env.items() for use in _strings(value, f"env.{key}")]


def found_in(use: Use) -> list[Found]:
    """The expressions of one place, in order."""
    value = use.node.value if isinstance(use.node.value, str) else use.node.text
    if use.mode == "bool":
        return [Found(use, value, 0)]
    skipped = rewrite(value).inert if use.mode == "shell" else frozenset()
    return [
        Found(use, piece.text, piece.start, piece.closed)
        for piece in pieces(value)
        if piece.is_expression and piece.start - len(OPEN) not in skipped
    ]


def step_references(workflow: Workflow, step: StepSpec) -> list[tuple[Found, Reference]]:
    """Every reference of a step with the expression it stands in; those of the shared environment too."""
    found = []
    for use in [*step_uses(step), *until_uses(step), *workflow_env_uses(workflow)]:
        for expression in found_in(use):
            for reference in references(expression.text):
                found.append((expression, reference))
    return found
