"""Hover, definition, references and rename of what a spec names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.compiler.fixes import applied
from runner.compiler.surroundings import Surroundings
from runner.editor.analysis import Analysis
from runner.editor.hover import hover
from runner.editor.rename import Refused, definition, mentions, renamable, rename
from runner.editor.texts import Texts

from .conftest import Place

Placed = Callable[[str], Place]

HOVERS = {
    "  bund│le:": ["step bundle", "Bundle it", "kind `run`", "in `py` → e2b", "stopped after 10m", "price ", "`size`"],
    "after: [bun│dle]": ["step bundle"],
    "sandbox: p│y": ["sandbox py", "✓ `e2b`", "✗ `webcontainer`", "not listed in `prefer`"],
    "owner: an│n": ["agent ann", "title: `Ann`"],
    "phase: bui│ld": ["phase build"],
    "use: li│nt": ["template lint", "kind `run`", "takes `folder`: text"],
    "ran│ge(inputs": ["`range(integer, [integer])`: list of integer"],
    "matr│ix: {shard": ['matrix: {python: ["3.11", "3.12"]}'],
    "to│ken: {env": ["secret token", "env: `TOKEN`"],
    "inputs.tar│get": ['`inputs.target`: "dev" | "prod"', "Where to.", "Default: `dev`"],
    "inputs.sha│rds": ["integer (≥ 1, ≤ 8)"],
    "secrets.to│ken": ["`secrets.token`: secret"],
    "steps.bun│dle.outputs.size > 1": ["step bundle"],
    "steps.bundle.outputs.si│ze > 1": ["integer (≥ 0)", "Its bytes."],
    "steps.bundle.outputs.di│st": ["files dist/**"],
    "params.fol│der": ["text"],
    "matrix.sha│rd": ["integer"],
    "      si│ze: {type": ["output size", "of `bundle`"],
    "params: {fol│der": ["param folder", "of `lint`"],
    "    tit│le: Bundle": ["**title**", "The name that people see."],
    "runtime: pyt│hon": ["**runtime**", "Default: `shell`"],
    "needs: {run│time": ["**runtime**"],
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("si│ze(inputs.target) > 1", "`size(text"),
        ("inputs.target.starts│With('d')", "`x.startsWith(text)`: boolean"),
        ("math.fl│oor(1.5) > 1.0", "`math.floor(number)`: number"),
    ],
)
def test_functions_say_what_they_take_and_give(placed: Placed, spec: str, condition: str, expected: str) -> None:
    found = hover(*placed(spec.replace("if: steps.bundle.outputs.size > 1", f"if: {condition}")))
    assert found is not None
    assert expected in found.text


def marked(spec: str, needle: str) -> str:
    plain = needle.replace("│", "")
    assert plain in spec
    return spec.replace(plain, needle, 1)


@pytest.mark.parametrize("needle", HOVERS)
def test_what_stands_at_a_place_is_explained(placed: Placed, spec: str, needle: str) -> None:
    found = hover(*placed(marked(spec, needle)))
    assert found is not None
    for words in HOVERS[needle]:
        assert words in found.text


@pytest.mark.parametrize("needle", ["spec: 1\n│", "make │${{", 'title: "😀 größe"│'])
def test_where_there_is_nothing_nothing_is_explained(placed: Placed, spec: str, needle: str) -> None:
    found = hover(*placed(marked(spec, needle)))
    assert found is None or "**" in found.text


LEADS = {
    "after: [bun│dle]": "  bundle:",
    'after: ["te│st"]': "  test:",
    "needs: [la│st]": "  last:",
    "steps.bun│dle.outputs.size > 1": "  bundle:",
    "steps.bundle.outputs.si│ze > 0": "      size:",
    "inputs.tar│get": "  target:",
    "secrets.to│ken": "  token:",
    "sandbox: p│y": "  py:",
    "owner: an│n": "  ann:",
    "phase: bui│ld": "  build:",
    "use: li│nt": "  lint:",
    "params.fol│der": "params: {folder",
    "matrix.sha│rd": "matrix: {shard",
}


@pytest.mark.parametrize("needle", LEADS)
def test_a_name_leads_to_where_it_is_declared(placed: Placed, spec: str, needle: str) -> None:
    analysis, line, column = placed(marked(spec, needle))
    found = definition(analysis, line, column)
    assert found is not None
    written = analysis.lines[found.line - 1]
    assert LEADS[needle].split("{")[-1].strip().rstrip(":") == written[found.column - 1 : found.end_column - 1]
    assert LEADS[needle].rstrip(":") in written


def test_another_workflow_is_a_file() -> None:
    text = "spec: 1\nname: a\nsteps: {a: {workflow: ../b.yaml}, b: {workflow: other}}\n"
    analysis = Analysis(text, "/x/y/a.yaml", Surroundings())
    found = definition(analysis, 3, text.splitlines()[2].index("../b") + 2)
    assert found is not None
    assert found.path == "/x/b.yaml"
    assert definition(analysis, 3, text.splitlines()[2].index("other") + 2) is None
    assert renamable(analysis, 3, text.splitlines()[2].index("../b") + 2) is None


def test_nothing_leads_nowhere(spec: str) -> None:
    analysis = Analysis(spec)
    assert definition(analysis, 1, 1) is None
    assert mentions(analysis, 1, 1) == []
    with pytest.raises(Refused, match="nothing here"):
        rename(analysis, 1, 1, "x")


def renamed(place: Place, new: str) -> str:
    analysis, line, column = place
    return applied(analysis.data, rename(analysis, line, column, new)).decode()


RENAMES = {
    "  bund│le:": ("bundle", 5),
    "after: [bun│dle]": ("bundle", 5),
    "steps.bundle.outputs.di│st": ("dist", 2),
    "inputs.tar│get": ("target", 2),
    "  tok│en:": ("token", 2),
    "sandbox: p│y": ("py", 2),
    "owner: an│n": ("ann", 5),
    "use: li│nt": ("lint", 2),
    "params.fol│der": ("folder", 3),
    "matrix.sha│rd": ("shard", 2),
    'after: ["te│st"]': ("test", 2),
}


@pytest.mark.parametrize("needle", RENAMES)
def test_a_new_name_stands_everywhere(placed: Placed, spec: str, needle: str) -> None:
    old, places = RENAMES[needle]
    place = placed(marked(spec, needle))
    found = renamable(*place)
    assert found is not None
    assert found.name == old
    assert len(mentions(*place)) == places
    assert len(mentions(*place, declaration=False)) == places - 1
    after = renamed(place, "brandnew")
    assert after.count("brandnew") == places
    assert [one for one in Analysis(after).findings if one.severity == "error"] == [
        one for one in place[0].findings if one.severity == "error"
    ]


ELSEWHERE = {
    "of its own round": """
  a:
    run: echo "o│ld=1" >> "$RUNNER_OUTPUT"
    outputs: {old: {type: integer}}
    repeat: {until: outputs.old > 1, max: 2}
""",
    "required of an answer": """
  a: {agent: x, prompt: y, returns: {type: object, required: [o│ld], properties: {old: {type: integer}}}}
agents: {x: {model: "openai:gpt-4.1-mini-2025-04-14", budget: {usd: 1, turns: 3}}}
""",
    "of a form": """
  a: {approve: {prompt: Go?, form: {o│ld: {type: string}}}}
  b: {run: x, env: {OTHER: "${{ steps.a.outputs.old }}"}}
""",
    "of a template": """
  a: {use: t}
  b: {run: 'x ${{ steps.a.outputs.old }}'}
templates:
  t: {step: {run: 'echo "old=1" >> "$RUNNER_OUTPUT"', outputs: {o│ld: {type: integer}}}}
""",
    "in rows": """
  a:
    run: x ${{ matrix.old }} ${{ matrix.n }}
    matrix: {o│ld: [1, 2], n: [3], include: [{old: 4, n: 5}], exclude: [{old: 2}]}
""",
    "in rows alone": """
  a:
    run: x ${{ matrix.old }} ${{ matrix.n }}
    matrix: {n: [3], include: [{n: 1, o│ld: 5}, {n: 3, old: 4}]}
""",
    "in tests": """
  o│ld: {run: x, retry: {attempts: 2}}
tests:
  - {name: t, faults: [{step: old, error: exit}], expect: {state: failed, steps: {old: {attempts: 2}}}}
  - {name: s, stubs: {old: {stdout: x}}, expect: {state: completed}}
""",
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_is_known_wherever_the_language_has_it(placed: Placed, name: str) -> None:
    place = placed("spec: 1\nname: demo\nsteps:" + ELSEWHERE[name])
    assert renamed(place, "brandnew") == place[0].text.replace("old", "brandnew")


def test_the_same_name_changes_nothing(placed: Placed, spec: str) -> None:
    assert renamed(placed(marked(spec, "  bund│le:")), "bundle") == spec


def test_quotes_stay_and_words_of_yaml_are_quoted(placed: Placed, spec: str) -> None:
    after = renamed(placed(marked(spec, "  te│st:")), "null")
    assert '  "null":' in after
    assert 'after: ["null"]' in after


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("Bad-Name", "cannot be an id: lower-case"),
        ("", "cannot be an id"),
        ("test", "there is another step `test`"),
        ("last", "there is another step `last`"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_reason(placed: Placed, spec: str, new: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        renamed(placed(marked(spec, "  bund│le:")), new)


def test_what_a_command_writes_is_renamed_with_its_output(placed: Placed, spec: str) -> None:
    after = renamed(placed(marked(spec, "steps.bundle.outputs.si│ze > 1")), "brandnew")
    assert 'echo "brandnew=1" >> "$RUNNER_OUTPUT"' in after
    assert after.count("brandnew") == 4
    place = placed(marked(spec, 'echo "si│ze=1"'))
    assert len(mentions(*place)) == 4
    assert hover(*place) is not None


def test_an_output_that_is_written_unseen_is_refused(placed: Placed, spec: str) -> None:
    unseen = spec.replace('echo "size=1" >> "$RUNNER_OUTPUT"', "./write.sh")
    with pytest.raises(Refused, match="what `bundle` runs writes `size` where it cannot be seen"):
        renamed(placed(marked(unseen, "steps.bundle.outputs.si│ze > 1")), "brandnew")


def test_a_name_that_would_bring_an_error_is_refused(placed: Placed) -> None:
    step = '{run: x, matrix: {s│ide: [1]}, env: {A: "${{ matrix.side }}"}}'
    with pytest.raises(Refused, match="with that name, "):
        renamed(placed(f"spec: 1\nname: a\nsteps: {{a: {step}}}\n"), "include")


CHILD = """\
spec: 1
name: child
inputs: {amount: {type: integer}}
steps:
  a: {run: 'echo "n=${{ inputs.amount }}" >> "$RUNNER_OUTPUT"', outputs: {n: {type: integer}}}
outputs: {total: {value: "${{ steps.a.outputs.n }}"}}
"""
PARENT = """\
spec: 1
name: parent
steps:
  below: {workflow: ./child.yaml, with: {amount: 1}}
  next: {run: 'echo ${{ steps.below.outputs.total }}'}
---
spec: 1
name: other
steps: {again: {workflow: "child.yaml#child", with: {amount: 2}}}
"""


def two_files(folder: Path) -> tuple[Texts, Analysis, Analysis]:
    texts = Texts()
    found = []
    for name, text in (("child.yaml", CHILD), ("parent.yaml", PARENT)):
        (folder / name).write_text(text)
        found.append(texts.put(str(folder / name), text))
    (folder / "unrelated.yaml").write_text("amount: total\n")
    return texts, found[0], found[1]


def place_of(analysis: Analysis, needle: str) -> tuple[int, int]:
    before = analysis.text[: analysis.text.index(needle.replace("│", ""))] + needle.partition("│")[0]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


@pytest.mark.parametrize(
    ("given", "declared", "old", "count"),
    [("{am│ount: 1}", "│amount: {type", "amount", (2, 2)), ("outputs.to│tal }}", "│total: {value", "total", (1, 1))],
)
def test_what_a_child_takes_and_gives_has_one_name_in_all_files(
    tmp_path: Path, given: str, declared: str, old: str, count: tuple[int, int]
) -> None:
    texts, child, parent = two_files(tmp_path)
    found = definition(parent, *place_of(parent, given))
    assert found is not None
    assert (found.path, found.line, found.column) == (child.path, *place_of(child, declared))
    explained = hover(parent, *place_of(parent, given))
    assert explained is not None
    assert "integer" in explained.text

    def files(path: str) -> list[Analysis]:
        return texts.family(path, str(tmp_path))

    for start, place in ((parent, place_of(parent, given)), (child, place_of(child, declared))):
        assert len(mentions(start, *place, files)) == sum(count)
        edits = rename(start, *place, "brandnew", files)
        for text, number in zip((child, parent), count, strict=True):
            after = applied(text.data, [edit for edit in edits if edit.span.path == text.path]).decode()
            assert after.count("brandnew") == number
            assert old not in after


def test_a_workflow_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    _, _, parent = two_files(tmp_path)
    found = hover(parent, *place_of(parent, "./chi│ld.yaml"))
    assert found is not None
    assert found.text == "**workflow child**\n\n- takes `amount`: integer\n- gives `total`"


def test_a_name_in_a_broken_file_is_refused(tmp_path: Path) -> None:
    texts, child, parent = two_files(tmp_path)
    texts.put(parent.path, PARENT + "broken: [\n")
    with pytest.raises(Refused, match=r"parent\.yaml too, which cannot be read"):
        rename(child, *place_of(child, "am│ount: {"), "brandnew", lambda path: texts.family(path, str(tmp_path)))


def test_while_the_text_is_broken_nothing_is_renamed(placed: Placed, spec: str) -> None:
    analysis, line, column = placed(marked(spec, "  bund│le:") + "broken: [\n")
    assert renamable(analysis, line, column) is None
    assert definition(analysis, line, column) is not None


def test_what_is_not_declared_cannot_be_renamed(placed: Placed, spec: str) -> None:
    assert renamable(*placed(marked(spec.replace("[last]", "[lost]"), "[lo│st]"))) is None
