from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runner.compiler import shape
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.document import read
from runner.compiler.shape.literals import likely
from runner.compiler.shape.places import locate
from runner.compiler.shape.validator import Violation
from runner.compiler.shape.values import unforeseen

HEAD = "spec: 1\nname: demo\n"
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "workflow.v1.schema.json").read_text(encoding="utf-8"))


def found_in(text: str) -> list[Diagnostic]:
    return shape.check(read(text.encode(), "a.yaml"))


def only(text: str) -> Diagnostic:
    found = found_in(HEAD + text)
    assert len(found) == 1, found
    return found[0]


def mended(text: str, found: Diagnostic) -> str:
    """`text` after the fix of a finding."""
    assert found.fix is not None
    lines = (HEAD + text).split("\n")
    span = found.fix.span
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.column - 1] + found.fix.replacement + line[span.end_column - 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "steps: {a: {run: x, timout: 10m}}",
        "steps: {a: {rnu: x}}",
        "steps: {a: {run: x, retry: {backoff: exponental}}}",
        "steps: {a: {run: x, allow_failure: yes}}",
        "steps: {a: {run: x, allow_failure: 'true'}}",
        'steps: {a: {run: x, retry: {attempts: "3"}}}',
        "steps: {a: {run: x, timeout: 30}}",
        "steps: {a: {run: x, timeout: 2 hours}}",
        "steps: {a: {run: x, title: 12}}",
        "steps: {My-Step: {run: x}}",
        "sandboxes: {b: {prefer: e2b}}\nsteps: {a: {run: x}}",
        "sandboxes: {b: {needs: {memory: 2GB }, prefer: [e2c]}}\nsteps: {a: {run: x}}",
        "steps: {a: {run: x, depends_on: [b]}, b: {run: x}}",
        "steps: {a: {run: x, timeout_seconds: 1.5}}",
        "steps: {a: {run: x, max_attempts: 2}}",
        "steps: {a: {run: x, name: Do it}}",
    ],
)
def test_a_fix_mends_the_finding(text: str) -> None:
    assert found_in(mended(text, only(text))) == []


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("steps: {a: {run: x, timout: 10m}}", True),
        ("steps: {a: {run: x, depends_on: [b]}, b: {run: x}}", True),
        ("steps: {a: {run: x, timeout_minutes: 3}}", True),
        ("steps: {a: {run: x, retries: 3}}", True),
        ("steps: {a: {run: x, when: 'true'}}", False),
        ("steps: {a: {run: x, timeout: 30}}", False),
        ("steps: {My-Step: {run: x}}", False),
        ("steps: {a: {run: x, allow_failure: yes}}", True),
    ],
)
def test_only_a_fix_that_cannot_change_the_meaning_is_safe(text: str, safe: bool) -> None:
    fix = only(text).fix
    assert fix is not None
    assert fix.safe is safe


def test_an_unknown_key_is_shown_at_the_key() -> None:
    found = only("steps:\n  a:\n    run: x\n    timout: 10m\n")
    assert (found.span.line, found.span.column, found.span.end_column) == (6, 5, 11)


def test_two_kinds_name_both_places_and_nothing_else() -> None:
    found = only("steps:\n  a:\n    run: x\n    agent: bob\n    prompt: hi\n    with: {}\n")
    assert found.code == "kind-conflict"
    assert (found.span.line, found.related[0].span.line) == (6, 5)


def test_a_mistyped_kind_is_not_also_called_missing() -> None:
    assert only("steps: {a: {scirpt: {language: bash, code: x}}}").code == "unknown-key"


def test_a_mistyped_key_that_must_be_there_is_not_also_called_missing() -> None:
    assert [found.code for found in found_in("spec: 1\nnmae: demo\nsteps: {a: {run: x}}\n")] == ["unknown-key"]


def test_inside_a_refused_key_nothing_is_told() -> None:
    assert only("steps: {a: {run: x, returns: {typ: 1, minimum: x}}}").code == "ineffective-key"


def test_after_a_syntax_error_nothing_is_called_missing() -> None:
    assert found_in("spec: 1\nname: @x\nsteps:\n  a: {title: x, zebra: 1}\n")[0].code == "unknown-key"
    assert found_in("spec: 1\nname: @x\n") == []


def test_what_the_document_told_is_not_told_again() -> None:
    assert found_in(HEAD + "steps: {a: {run: x, priority: .nan}}\n") == []


def test_a_long_text_is_cut_in_the_message() -> None:
    found = only(f"steps: {{a: {{run: x, timeout: '{'long ' * 100}'}}}}")
    assert len(found.message) < 160


@pytest.mark.parametrize(
    ("title", "text", "meant"),
    [
        ("duration", "90", "90s"),
        ("duration", "5 min", "5m"),
        ("duration", "1 hour 30 minutes", "1h30m"),
        ("duration", "30m1h", "1h30m"),
        ("duration", "1h1h", ""),
        ("duration", "1.5h", "1h30m"),
        ("duration", "0.25 minutes", "15s"),
        ("duration", "0.1s", ""),
        ("duration", "1.5 parsec", ""),
        ("duration", "1:30", "1m30s"),
        ("duration", "2:00:00", "2h"),
        ("duration", "PT1H30M", "1h30m"),
        ("duration", "P2D", "2d"),
        ("duration", "p", ""),
        ("duration", "10 parsec", ""),
        ("duration", "", ""),
        ("size", "512", "512MiB"),
        ("size", "2G", "2GiB"),
        ("size", "2 gigabytes", ""),
        ("size", "100 bytes", "100B"),
        ("size", "1.5 gb", "1.5GiB"),
        ("size", "big", ""),
        ("id", "Build Site!", "build_site"),
        ("id", "2nd", "n2nd"),
        ("id", "---", ""),
        ("id", "x" * 80, ""),
        ("name", "Build_Site", "build-site"),
        ("date", "tomorrow", ""),
        ("date", "2030-1-5", "2030-01-05"),
        ("date", "2030/01/31", "2030-01-31"),
        ("date", "2030-01-31T10:00:00Z", "2030-01-31"),
        ("date", "31.1.2030", "2030-01-31"),
        ("date", "1.2.2030", "2030-02-01"),
        ("date", "01/31/2030", "2030-01-31"),
        ("date", "01/02/2030", ""),
        ("date", "03/03/2030", "2030-03-03"),
        ("date", "32.1.2030", ""),
        ("variable", "MY-NAME", "MY_NAME"),
        ("variable", "2ND", "_2ND"),
        ("variable", "---", ""),
        ("matrix axis", "range(3)", ""),
    ],
)
def test_what_a_literal_probably_means(title: str, text: str, meant: str) -> None:
    assert likely(title, text) == meant


def nodes(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in ("properties", "$defs"):
        for name, part in schema.get(key, {}).items():
            yield from nodes(part, f"{path}/{name}")
    for key in ("items", "additionalProperties"):
        yield from nodes(schema.get(key), f"{path}/{key}")


EVERY = list(nodes(SCHEMA))


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("path", "schema"), EVERY, ids=[path or "/" for path, _ in EVERY])
def test_every_key_says_what_it_is_with_values_that_hold(path: str, schema: dict[str, Any]) -> None:
    target = SCHEMA
    for name in schema.get("$ref", "#").split("/")[1:]:
        target = target[name]
    assert schema.get("description") or target.get("description"), "editors show the description"
    validator = jsonschema.Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]})
    for example in [*schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]:
        assert list(validator.iter_errors(example)) == []
    if path.count("/") == 1 and path[1:] in SCHEMA["properties"]:
        assert schema.get("examples") or target.get("examples"), "editors offer the examples"


def test_each_refusal_in_the_schema_has_its_reason() -> None:
    for path, schema in EVERY:
        for branch in [*schema.get("dependentSchemas", {}).values(), *schema.get("allOf", [])]:
            assert branch.get("$comment"), f"{path}: say in `$comment` why"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("inputs: {a: {type: integer, multipleOf: 0}}", "bad-number", "`multipleOf` is 0; it must be more than 0"),
        ("milestones: [{id: a, week: 0}]", "bad-number", "`week` is 0; it must be from 1 to 520"),
        ("inputs: {a: {type: string, minLength: -1}}", "bad-number", "`minLength` is -1; it must be at least 0"),
        (
            "inputs: {a: {type: number, enum: [1, 1.0]}}",
            "duplicate-item",
            "`1.0` is given twice in `enum`",
        ),
        ("inputs: {a: {type: number, enum: [1, 1]}}", "duplicate-item", "`1` is given twice in `enum`"),
        ("defaults: {retry: {on: [null]}}", "bad-enum", "item 1 of `on` cannot be empty"),
        ("defaults: {retry: {on: [{a: 1}]}}", "bad-enum", "item 1 of `on` cannot be a map"),
        ("defaults: {retry: {on: [true]}}", "bad-enum", "item 1 of `on` cannot be the boolean `true`"),
        ("title: [a]", "wrong-type", "`title` must be a text, but is a list"),
        ("labels: {a: }", "wrong-type", "`a` is empty; a text is expected"),
        ("risks: [{}]", "missing-key", "item 1 of `risks` lacks the key `id`"),
    ],
)
def test_sentences_about_values(text: str, code: str, message: str) -> None:
    found = found_in(HEAD + text + "\nsteps: {a: {run: x}}\n")[0]
    assert (found.code, found.message) == (code, message)


def test_the_empty_document_has_no_shape() -> None:
    assert shape.check(read(b"", "a.yaml")) == []


def test_an_empty_root_is_told_at_its_beginning() -> None:
    assert [(found.code, found.span.column) for found in shape.check(read(b"{}", "a.yaml"))] == [("missing-key", 1)] * 3


@pytest.mark.parametrize("key", ["0", "007", "12", "+3", "a/b", "~1", "99999999999999999999", "é\\n"])
def test_a_key_of_any_letters_is_found_again(key: str) -> None:
    found = only(f'steps: {{a: {{run: x, files: {{"{key}": {{from: x, inclde: [y]}}}}}}}}')
    assert found.code == "unknown-key"
    assert found.span.column == len(f'steps: {{a: {{run: x, files: {{"{key}": {{from: x, ') + 1


def test_keys_that_the_library_takes_for_one_number_do_not_break_it() -> None:
    found = found_in(HEAD + 'steps: {a: {run: x, files: {"7": {from: x}, "007": {from: x, zebra: 1}, "07": [1]}}}')
    assert [diagnostic.code for diagnostic in found] == ["wrong-type"]
    found = found_in(HEAD + 'steps: {a: {run: x, files: {"7": [1], "007": {from: x, include: [[1]]}}}}')
    assert [diagnostic.code for diagnostic in found] == ["wrong-type", "wrong-type"]


@pytest.mark.parametrize(
    "text",
    [
        "steps: {a: {run: x, allow_failure: enabled}}",
        "steps: {a: {run: x, priority: 1_0}}",
        "steps: {a: {run: x, retry: {attempts: 3.0}}}",
        "steps: {a: {run: x, retry: {attempts: 1e1}}}",
        "steps: {a: {run: x, retry: {attempts: 99}}}",
        "steps: {a: {run: x, timeout: 1:30}}",
        "steps: {a: {run: x, env: {MY-NAME: x}}}",
        "inputs: {n: {type: int}}\nsteps: {a: {run: x}}",
        "inputs: {n: {enum: [a, b, a]}}\nsteps: {a: {run: x}}",
        "inputs: {n: {enum: [a, a]}}\nsteps: {a: {run: x}}",
        "milestones: [{id: a, due: 31.1.2030}]\nsteps: {a: {run: x}}",
        "\u00a0steps: {a: {run: x}}",
        "tests: [{name: n, expect: {state: success}}]\nsteps: {a: {run: x}}",
    ],
)
def test_a_slip_of_another_language_is_mended(text: str) -> None:
    assert found_in(mended(text, only(text))) == []


def test_a_spec_without_its_version_gets_one() -> None:
    text = "# a comment\nname: demo\nsteps: {a: {run: x}}\n"
    (found,) = found_in(text)
    assert found.fix is not None
    assert (found.fix.span.line, found.fix.replacement) == (2, "spec: 1\n")
    (flow,) = found_in("{name: demo, steps: {a: {run: x}}}")
    assert flow.fix is None


def test_an_item_is_cut_out_only_where_its_comma_is_known() -> None:
    (found,) = found_in(HEAD + "steps:\n  a: {run: x}\n  b:\n    run: x\n    after:\n    - a\n    - a\n")
    assert found.code == "duplicate-item"
    assert found.fix is None


def test_what_must_be_given_anyway_needs_no_required() -> None:
    found = only("inputs: {n: {type: string, required: true}}\nsteps: {a: {run: x}}")
    assert (found.code, found.hint) == (
        "ineffective-key",
        "remove it: an input without `default` must be given anyway",
    )


def test_numbers_that_are_whole_by_value_alone_are_told_where_they_are_counted() -> None:
    assert "must be a whole number, but is the number `3.0`" in only("steps: {a: {run: x, priority: 3.0}}").message
    assert found_in(HEAD + "steps: {a: {run: x, retry: {jitter: 1.0}, env: {A: 3.0}}}\n") == []


def test_equal_maps_and_lists_are_given_twice_whatever_their_form() -> None:
    text = "inputs: {a: {enum: [{x: 1, y: [2]}, {y: [2.0], x: 1}]}}\nsteps: {a: {run: x}}"
    assert only(text).code == "duplicate-item"
    again = "inputs: {a: {enum: [[2, {x: 1}], [2.0, {x: 1}]]}}\nsteps: {a: {run: x}}"
    assert only(again).code == "duplicate-item"


def test_a_keyword_without_a_sentence_is_named() -> None:
    document = read(HEAD.encode(), "a.yaml")
    assert document.root is not None
    violation = Violation("contains", ("name",), ("properties", "name", "contains"), {}, None)
    (finding,) = unforeseen(violation, locate(document.root, ("name",), "a.yaml"))
    assert finding.diagnostic.message == "`name` breaks the rule `contains` of the schema"
