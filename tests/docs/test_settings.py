"""docs/settings.md has a heading for every key of `runner.toml`, and its example is one without a mistake."""

from __future__ import annotations

import json
import os
import re
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runner.compiler.codes import JUDGEMENTS
from runner.project.conform import settings_schema
from runner.project.load import load
from runner.project.toml import Table, read_toml

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
TEXT = PAGE.read_text(encoding="utf-8")
HEADINGS = dict(re.findall(r"^##+ (\S+)\n\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL))


def keys(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    out = []
    for name, inner in schema.get("properties", {}).items():
        out += [(path + name, inner), *keys(inner.get("items", inner), f"{path}{name}.")]
    return out


@pytest.mark.parametrize(
    ("key", "schema"), keys(settings_schema()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_key_has_a_heading_with_its_default(key: str, schema: dict[str, Any]) -> None:
    assert key in HEADINGS
    if "default" in schema and key != "overrides":
        assert f"Default: `{json.dumps(schema['default'])}`" in " ".join(HEADINGS[key].split())


def test_every_heading_is_a_key() -> None:
    assert set(HEADINGS) == {key for key, _ in keys(settings_schema())}


def test_the_example_is_right() -> None:
    match = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert match is not None
    table = read_toml(match[1].encode(), "runner.toml")
    assert isinstance(table, Table)
    jsonschema.validate(table.content, settings_schema())
    assert load("/", "runner.toml", match[1].encode()).findings == ()


def test_the_judgements_are_named() -> None:
    """`RUNNER_GOLDEN=write` writes them anew."""
    _, found, rest = HEADINGS["checks"].partition("can be overruled:\n")
    names = "".join(f"`{code}`, " for code in sorted(JUDGEMENTS)).removesuffix(", ") + ".\n"
    written = textwrap.fill(names, 120, break_on_hyphens=False) + "\n\n"
    if os.environ.get("RUNNER_GOLDEN") == "write":
        PAGE.write_text(TEXT.replace(rest, written), encoding="utf-8")
    assert found
    assert rest == written
