"""What is written in another way, and that nothing else changes: values, findings, comments."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compiler import layout
from runner.compiler.compile import check
from runner.compiler.document import read_all, to_json
from runner.compiler.layout import formatted
from runner.compiler.layout.indent import comments
from runner.compiler.layout.order import STEP, TOP
from runner.compiler.shape.validator import workflow_schema

ROOT = Path(__file__).parents[3]
GOLDEN = sorted((ROOT / "tests" / "golden").rglob("*.yaml"))
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
BLOCK = re.compile(r"^```yaml \S+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"lines? \d+")
WORDS = [
    *(
        ":",
        ": ",
        "-",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "|",
        ">",
        "&a ",
        "*a",
        "#",
        "?",
        "\t",
        "\n",
        "  ",
        "   ",
    ),
    *("# c\n", "\n\n\n", "  # d\n", "|\n", "|+\n", ">-\n   x\n", "'a'", '"b"', " # e\n", "? ", "\r\n", "<<: ", "run"),
]


def written(text: str) -> str:
    found = formatted(text.encode(), "a.yaml")
    assert found.errors == ()
    return found.data.decode()


def unchanged_in_meaning(data: bytes) -> bool:
    """Check what holds for every text; False for one that is left alone."""
    found = formatted(data, "a.yaml")
    if found.errors:
        assert found.data == data
        return False
    before, after = (read_all(each, "a.yaml") for each in (data, found.data))
    assert [one.root and to_json(one.root) for one in before] == [one.root and to_json(one.root) for one in after]
    assert told(data) == told(found.data)
    assert formatted(found.data, "a.yaml").data == found.data
    texts = (text.replace("\r\n", "\n").replace("\r", "\n") for text in (before[0].text, after[0].text))
    first, second = (Counter(comments(text)) for text in texts)
    assert first == second
    return True


def told(data: bytes) -> Counter[tuple[str, str]]:
    return Counter((found.code, LINE.sub("line …", found.message)) for found in check(data, "a.yaml"))


@pytest.mark.parametrize("path", [*SPECS, *GOLDEN], ids=lambda path: path.stem)
def test_a_spec_means_the_same_afterwards(path: Path) -> None:
    unchanged_in_meaning(path.read_bytes())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_our_own_specs_are_formatted(path: Path) -> None:
    assert formatted(path.read_bytes(), path.name).data == path.read_bytes()


@pytest.mark.parametrize("name", ["README.md", "docs/runs.md", "docs/price.md", "docs/settings.md"])
def test_the_specs_that_people_read_first_are_formatted(name: str) -> None:
    blocks = BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        assert written(block) == block


@pytest.mark.parametrize("shard", range(4))
def test_a_thousand_mutants_mean_the_same_afterwards(shard: int) -> None:
    random_ = random.Random(shard)
    texts = [path.read_text(encoding="utf-8") for path in [*SPECS, *GOLDEN] if b"\r" not in path.read_bytes()]
    count = 0
    while count < 250:
        text = random_.choice(texts)
        for _ in range(random_.randint(1, 3)):
            at = random_.randint(0, len(text))
            text = text[:at] + random_.choice(WORDS) + text[at + random_.choice((0, 0, 1, 5)) :]
        count += unchanged_in_meaning(text.encode())


KEYS = st.sampled_from(["run", "title", "a", "b", "if", "ref", "x y", "1", ""])
VALUES = st.recursive(
    st.sampled_from(["x", "'it''s'", '"a b"', "1", "", "~", "|\n  t\n   u", ">-\n  v\n\n  w", "a\n  b", "&n y", "*n"]),
    lambda inner: st.tuples(st.booleans(), st.lists(st.tuples(KEYS, inner), min_size=1, max_size=3)),
    max_leaves=6,
)
NOISE = st.sampled_from(["", "", "", "# one", "  # two", "      # three", "", "\n"])


def rendered(value: object, depth: int, noise: list[str], width: int) -> str:
    """A block map or list of any indentation with comments in between."""
    if isinstance(value, str):
        return " " + value.replace("\n  ", "\n" + " " * (width * depth + 3)) + "\n"
    assert isinstance(value, tuple)
    is_map, pairs = value
    lines = "\n"
    for key, inner in pairs:
        said = noise.pop() if noise else ""
        lines += (said + "\n" if said else "") + " " * (width * depth)
        lines += (f"{key!r}:" if is_map else "-") + rendered(inner, depth + 1, noise, width)
    return lines


@settings(max_examples=300, deadline=None)
@given(VALUES, st.lists(NOISE, max_size=12), st.integers(1, 4))
def test_any_tree_means_the_same_afterwards(value: object, noise: list[str], width: int) -> None:
    unchanged_in_meaning(("steps:" + rendered(value, 1, noise, width)).encode())


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:-[]{},'\"|>&*!#?% \n\t~<1.@`", max_size=60))
def test_any_text_means_the_same_afterwards(text: str) -> None:
    unchanged_in_meaning(text.encode())


CASES = {
    "two columns for each level": ("a:\n    b:\n        c: 1\n", "a:\n  b:\n    c: 1\n"),
    "lists inside their key": ("a:\n- 1\n- 2\nb: 3\n", "a:\n  - 1\n  - 2\nb: 3\n"),
    "lists in lists": ("a:\n-   - 1\n    - 2\n-   b: 1\n    c: 2\n", "a:\n  - - 1\n    - 2\n  - b: 1\n    c: 2\n"),
    "one blank": ("a:   1\nb  : [ 1,2 ,3 ]\nc: { x: 1,y : 2 }\n", "a: 1\nb: [1, 2, 3]\nc: {x: 1, y: 2}\n"),
    "a value that is not there": ("a: {b: , c: }\n", "a: {b: , c: }\n"),
    "an alias as a key": ("a: &x b\nc: {*x : 1}\n", "a: &x b\nc: {*x : 1}\n"),
    "anchors and tags": ("a: &x   !!str  1\nb:  *x\n", "a: &x !!str 1\nb: *x\n"),
    "an explicit key": ("?   a\n:   b\n", "? a\n: b\n"),
    "trailing blanks": ("a: 1  \nb: 2\t\n", "a: 1\nb: 2\n"),
    "empty lines": ("\n\na: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
    "the end": ("a: 1", "a: 1\n"),
    "comments": ("# head\na: 1   # one\n#  two\nb: 2# no\n", "# head\na: 1   # one\n#  two\nb: 2# no\n"),
    "a tab before a comment": ("a: 1\t# one\n", "a: 1 # one\n"),
    "comments at their level": (
        "a:\n    # one\n    b: 1\n    # two\n  # three\n# four\nc: 2\n# five\n",
        "a:\n  # one\n  b: 1\n  # two\n# three\n# four\nc: 2\n# five\n",
    ),
    "a comment below a list": ("a:\n- 1\n# one\n- 2\n# two\nb: 3\n", "a:\n  - 1\n  # one\n  - 2\n# two\nb: 3\n"),
    "a comment between key and value": ("a: # one\n    # two\n    - 1\n", "a: # one\n  # two\n  - 1\n"),
    "a value on its own line": ("a:\n      # one\n      b\n", "a:\n  # one\n  b\n"),
    "brackets over lines": (
        "a: [1,\n       2, {b: 1,\n c: 2}, # one\n    # two\n  ]\n",
        "a: [1,\n  2, {b: 1,\n    c: 2}, # one\n  # two\n]\n",
    ),
    "brackets in a list": ("- [\n1,\n[\n2\n],\n]\n", "- [\n    1,\n    [\n      2\n    ],\n  ]\n"),
    "brackets on their own line": ("a:\n   [\n 1\n   ]\n", "a:\n  [\n    1\n  ]\n"),
    "a block text": ("a:\n    b: |\n      x\n        y\n\n\n    c: 1\n", "a:\n  b: |\n    x\n      y\n\n  c: 1\n"),
    "a block text of blanks": ("a: |\n  x\n     \nb: >\n\nc: |\n", "a: |\n  x\n     \nb: >\n\nc: |\n"),
    "a block text that keeps its end": ("a: |+\n   x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n"),
    "a block text that says how deep": ("a:\n   b: |2-\n       x\n", "a:\n  b: |2-\n      x\n"),
    "a block text with a comment": ("a: |  # one\n      x\n   # two\nb: 1\n", "a: |  # one\n  x\n# two\nb: 1\n"),
    "a block text without an end": ("a: |\n    x", "a: |\n  x"),
    "a block text in a loose list": ("a:\n- |1\n  x\n", "a:\n  - |1\n    x\n"),
    "a block text alone": ("--- |\n  x\n", "--- |\n  x\n"),
    "a block text alone that says how deep": ("--- |2\n   x\n", "--- |2\n   x\n"),
    "a text of several lines": ('a: "x\n\n      y \\\n   z"\nb: c\n      d\n', 'a: "x\n\n  y \\\n  z"\nb: c\n  d\n'),
    "quotes": ("a: 'x'\nb: 'it''s'\n", "a: \"x\"\nb: \"it's\"\n"),
    "quotes that save a backslash": ('a: "say \\"x\\""\n', "a: 'say \"x\"'\n"),
    "quotes that are needed": ("a: 'a\"b'\nb: 'a\\b'\nc: \"\\t\\\"\"\n", "a: 'a\"b'\nb: 'a\\b'\nc: \"\\t\\\"\"\n"),
    "documents": ("---   # one\na: 1\n...\n", "---   # one\na: 1\n...\n"),
    "several documents": ("spec:  1\n---\nname: x\nspec: 1\n", "spec: 1\n---\nspec: 1\nname: x\n"),
    "CR LF": ("a:   1\r\nb: |\r\n    x\r\n", "a: 1\r\nb: |\r\n  x\r\n"),
    "a byte order mark": ("\ufeffa:   1\n", "\ufeffa: 1\n"),
    "the order of keys": ("steps: {}\nname: x\nspec: 1\n", "spec: 1\nname: x\nsteps: {}\n"),
    "the order of a step": (
        "steps:\n  a:\n    run: x\n    # who\n    owner: b # c\n\n    title: t\n",
        "steps:\n  a:\n    title: t\n    # who\n    owner: b # c\n    run: x\n",
    ),
    "the order of steps in brackets": ("steps: {b: {run: x, ref: 1}, a: {use: y, <<: {if: z}}}\n",
                                        "steps: {b: {ref: 1, run: x}, a: {<<: {if: z}, use: y}}\n"),
    "the order of a template's step": (
        "templates:\n  t:\n    step:\n      run: x\n      title: y\n  u: 1\n",
        "templates:\n  t:\n    step:\n      title: y\n      run: x\n  u: 1\n",
    ),
    "the order of hooks": ("steps: 1\nfinally: {run: x, title: y}\n", "steps: 1\nfinally: {title: y, run: x}\n"),
    "a head that stays": ("# head\n\nname: x\nspec: 1", "# head\n\nspec: 1\nname: x\n"),
    "the last line without an end": ("steps:\n  a:\n    run: x\n    ref: 1", "steps:\n  a:\n    ref: 1\n    run: x\n"),
    "a value that is not there, moved": ("steps: {a: {run: , ref: 1}}\n", "steps: {a: {ref: 1, run: }}\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_in_another_way(name: str) -> None:
    before, after = CASES[name]
    assert written(before) == after
    assert unchanged_in_meaning(before.encode())


STAYS = {
    "a block text that keeps the empty lines behind it": "steps:\n  a:\n    run: |+\n      x\n\n    title: t\n",
    "an unknown key": "steps: {}\nzzz: 1\nspec: 1\n",
    "a key without a name": "steps: {}\n? [a]\n: 1\nspec: 1\n",
    "a comment that may belong to two": "steps:\n  a:\n    run: x\n    # what?\n\n    title: t\n",
    "a comment inside the value before": "steps:\n  a:\n    env:\n      A: x\n      # what?\n    title: t\n",
    "a comment behind the last": "steps:\n  a:\n    run: x\n    title: t\n    # what?\n  b: 1\n",
    "a comment above the first": "steps:\n  a:\n    # what?\n    run: x\n    title: t\n",
    "brackets over lines": "steps:\n  a: {run: x,\n    title: t}\n",
    "an alias that would stand before its anchor": "name: &n x\nspec: *n\n",
    "an explicit key": "steps:\n  a:\n    ? run\n    : x\n    title: t\n",
    "kinds, which exclude each other": "steps: {a: {agent: x, run: y}}\n",
}


@pytest.mark.parametrize("name", STAYS)
def test_the_order_stays_where_moving_is_not_safe(name: str) -> None:
    found = formatted(STAYS[name].encode(), "a.yaml")
    assert found.data.decode() == STAYS[name]


@pytest.mark.parametrize("text", ["a: [1\n", "a: 1\na: 2\n", "", "# only\n", "a: \x01\n", "a: *b\n"])
def test_what_is_no_yaml_is_left_alone_with_its_errors(text: str) -> None:
    found = formatted(text.encode(), "a.yaml")
    assert found.data == text.encode()
    assert found.errors


@pytest.mark.parametrize("wrong", ["a: 2\n", "a: [\n", "a: 1\n# new\n"])
def test_what_would_say_something_else_is_never_written(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "indented", lambda _text: wrong)
    assert formatted(b"a:   1\n", "a.yaml").data == b"a:   1\n"


def test_the_order_knows_every_key_of_the_language() -> None:
    schema = workflow_schema()
    assert set(schema["properties"]) <= set(TOP)
    assert set(schema["$defs"]["step"]["properties"]) | set(schema["$defs"]["hook"]["properties"]) <= set(STEP)
