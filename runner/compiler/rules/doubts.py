"""Which steps may have no outputs where an expression names them: they were skipped, failed, or never began."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property

from runner.compiler.document import Scalar
from runner.compiler.expressions.scan import OPEN, references
from runner.compiler.plan.graph import Edge, upstream_of
from runner.compiler.plan.matrix import expand
from runner.compiler.spec import MatrixDecl, StepSpec, Workflow
from runner.compiler.spec.read import plain, plain_map, scalar_text
from runner.errors import UsageError


def asks_for_state(step: StepSpec) -> bool:
    """Whether its `if` names the state of a step: it decides alone then, whatever happened before."""
    if step.condition is None:
        return False
    return any(
        one.path[0] == "steps" and one.path[2:3] == ("state",) for one in references(scalar_text(step.condition))
    )


def only_on_some_legs(matrix: MatrixDecl) -> dict[str, str]:
    """The names under `matrix` that not every leg has, as far as the legs are written out, and why."""
    added = {key for row in matrix.include for key in row.entries} - set(matrix.axes)
    if not added or OPEN in json.dumps(matrix.plain) or any(isinstance(axis, Scalar) for axis in matrix.axes.values()):
        return {}
    axes = {name: [plain(item) for item in axis] for name, axis in matrix.axes.items() if not isinstance(axis, Scalar)}
    try:
        rows = expand(axes, [plain_map(row) for row in matrix.include], [plain_map(row) for row in matrix.exclude])
    except UsageError:
        return {}  # far too many, which is told elsewhere
    reason = "only some legs have it, those of a row of `include`"
    return {f"matrix.{key}": reason for key in sorted(added) if not all(key in row for row in rows)}


class Doubts:
    """The doubts of one workflow. A step with several legs hands on lists, which are there in any case."""

    def __init__(self, workflow: Workflow, edges: Mapping[str, list[Edge]]) -> None:
        """`edges` are those of every step, implied ones too."""
        self._steps = workflow.steps
        self._edges = edges

    @cached_property
    def _any(self) -> bool:
        """Whether any step may end without success while others go on."""
        return any(step.allow_failure or asks_for_state(step) for step in self._steps.values())

    @cached_property
    def follows(self) -> dict[str, frozenset[str]]:
        """For each step the steps that succeeded if it did."""
        return {id_: frozenset(self._behind([id_])) for id_ in self._steps}

    def _behind(self, known: Iterable[str]) -> set[str]:
        """The steps that succeeded if these did, without these."""
        found: set[str] = set()
        todo = list(known)
        while todo:
            id_ = todo.pop()
            if asks_for_state(self._steps[id_]):
                continue
            for edge in self._edges.get(id_, ()):
                if edge.upstream not in found and not self._steps[edge.upstream].allow_failure:
                    found.add(edge.upstream)
                    todo.append(edge.upstream)
        return found

    def of_step(self, step: StepSpec) -> dict[str, str]:
        """For a step, or a hook: which steps it names may have no outputs, and why."""
        if step.id not in self._steps:
            reason = f"`{step.id}` runs even when {{}} did not succeed"
            return self._doubted(self._steps, reason)
        if not self._any:
            return {}
        upstream = [edge.upstream for edge in self._edges.get(step.id, ())]
        if asks_for_state(step):
            reason = f"`{step.id}` asks for a state in its `if`, so it runs even when {{}} did not succeed"
            return self._doubted(upstream, reason)
        weak = [id_ for id_ in upstream if self._steps[id_].allow_failure]
        return self._doubted(weak, "{} may fail (`allow_failure`), and has no outputs then")

    def of_milestone(self, needs: Iterable[str]) -> dict[str, str]:
        """For the checks of a milestone, which are looked at when the steps it needs succeeded."""
        sure = [id_ for id_ in needs if id_ in self._steps]
        known = {*sure, *self._behind(sure)}
        reason = "the milestone does not need {}, which may not have succeeded"
        return self._doubted((id_ for id_ in self._steps if id_ not in known), reason)

    def of_end(self) -> dict[str, str]:
        """For what a run gives when it succeeded: steps that may have been skipped or have failed all the same."""
        weak = [id_ for id_, step in self._steps.items() if step.condition is not None or step.allow_failure]
        cut = {id_ for id_ in self._steps if upstream_of(self._edges, id_) & set(weak)} if weak else set()
        reason = "{} may be skipped, or fail, in a run that succeeds"
        return self._doubted((id_ for id_ in self._steps if id_ in cut or id_ in weak), reason)

    def of_policy(self) -> dict[str, str]:
        """For a policy, which is looked at while the run goes on."""
        return {id_: f"a policy is also looked at before `{id_}` has ended" for id_ in self._steps}

    def _doubted(self, ids: Iterable[str], reason: str) -> dict[str, str]:
        return {id_: reason.format(f"`{id_}`") for id_ in ids if not self._steps[id_].many}
