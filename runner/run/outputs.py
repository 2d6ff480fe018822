"""The typed outputs of a step: reading `$RUNNER_OUTPUT` and holding it against what the spec declares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from runner.compiler.canonical import Json
from runner.compiler.plan.model import OutputDecl
from runner.compiler.suggest import listed
from runner.compiler.values import coerced, declared_types, problems, unfit
from runner.errors import OutputWrong
from runner.run.mask import Mask

#: Outputs are small facts; files are handed on as artifacts.
MAX_BYTES = 1024 * 1024

_NOTHING = Mask(())
_HINT = 'Write one line `name=json` per output: echo "count=3" >> "$RUNNER_OUTPUT"; texts in quotes: echo \'who="me"\'.'


def parse(raw: bytes, mask: Mask = _NOTHING) -> dict[str, Json]:
    """The `name=json` lines of an output file; of a repeated name the last one counts.

    Raises OutputWrong. What it quotes is masked before it is cut: half a secret could not be found any more.
    """
    check_size(len(raw))
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise OutputWrong(f"$RUNNER_OUTPUT is not UTF-8 text (byte {error.start})", _HINT) from error
    found: dict[str, Json] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise OutputWrong(f"line {number} of $RUNNER_OUTPUT is not `name=json`: {_short(mask.text(line))}", _HINT)
        try:
            found[name.strip()] = json.loads(value, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise OutputWrong(f"output {name.strip()}: {_short(mask.text(value))} is not JSON", _HINT) from error
        wrong = unfit(found[name.strip()])
        if wrong:
            raise OutputWrong(f"output {name.strip()}: {_short(mask.text(value))} cannot be kept: {wrong}")
    return found


def check_size(size: int) -> None:
    """Raises OutputWrong for an output file that is larger than outputs may be."""
    if size > MAX_BYTES:
        raise OutputWrong(
            f"$RUNNER_OUTPUT holds {size:,} bytes, allowed are {MAX_BYTES:,}", "Hand on large data as an artifact."
        )


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def check(found: Mapping[str, Json], declared: Mapping[str, OutputDecl], mask: Mask = _NOTHING) -> dict[str, Json]:
    """The outputs, held against their declarations and in the types that expressions were checked with.

    Raises OutputWrong, which names the output, expected and found.
    """
    values = {name: decl.schema for name, decl in declared.items() if decl.schema is not None}
    for name in found:
        if name not in declared:
            allowed = ", ".join(sorted(values)) or "none"
            raise OutputWrong(
                f"output {name} is not declared (declared: {allowed})", f"Add it to the step: outputs: {{{name}: …}}"
            )
        if name not in values:
            raise OutputWrong(f"output {name} is an artifact: its files are collected, its value cannot be written")
    for name, schema in values.items():
        if name not in found:
            raise OutputWrong(f"output {name} is missing: expected {_wanted(schema)}, found nothing", _HINT)
        if any(problems(schema, found[name])):
            told = "; ".join(problems(schema, mask.json(found[name])))
            raise OutputWrong(f"output {name}: {told or f'it is not {_wanted(schema)} as declared'}")
    return {name: coerced(values[name], value) for name, value in found.items()}


def _wanted(schema: Mapping[str, Json]) -> str:
    return listed(declared_types(schema)) or "a value"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
