"""The form of an approval: what a person filled in, held against the types that the spec declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.suggest import did_you_mean, listed
from runner.compiler.values import coerced, declared_types, problems, unfit

#: The fields of a form, each a JSON Schema.
Form = Mapping[str, Mapping[str, Json]]


def form_of(action: Mapping[str, Json]) -> Form:
    """The form in an `approve` as the plan has it; empty where there is none."""
    return cast("Form", action.get("form") or {})


def schema(form: Form) -> dict[str, Json]:
    """The form as one JSON Schema of type object."""
    return {"type": "object", "properties": {name: dict(one) for name, one in form.items()}}


def filled_in(form: Form, given: Mapping[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """The values of all fields, defaults filled in and in the types that expressions were checked with; and a sentence
    for everything that is wrong. The values are only good when nothing is.
    """
    values = {name: coerced(one, one["default"]) for name, one in form.items() if "default" in one}
    wrong: list[str] = []
    for name, value in given.items():
        if name not in form:
            hint = did_you_mean(name, list(form))
            known = f"its fields are {listed(list(form), 'and')}" if form else "it has none"
            wrong.append(f"the form has no field `{name}`; {hint or known}")
            continue
        found = [unfit(value)] if unfit(value) else list(problems(form[name], value))
        wrong += [f"field `{name}`: {sentence}" for sentence in found]
        if not found:
            values[name] = coerced(form[name], value)
    wrong += [missing(name, one) for name, one in form.items() if name not in given and name not in values]
    return {name: values[name] for name in form if name in values}, wrong


def missing(name: str, field: Mapping[str, Json]) -> str:
    """That a field was not filled in, and what belongs into it."""
    about = field.get("description") or field.get("title")
    kind = listed(declared_types(field)) or "any type"
    return f"field `{name}` is missing ({kind})" + (f": {about}" if isinstance(about, str) else "")
