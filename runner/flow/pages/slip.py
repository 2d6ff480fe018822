"""A question to people as a form of Prefect's pages, and what was filled in as an answer. Imports no Prefect.

The form is the one behind *Resume* on the page of a paused flow run: `decision`, who answers, a comment, then the
fields that the spec declares, with their types, bounds, choices and defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from runner.compiler.canonical import Json
from runner.compiler.plan.markdown import code, plain
from runner.compiler.values import declared_types
from runner.flow.form import resolved
from runner.records import dataclass
from runner.run.clock import moment
from runner.run.event import Event
from runner.run.forms import Form, filled_in

#: Characters of a name: a person types it, and it is kept with the answer.
_NAME = 100
_YES = {"approve": "Approve", "reject": "Reject"}
_LATE = {
    "approve": "it counts as approved",
    "reject": "it counts as rejected",
    "fail": "the step fails",
}


@dataclass(frozen=True, slots=True)
class Slip:
    """A question about the leg `step` of `run`; `path` is how the leg is called from the run that people started.
    `until` is when the time for an answer is over, in Unix seconds, None for never.
    """

    run: str
    step: str
    path: str
    question: str
    about: str
    prompt: str
    form: Form
    owner: str | None
    until: float | None
    on_timeout: str | None

    @property
    def key(self) -> str:
        """What no other question has."""
        return f"{self.run}/{self.step}/{self.question}"


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has filled in; `by` says who, and where."""

    action: Literal["approve", "reject"]
    by: str
    comment: str
    values: dict[str, Json]


def slip_of(event: Event, path: str) -> Slip:
    """The question of an `approval.asked`."""
    data = event.data
    until = data.get("until")
    return Slip(
        run=event.run,
        step=event.step or "",
        path=path,
        question=str(data.get("question")),
        about=str(data.get("about")),
        prompt=str(data.get("prompt")),
        form=cast("Form", data.get("form") or {}),
        owner=cast("str | None", data.get("owner")),
        until=None if until is None else moment(str(until)),
        on_timeout=cast("str | None", data.get("on_timeout")),
    )


def schema(slip: Slip) -> dict[str, Json]:
    """The form as a JSON Schema. No field of the spec is required, for who rejects fills in none of them."""
    decision: dict[str, Json] = {"type": "string", "title": "Decision", "enum": [*_YES], "position": 0}
    by: dict[str, Json] = {"type": "string", "title": "Your name", "minLength": 1, "maxLength": _NAME, "position": 1}
    by["description"] = "Kept with the answer: Prefect does not tell who has filled in a form."
    comment: dict[str, Json] = {"type": "string", "title": "Comment", "position": 2}
    comment["description"] = "Why; needed to reject."
    properties: dict[str, Json] = {"decision": decision, "answered_by": by, "comment": comment}
    for name, shown in _names(slip).items():
        field = dict(slip.form[name])
        about = [str(field["description"])] if "description" in field else []
        about += [] if "default" in field else ["Needed to approve."]
        one: dict[str, Json] = {**resolved(field), "title": field.get("title", name), "position": len(properties)}
        one |= {"description": " ".join(about)} if about else {}
        one |= {"default": field["default"]} if "default" in field else {}
        properties[shown] = one
    required: Json = ["decision", "answered_by"]
    return {"title": "Answer", "type": "object", "properties": properties, "required": required, "definitions": {}}


def _names(slip: Slip) -> dict[str, str]:
    """How the fields of the spec are called in the form: as they are, unless the form has one of that name itself."""
    taken = {"decision", "answered_by", "comment"}
    names = {}
    for name in slip.form:
        shown = name
        while shown in taken:
            shown += "_"
        taken.add(shown)
        names[name] = shown
    return names


def description(slip: Slip, until: str, wrong: list[str]) -> str:
    """What stands above the form, as Markdown; `wrong` is why an answer before was none."""
    asked = "Repeat it?" if slip.about == "repeat" else ""
    lines = [f"**{plain(slip.prompt)}** {asked}".rstrip(), ""]
    if wrong:
        lines += ["That was no answer:", "", *(f"- {plain(sentence)}" for sentence in wrong), ""]
    about = f"Step {code(slip.path)} of run {code(slip.run)}" + (
        f", asked of {plain(slip.owner)}" if slip.owner else ""
    )
    lines.append(f"{about}.")
    if until:
        lines.append(f"Without an answer until {until}, {_LATE[slip.on_timeout or 'reject']}.")
    return "\n".join(lines)


def answer(slip: Slip, given: Json) -> tuple[Said | None, list[str]]:
    """What was filled in, or what is wrong with it. The run itself checks it again."""
    told: Mapping[str, Json] = given if isinstance(given, dict) else {}
    action, by = told.get("decision"), " ".join(str(told.get("answered_by") or "").split())
    comment = str(told.get("comment") or "").strip()
    wrong = [] if action in _YES else ["choose `approve` or `reject`"]
    wrong += [] if by else ["say who you are"]
    values: dict[str, Json] = {}
    if action == "approve":
        values = _filled(slip, told)
        wrong += filled_in(slip.form, values)[1]
    elif action == "reject" and not comment:
        wrong.append("a rejection needs a comment")
    if wrong:
        return None, wrong
    who = f"{by[:_NAME]}, in Prefect's pages"
    return Said(cast("Literal['approve', 'reject']", action), who, comment, values), []


def _filled(slip: Slip, told: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of the spec that have a value: one that is left empty arrives as null."""
    found = {name: told[shown] for name, shown in _names(slip).items() if shown in told}
    return {
        name: value for name, value in found.items() if value is not None or "null" in declared_types(slip.form[name])
    }
