from __future__ import annotations

import re

from runner.store import compact
from runner.store.queries import queries


def test_queries_are_found_by_name_and_without_comments() -> None:
    found = queries()
    assert found["version"] == "SELECT VALUE version FROM $id;"
    assert all(text.strip() and "--" not in text for text in found.values())


def test_one_transaction_writes_a_transition() -> None:
    commit = queries()["commit"]
    assert commit.startswith("BEGIN TRANSACTION;")
    assert commit.endswith("COMMIT TRANSACTION;")
    assert commit.count("TRANSACTION") == 2


def test_only_what_both_engine_lines_parse_is_used() -> None:
    text = " ".join(queries().values()).lower()
    for word in (
        "type::thing",
        "type::record",
        "search analyzer",
        "fulltext analyzer",
        "flexible",
        "computed",
        "<future>",
    ):
        assert word not in text


def test_every_table_is_copied_and_made_quiet() -> None:
    script = "".join(text for name, text in queries().items() if name.startswith("migrate_"))
    tables = set(re.findall(r"DEFINE TABLE IF NOT EXISTS (\w+)", script))
    # What `meta` says is of one folder, and a lease of one moment.
    assert {*compact.TABLES, *compact.RELATIONS} == tables - {"meta", "lease"}
    assert set(compact.RELATIONS) == set(re.findall(r"(\w+) TYPE RELATION", script))
    assert set(re.findall(r"ON TABLE (\w+)", queries()["quiet"])) == tables
