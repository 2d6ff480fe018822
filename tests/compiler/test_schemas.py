from __future__ import annotations

import json

import pytest

from runner.compiler.schemas import schema_path


@pytest.mark.parametrize("name", ["workflow.v1.schema.json", "diagnostics.v1.schema.json"])
def test_a_schema_is_found_by_its_name(name: str) -> None:
    assert json.loads(schema_path(name).read_text())["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_an_unknown_schema_is_told() -> None:
    with pytest.raises(FileNotFoundError, match="schemas/none is not part"):
        schema_path("none")
