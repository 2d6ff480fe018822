"""What applying would change: each spec's deployment as it is to be, against what the server has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from runner.compiler.canonical import Json
from runner.compiler.values import problems
from runner.errors import DeployRefused
from runner.flow.deploy.wanted import FIELDS, PROJECT, Wanted, as_stored, switches
from runner.records import dataclass

Action = Literal["new", "changed", "unchanged", "gone"]
_SYSTEM = "prefect."


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a deployment that differs: `what` is `inputs.NAME`, `schedules.ID` or a field's name; `before` and
    `after` are JSON, None for one that is not there.
    """

    what: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one deployment. `document` is what is sent (None: it is removed, or left as it is), `before` what
    the server has, in the same form; `notes` tell what is left as people have set it on the server.
    """

    action: Action
    name: str
    path: str
    document: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    id: str = ""
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole of it. `pool` is the work pool that has to be made, "" where it is there; `flows` are the ids of the
    flows that are there by name.
    """

    changes: tuple[Change, ...]
    pool: str = ""
    pool_type: str = ""
    flows: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_different(self) -> bool:
        """Whether the server is not as the specs want it."""
        return bool(self.pool) or any(change.action != "unchanged" for change in self.changes)


def compare(
    specs: Sequence[Wanted], server: Sequence[Mapping[str, Any]], flows: Mapping[str, str], *, project: str, adopt: bool
) -> tuple[Change, ...]:
    """Every deployment of the specs in their order, then those of the project that no spec has any more.

    Raises DeployRefused where a deployment of that name is somebody else's, unless these are to be adopted, and where
    a schedule that people made on the server has inputs that fit no more.
    """
    names = {id_: name for name, id_ in flows.items()}
    there = {(names.get(str(one["flow_id"]), ""), str(one["name"])): one for one in server}
    changes = [_change(each, there.get((each.name, each.name)), project, adopt) for each in specs]
    kept = {(each.name, each.name) for each in specs}
    for (flow, name), one in sorted(there.items()):
        labels = one.get("labels") or {}
        if (flow, name) not in kept and labels.get(PROJECT) == project:
            before = as_document(one)
            changes.append(Change("gone", name, str(labels.get("runner.path", "")), None, before, str(one["id"])))
    return tuple(changes)


def as_document(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """What the server has of the fields that `runner deploy` decides, in the form in which it can be sent again."""
    found = {name: deployment.get(name) for name in FIELDS}
    labels = deployment.get("labels") or {}
    found["labels"] = {key: value for key, value in labels.items() if not key.startswith(_SYSTEM)}
    schedules = [as_stored(one) for one in deployment.get("schedules") or ()]
    found["schedules"] = sorted(schedules, key=_rank)
    return found


def misfits(parameters: Mapping[str, Any], form: Mapping[str, Any]) -> list[str]:
    """Why these parameters do not fit the form of a deployment, a sentence each; none when they do."""
    properties = form.get("properties") or {}
    wrong = [f"there is no input {name} any more" for name in parameters if name not in properties]
    needed = [name for name in form.get("required") or () if name not in parameters]
    wrong += [f"input {name} is missing" for name in needed]
    for name, value in parameters.items():
        wrong += [f"input {name}: {sentence}" for sentence in problems(properties.get(name, {}), value)]
    return wrong


# ---------------------------------------------------------------- one deployment


def _change(spec: Wanted, there: Mapping[str, Any] | None, project: str, adopt: bool) -> Change:
    if there is None:
        return Change("new", spec.name, spec.path, {**spec.document, "paused": False}, None, wanted=spec)
    _owned(spec, there, project, adopt)
    before = as_document(there)
    notes: list[str] = []
    document = {**spec.document, "labels": _labels(spec, there)}
    document["schedules"] = list(_schedules(spec, there, before["schedules"], notes))
    if there.get("paused"):
        notes.append("the deployment is paused on the server, and stays so")
    differences = tuple(_differences(before, document))
    action: Action = "changed" if differences else "unchanged"
    sent = document if differences else None
    return Change(action, spec.name, spec.path, sent, before, str(there["id"]), differences, tuple(notes), spec)


def _owned(spec: Wanted, there: Mapping[str, Any], project: str, adopt: bool) -> None:
    owner = (there.get("labels") or {}).get(PROJECT)
    if owner == project or adopt:
        return
    whose = f"is project {owner}'s" if owner else "was not made by runner deploy"
    raise DeployRefused(
        f"the deployment {spec.name}/{spec.name} of {spec.path} is there already and {whose}",
        "give the spec another name, or take it over with --adopt",
    )


def _labels(spec: Wanted, there: Mapping[str, Any]) -> dict[str, Any]:
    """The labels of the spec beside those that people have given."""
    others = {
        key: value for key, value in (there.get("labels") or {}).items() if not key.startswith(("runner.", _SYSTEM))
    }
    return {**others, **spec.document["labels"]}


def _schedules(
    spec: Wanted, there: Mapping[str, Any], current: Sequence[Mapping[str, Any]], notes: list[str]
) -> Iterator[dict[str, Any]]:
    """The spec's schedules, as people have switched them, and the schedules that people have made."""
    last, now = switches(there.get("labels") or {}), {one["slug"]: one for one in current}
    mine = {one["slug"] for one in spec.document["schedules"]}
    found = []
    for one in spec.document["schedules"]:
        switched = now.get(one["slug"], {}).get("active")
        if switched is not None and last.get(one["slug"]) == one["active"] != switched:
            notes.append(
                f"schedule {one['slug']} is switched {'on' if switched else 'off'} on the server, and stays so"
            )
            found.append({**one, "active": switched})
        else:
            found.append(one)
    for each in current:
        if each["slug"] in mine or each["slug"] in last:
            continue
        _fits(spec, each)
        notes.append(f"schedule {each['slug'] or 'without a name'} was made on the server, and is kept")
        found.append(dict(each))
    return iter(sorted(found, key=_rank))


def _fits(spec: Wanted, schedule: Mapping[str, Any]) -> None:
    """Raise DeployRefused for a schedule of the server whose inputs the new form does not take."""
    wrong = misfits(schedule["parameters"], spec.document["parameter_openapi_schema"])
    if wrong:
        name = schedule["slug"] or "without a name"
        raise DeployRefused(
            f"schedule {name} of {spec.name}, which was made on the server, has inputs that fit no more: {wrong[0]}",
            "change or remove that schedule in Prefect's pages first",
        )


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in FIELDS:
        old, new = before.get(name), after.get(name)
        if name == "schedules":
            yield from _listed("schedules", _by_slug(old or ()), _by_slug(new or ()))
        elif name == "parameter_openapi_schema":
            yield from _inputs(old or {}, new or {})
        elif name == "labels":
            yield from _listed("labels", old or {}, new or {})
        elif old != new:
            yield Difference(name, old, new)


def _inputs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    needed = [set(schema.get("required") or ()) for schema in (old, new)]
    sides = [
        {name: {**about, "required": name in need} for name, about in (schema.get("properties") or {}).items()}
        for schema, need in zip((old, new), needed, strict=True)
    ]
    yield from _listed("inputs", sides[0], sides[1])
    rest = [
        {key: value for key, value in schema.items() if key not in ("properties", "required")} for schema in (old, new)
    ]
    if rest[0] != rest[1] and old:
        yield Difference("inputs", rest[0], rest[1])


def _listed(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            yield Difference(f"{section}.{name}", old.get(name), new.get(name))


def _by_slug(schedules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, one in enumerate(schedules):
        found[one["slug"] or f"({number + 1})"] = {key: value for key, value in one.items() if key != "slug"}
    return found


def _rank(schedule: Mapping[str, Any]) -> tuple[str, str]:
    """Named schedules first, by name: the server keeps no order."""
    return schedule["slug"] or "~", str(schedule["schedule"])
