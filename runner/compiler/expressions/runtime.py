"""Expressions at run time: values in, a value out. Compiled programs are kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import cast

from runner.compiler.canonical import Json
from runner.compiler.expressions.scan import OPEN, ROOTS, pieces
from runner.errors import ExpressionFailed


def _cause(error: object, secrets: Json) -> str:
    """CEL's sentence without its status word, and without any secret that CEL may have quoted."""
    sentence = str(error).splitlines()[0].partition(": ")[2] or str(error)
    for value in secrets.values() if isinstance(secrets, dict) else ():
        if isinstance(value, str) and value:
            sentence = sentence.replace(value, "***")
    return sentence


def _to_json(value: object, expression: str) -> Json:
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, list):
        return [_to_json(item, expression) for item in value]
    if isinstance(value, dict):
        return {str(key): _to_json(inner, expression) for key, inner in value.items()}
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(bytes(value)).decode()
    if hasattr(value, "isoformat"):
        return cast("str", value.isoformat()).replace("+00:00", "Z")
    if hasattr(value, "total_seconds"):
        return cast("float", value.total_seconds())
    raise ExpressionFailed(
        f"the expression `{expression.strip()}` gives a {type(value).__name__}, which is no JSON value"
    )


def evaluate(expression: str, variables: Mapping[str, Json]) -> Json:
    """Evaluate bare CEL over plain JSON values; whole numbers stay whole.

    `variables` holds `inputs`, `matrix`, `secrets`, `run`, `steps`, `params`, `outputs`, missing ones are empty; and
    the variable of a `for_each` by its name. Bytes come back as base64, timestamps as ISO 8601, durations as seconds.
    Raises ExpressionFailed, which never tells a value.
    """
    data: dict[str, Json] = {**{root: {} for root in ROOTS}, **variables}
    shown = expression.strip()
    from runner.compiler.expressions import program

    try:
        return _to_json(program.value_of(expression, data), expression)
    except program.Failed as failed:
        raise ExpressionFailed(
            f"the expression `{shown}` failed: " + _cause(failed, variables.get("secrets")),
            "look at the values it refers to: `runner status RUN` shows inputs and outputs",
        ) from None
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise ExpressionFailed(
            f"the expression `{shown}` cannot be evaluated", "`runner validate` shows where it is wrong"
        ) from error


def as_text(value: Json) -> str:
    """A value inside a text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def render(template: str, variables: Mapping[str, Json]) -> Json:
    """Fill in a text's `${{ }}`. A text that is exactly one expression keeps the value's type.

    Raises ExpressionFailed.
    """
    if OPEN not in template:
        return template
    parts = pieces(template)
    for part in parts:
        if not part.closed:
            raise ExpressionFailed(f"the expression `${{{{{part.text}` is not closed by `}}}}`")
    if len(parts) == 1:
        return evaluate(parts[0].text, variables)
    return "".join(as_text(evaluate(part.text, variables)) if part.is_expression else part.text for part in parts)
