"""Every expression of a workflow, checked once; the expression rules pick their own kind of trouble."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runner.compiler.diagnostic import Diagnostic, Fix, Severity, Span
from runner.compiler.document import Document, Mapping, Node, Scalar
from runner.compiler.expressions.check import Trouble, TroubleKind, Verdict, check, known_after
from runner.compiler.expressions.place import locate
from runner.compiler.expressions.scan import Reference, references
from runner.compiler.expressions.symbols import (
    Scope,
    Symbol,
    Table,
    base_table,
    literal_type,
    matrix_table,
    own_outputs,
    policy_table,
    symbol_of,
    template_table,
)
from runner.compiler.expressions.types import ANY, Type
from runner.compiler.expressions.uses import (
    Found,
    Use,
    concurrency_uses,
    found_in,
    layer_uses,
    matrix_uses,
    reaction_uses,
    result_uses,
    sandbox_uses,
    step_uses,
    until_uses,
    workflow_env_uses,
)
from runner.compiler.plan.graph import Edge, upstream_of
from runner.compiler.rules.doubts import Doubts, only_on_some_legs
from runner.compiler.spec import MatrixDecl, StepSpec, Workflow
from runner.compiler.spec.read import child, items, plain, text
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Examined:
    """One expression with its verdict, or a trouble of the place that holds it. `where` is for people."""

    found: Found
    verdict: Verdict
    where: str


def _named(what: str, node: Node) -> str:
    name = text(child(node, "id"))
    return f"the {what} `{name}`" if name else f"a {what}"


def _item_type(axis: Scalar, scope: Scope, name: str) -> Type:
    """The type of the items of a list that is an expression."""
    for found in found_in(Use(axis, "axis", name)):
        kind = check(found.text, scope).shape
        return (kind.item or ANY) if kind.kind == "list" else ANY
    return ANY


def _axis_types(matrix: MatrixDecl, base: Table) -> dict[str, Type]:
    """Element types of the axes that are expressions."""
    scope = Scope(base, ("inputs",))
    return {name: _item_type(axis, scope, name) for name, axis in matrix.axes.items() if isinstance(axis, Scalar)}


class _Examiner:
    def __init__(self, workflow: Workflow, edges: dict[str, list[Edge]]) -> None:
        self.workflow = workflow
        self.edges = edges
        self.base = base_table(workflow)
        self.doubts = Doubts(workflow, edges)

    def uses(self, uses: list[Use], scope: Scope, where: str) -> Iterator[Examined]:
        for use in uses:
            for found in found_in(use):
                yield Examined(found, check(found.text, scope), f"`{use.place}` of {where}")

    def step(self, step: StepSpec) -> Iterator[Examined]:
        where = f"the {'template' if step.owner_template else 'step'} `{step.id}`"
        yield from self.uses(matrix_uses(step), Scope(self.base, ("inputs",)), where)
        table = self.table(step)
        roots = self.roots(step, bool(step.templates))
        own = f"a step cannot use its own values: `{step.id}` has none before it ends"
        doubts = {} if step.owner_template else self.doubts.of_step(step)
        follows = self.doubts.follows if doubts else {}
        if step.matrix is not None and step.matrix.include:
            doubts = {**doubts, **only_on_some_legs(step.matrix)}
        scope = Scope(table, roots, {step.id: own} if self.workflow.steps.get(step.id) is step else {}, doubts, follows)
        inside = scope
        given = layer_uses(step)
        aside = {id(use.node) for uses in given for use in uses}
        rest = [use for use in step_uses(step) if not use.place.startswith("matrix.") and id(use.node) not in aside]
        for one in self.uses(rest[:1], scope, where):
            yield one
            if one.found.use.place == "if" and one.verdict.sound and one.verdict.truth is None:
                inside = replace(scope, given=known_after(one.found.text, scope))
        yield from self.uses(rest[1:], inside, where)
        for depth, uses in enumerate(given):
            params = template_table(step, depth)
            seen = {**{path: one for path, one in table.items() if not path.startswith("params.")}, **params}
            yield from self.uses(uses, replace(inside, table=seen, roots=self.roots(step, bool(params))), where)
        until = until_uses(step)
        if until:
            ended = {**table, **own_outputs(step)}
            here = {step.id: f"the step's own outputs are `outputs.NAME` here, `{step.id}` has not ended yet"}
            seen_here = replace(inside, table=ended, roots=("outputs", *roots), hidden=here if scope.hidden else {})
            yield from self.uses(until, seen_here, where)

    def roots(self, step: StepSpec, params: bool) -> tuple[str, ...]:
        legs = step.matrix is not None or step.owner_template is not None
        extra = [*(["matrix"] if legs else []), *(["params"] if params else [])]
        return ("inputs", *extra, "secrets", "run", "steps")

    def table(self, step: StepSpec) -> Table:
        """What this step alone may name, over what all may."""
        own: Table = template_table(step)
        if step.matrix is not None:
            own.update(matrix_table(step.matrix, _axis_types(step.matrix, self.base)))
        if step.owner_template is not None:  # who uses the template gives the legs
            own.update({"matrix": Symbol("DYN"), "item": Symbol("DYN")})
        for_each = step.node.get("for_each")
        if for_each is not None:
            own[text(child(for_each, "as")) or "item"] = symbol_of(self.item(step, {**self.base, **own}))
        return {**self.base, **own} if own else self.base

    def item(self, step: StepSpec, table: Table) -> Type:
        """The type of the items that a step goes through."""
        node = step.node.get("for_each")
        whole = child(node, "items") if isinstance(node, Mapping) else node
        if isinstance(whole, Scalar):
            roots = self.roots(step, bool(step.templates))
            return _item_type(whole, Scope(table, roots), "for_each") if isinstance(whole.value, str) else ANY
        return literal_type(plain(item) for item in items(whole))

    def milestones(self) -> Iterator[Examined]:
        for milestone in self.workflow.milestones:
            visible = {at.value for at in milestone.needs}
            for at in milestone.needs:
                visible |= upstream_of(self.edges, at.value)
            hidden = {
                id_: f"the step `{id_}` is neither among the steps that this milestone needs nor upstream of one"
                for id_ in self.workflow.steps
                if id_ not in visible
            }
            uses = [Use(check_, "bool", "accept") for check_ in milestone.accept]
            doubts = self.doubts.of_milestone(at.value for at in milestone.needs) if milestone.accept else {}
            scope = Scope(self.base, ("inputs", "run", "steps"), hidden, doubts, self.doubts.follows if doubts else {})
            yield from self.uses(uses, scope, f"the milestone `{milestone.id.value}`")

    def rest(self) -> Iterator[Examined]:
        env = Scope(self.base, ("inputs", "secrets", "run"))
        shared = [*workflow_env_uses(self.workflow), *concurrency_uses(self.workflow)]
        yield from self.uses(shared, env, "the workflow")
        for sandbox in self.workflow.sandboxes.values():
            yield from self.uses(sandbox_uses(sandbox), env, f"the sandbox `{sandbox.id}`")
        doubts = self.doubts.of_end() if self.workflow.outputs else {}
        ended = Scope(self.base, ("inputs", "run", "steps"), {}, doubts, self.doubts.follows if doubts else {})
        yield from self.uses(result_uses(self.workflow), ended, "the workflow")
        watched = Scope(policy_table(self.base), ("inputs", "run", "steps"), {}, self.doubts.of_policy())
        for policy in items(self.workflow.node.get("policies")):
            yield from self.uses(reaction_uses(policy), watched, _named("policy", policy))
        event = Scope({"event": Symbol("DYN")}, ("event",))
        for trigger in items(self.workflow.node.get("triggers")):
            yield from self.uses(reaction_uses(trigger), event, _named("trigger", trigger))


def examine(workflow: Workflow, edges: dict[str, list[Edge]]) -> list[Examined]:
    """Every expression of the workflow with its verdict."""
    examiner = _Examiner(workflow, edges)
    found = [one for step in workflow.every_step for one in examiner.step(step)]
    return [*found, *examiner.milestones(), *examiner.rest()]


def scope_of(workflow: Workflow, edges: dict[str, list[Edge]], step: StepSpec | None = None) -> Scope:
    """What the expressions of a step may name; without one those of the rest of the workflow, all of them together."""
    examiner = _Examiner(workflow, edges)
    if step is None:
        return Scope(policy_table(examiner.base), ("inputs", "secrets", "run", "steps"))
    own = {step.id: "a step cannot use its own values"}
    return Scope({**examiner.table(step), **own_outputs(step)}, examiner.roots(step, bool(step.templates)), own)


def span_of(document: Document, found: Found, start: int = 0, end: int | None = None) -> Span:
    """Where `found.text[start:end]` stands in the file."""
    last = len(found.text) if end is None else end
    if end is None:  # the whole expression, without the spaces around it
        start += len(found.text) - len(found.text.lstrip())
        last = max(start, len(found.text.rstrip()))
    return locate(document, found.use.node, found.start + start, found.start + last)


def exposed(one: Examined) -> list[Reference]:
    """The secrets that an expression shows to others: only the command sees its environment and standard input."""
    use = one.found.use
    if use.place == "stdin" or use.place.startswith("env."):
        return []
    return [reference for reference in references(one.found.text) if reference.path[0] == "secrets"]


def _finding(document: Document, code: str, one: Examined, trouble: Trouble) -> Diagnostic:
    span = span_of(document, one.found, trouble.start, trouble.end)
    message = f"{trouble.message} (in {one.where})"
    return Diagnostic(code, Severity.ERROR, message, span, trouble.hint, fix=_fix(document, one, trouble))


def _fix(document: Document, one: Examined, trouble: Trouble) -> Fix | None:
    change = trouble.change
    if change is None:
        return None
    span = span_of(document, one.found, change.start, change.end)
    return Fix(f"replace it by `{change.text}`", span, change.text, safe=change.certain)


def of_kind(document: Document, examined: list[Examined], kind: TroubleKind, code: str) -> list[Diagnostic]:
    """The findings for all troubles of one kind."""
    return [
        _finding(document, code, one, trouble)
        for one in examined
        if one.found.closed and not (kind in ("context", "type") and exposed(one))
        for trouble in one.verdict.troubles
        if trouble.kind == kind
    ]
