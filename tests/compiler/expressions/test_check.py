"""Each mistake in an expression is told once, at the operand that is wrong, in the words of the language."""

from __future__ import annotations

import pytest

from runner.compiler.canonical import Json
from runner.compiler.expressions.check import Verdict, check, known_after
from runner.compiler.expressions.symbols import SECRET, STATES, Scope, Symbol, symbol_of
from runner.compiler.expressions.types import from_schema

SCHEMAS: dict[str, dict[str, Json]] = {
    "inputs.target": {"enum": ["dev", "prod"]},
    "inputs.other": {"enum": ["x", "y"]},
    "inputs.level": {"enum": [1, 2, 5]},
    "inputs.mixed": {"enum": [1, "a", True]},
    "inputs.note": {"type": ["string", "null"]},
    "inputs.count": {"type": ["integer", "null"], "maximum": 8},
    "inputs.nothing": {"type": "null"},
    "inputs.n": {"type": "integer", "minimum": 1, "maximum": 8},
    "inputs.m": {"type": "integer", "exclusiveMinimum": 8},
    "inputs.r": {"type": "number"},
    "inputs.s": {"type": "string"},
    "inputs.b": {"type": "boolean"},
    "inputs.l": {"type": "array", "items": {"type": "string"}},
    "inputs.any": {},
    "inputs.on": {"const": True},
    "inputs.few": {"enum": list(range(9))},
    "inputs.many": {"enum": list(range(9, 18))},
    "inputs.words": {"type": "array", "items": {"enum": ["a", "b"]}},
    "inputs.map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "inputs.open": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
    "inputs.image": {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}},
    "steps.a.outputs.rows": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    "steps.a.outputs.v": {"enum": ["ship", "hold"]},
    "steps.b.outputs.n": {"type": "integer"},
    "item": {"type": "object", "properties": {"id": {"type": "integer"}}},
}
TABLE = {
    **{path: symbol_of(from_schema(schema)) for path, schema in SCHEMAS.items()},
    **{f"steps.{step}.state": Symbol("STRING", STATES) for step in "ab"},
    **{f"steps.{step}.outputs": Symbol("MAP<STRING, DYN>", closed=True) for step in "ab"},
    "secrets.token": Symbol(SECRET),
    "run.id": Symbol("STRING"),
    "run.cost.usd": Symbol("DOUBLE"),
}
ROOTS = ("inputs", "secrets", "run", "steps")
SCOPE = Scope(TABLE, ROOTS, {"c": "the step `c` comes later"})
DOUBTFUL = Scope(
    TABLE, ROOTS, doubts={"a": "`a` may be skipped", "b": "`b` may be skipped"}, follows={"b": frozenset({"a"})}
)

#: expression, kind of trouble, the text it points at, words of the message, words of the hint
WRONG = [
    ("inputs.target == 'prd'", "value", "'prd'", "is never `prd`; it is `dev` or `prod`", "`prod`"),
    ("'qqqqqqqq' == inputs.target", "value", "'qqqqqqqq'", "is never `qqqqqqqq`", ""),
    ("inputs.target in ['dev', 'prd']", "value", "'prd'", "is never `prd`", "`prod`"),
    ("inputs.target in ['a1', 'b2']", "value", "'a1'", "is never `a1`", ""),
    ("inputs.level != 3", "value", "3", "is never `3`; it is `1`, `2` or `5`", ""),
    ("inputs.level == -1", "value", "-1", "is never `-1`", ""),
    ("inputs.mixed == 'b'", "value", "'b'", "it is `1`, `a` or `true`", ""),
    ("inputs.n == 9", "value", "9", "it is at least 1 and at most 8", ""),
    ("inputs.count == 9", "value", "9", "it is at most 8", ""),
    ("inputs.s == null", "value", "null", "is never `null`; it is text", ""),
    ("inputs.target == inputs.other", "value", "inputs.other", "they are never equal", ""),
    ("'c' in inputs.words", "value", "'c'", "ever `c`; each is `a` or `b`", ""),
    ("steps.a.state == 'success'", "value", "'success'", "is never `success`", "`succeeded`"),
    ("inputs.n > 8", "constant", "inputs.n > 8", "always false: `inputs.n` is at least 1 and at most 8", ""),
    ("8 >= inputs.n", "constant", "8 >= inputs.n", "always true", ""),
    ("inputs.m > inputs.n", "constant", "inputs.m > inputs.n", "`inputs.m` is more than 8; `inputs.n` is", ""),
    ("inputs.level < 1", "constant", "inputs.level < 1", "`inputs.level` is `1`, `2` or `5`", ""),
    ("inputs.n + 1 < 2", "constant", "inputs.n + 1 < 2", "at least 2 and at most 9", ""),
    ("inputs.n == inputs.m", "constant", "inputs.n == inputs.m", "always false", ""),
    ("inputs.s != inputs.s", "constant", "inputs.s != inputs.s", "always false: both sides are the same", ""),
    ("inputs.target in ['dev', 'prod']", "constant", "inputs.target in ['dev', 'prod']", "every value", ""),
    ("inputs.target == 'dev' && inputs.target == 'prod'", "constant", "inputs.target == 'dev' && ", "always false", ""),
    ("inputs.b || !inputs.b", "constant", "inputs.b || !inputs.b", "always true", ""),
    (
        "!(inputs.b || inputs.s == 'a') && inputs.b",
        "constant",
        "!(inputs.b || inputs.s == 'a') && inputs.b",
        "false",
        "",
    ),
    ("!(inputs.target in ['dev']) && inputs.target == 'dev'", "constant", "!(inputs.target", "always false", ""),
    ("inputs.n < 3 && 5 < inputs.n", "constant", "inputs.n < 3 && 5 < inputs.n", "always false", ""),
    ("true ? inputs.n : 2", "constant", "true", "`true` is always true", ""),
    ("1 == 2", "constant", "1 == 2", "always false", ""),
    ("inputs.tagret", "unknown", "tagret", "there is no input `tagret`", "`target`"),
    ("inputs.target.name", "type", "name", "text has no properties, so no `name`", ""),
    ("inputs.l.size", "type", "size", "a list has no properties", "size(x)"),
    ("inputs.l.name", "type", "name", "a list has no properties", "x[0]"),
    ("secrets.token.x", "type", "x", "a secret has no properties", "opaque"),
    ("inputs.image.nmae", "unknown", "nmae", "`inputs.image` has no property `nmae`", "`name`"),
    ("inputs.image['nmae']", "unknown", "nmae", "`inputs.image` has no property `nmae`", "`name`"),
    ("'nmae' in inputs.image", "unknown", "nmae", "`inputs.image` has no property `nmae`", "`name`"),
    ("steps.a.outputs.rows[0].nmae", "unknown", "nmae", "`steps.a.outputs.rows[0]` has no property", "`name`"),
    ("steps.a.outputs.q", "unknown", "q", "the step `a` declares no output `q`; there are `rows` and `v`", ""),
    ("steps.a.outputs.q.r", "unknown", "q", "the step `a` declares no output `q`", ""),
    ("steps.a", "unknown", "steps.a", "is no value by itself", "`steps.a.state`"),
    ("steps", "unknown", "steps", "write `steps.NAME`", "there are `a` and `b`"),
    ("steps.d.state", "unknown", "d", "there is no step `d`", ""),
    ("run.cost.udd", "unknown", "udd", "`run.cost` has no property `udd`", "`usd`"),
    ("item.di", "unknown", "di", "`item` has no property `di`", "`id`"),
    ("steps.c.state", "context", "steps.c.state", "comes later", ""),
    ("matrix.x", "context", "matrix.x", "`matrix` is not known here", "known here"),
    ("input.target", "unknown", "input", "`input` is not known", "`inputs`"),
    ("qqqqqq", "unknown", "qqqqqq", "`qqqqqq` is not known", "text stands in quotes"),
    ("inputs.b == True", "unknown", "True", "`True` is not known", "write `true`"),
    ("foo(1)", "unknown", "foo", "there is no function `foo`", "functions are CEL's own"),
    ("rnage(3)", "unknown", "rnage", "no function `rnage`", "did you mean `range`?"),
    ("len(inputs.l)", "unknown", "len", "no function `len`", "`size`"),
    ("max(1, 2)", "unknown", "max", "no function `max`", "`math.greatest`"),
    ("contains(inputs.s, 'a')", "unknown", "contains", "no function `contains`", "called on a value: x.contains(text)"),
    ("filter(inputs.l, 1)", "unknown", "filter", "no function `filter`", "called on a list: x.filter(item, …)"),
    ("inputs.s.int()", "unknown", "int", "there is no method `int`", "write int("),
    ("inputs.s.toUpperCase()", "unknown", "toUpperCase", "no method", "`upperAscii`"),
    ("inputs.s.startswith('a')", "unknown", "startswith", "no method", "`startsWith`"),
    ("inputs.s.qqqqqqqqqq()", "unknown", "qqqqqqqqqq", "no method", "functions are CEL's own"),
    ("inputs.l.exits(i, i == 'a')", "unknown", "exits", "no method", "`exists`"),
    ("math.max(1, 2)", "unknown", "max", "there is no function `math.max`", "`math.greatest`"),
    ("always()", "unknown", "always", "no function `always`", "state"),
    ("has(inputs.l[0])", "type", "has(inputs.l[0])", "asks for one property", "size(x) > 0"),
    ("has(inputs.image.nmae)", "unknown", "nmae", "no property `nmae`", "`name`"),
    ("inputs.l.map(1, 2)", "type", "inputs.l.map(1, 2)", "takes a name for the items", "x.map(item, item.name)"),
    ("inputs.l.all(i)", "type", "inputs.l.all(i)", "takes a name for the items", "x.all(item, item > 0)"),
    ("inputs.n.exists(i, i > 0)", "type", "inputs.n", "looks at the items of a list", ""),
    ("inputs.l.filter(i, i)", "type", "i", "the condition of `filter` must be true or false", ""),
    ("inputs.l.map(i, i, i)", "type", "i", "the condition of `map` must be true or false", ""),
    ("inputs.l.exists(i, i == 3)", "type", "3", "`i` is text and `3` is an integer", ""),
    ("inputs.map.exists(k, k == 3)", "type", "3", "`k` is text", ""),
    ("size()", "type", "size()", "`size` takes 1 argument, none are given", "size("),
    ("size(inputs.l, 2)", "type", "size(inputs.l, 2)", "takes 1 argument, 2 are given", ""),
    ("inputs.s.trim(1)", "type", "inputs.s.trim(1)", "`trim` takes no arguments, 1 is given", "x.trim()"),
    ("inputs.s.substring()", "type", "inputs.s.substring()", "takes 1 or 2 arguments", "[integer]"),
    ("math.greatest()", "type", "math.greatest()", "takes at least 1 argument", "…"),
    ("range('a')", "type", "'a'", "`range` takes an integer here, `'a'` is text", "int(x)"),
    ("math.ceil(inputs.n)", "type", "inputs.n", "`math.ceil` takes a number here", "double(x)"),
    ("inputs.n.startsWith('a')", "type", "inputs.n", "`startsWith` is called on text", "string(x)"),
    ("inputs.s.startsWith(inputs.l)", "type", "inputs.l", "takes text here", "write x.startsWith(text)"),
    ("[1, 2].join(',')", "type", "[1, 2]", "called on a list of texts", "x.map(item, string(item))"),
    ("inputs.s.join(',')", "type", "inputs.s", "called on a list of texts", ""),
    ("string(secrets.token)", "type", "secrets.token", "is a secret", "opaque"),
    ("b'a'.trim()", "type", "b'a'", "`b'a'` is bytes", ""),
    ("inputs.n == 'a'", "type", "'a'", "they are never equal", "string(x)"),
    ("'a' == inputs.n", "type", "'a'", "they are never equal", ""),
    ("inputs.b != 'true'", "type", "'true'", "never equal", "true or false"),
    ("inputs.l == 'a'", "type", "'a'", "never equal", "a in x"),
    ("inputs.image == 'a'", "type", "'a'", "never equal", "x.NAME"),
    ("inputs.n < 'a'", "type", "'a'", "`<` cannot compare them", ""),
    ("inputs.l > inputs.words", "type", "inputs.l", "`>` needs an order", "size(x)"),
    ("inputs.n > inputs.nothing", "type", "inputs.nothing", "needs an order, and `inputs.nothing` is null", ""),
    ("secrets.token == 'x'", "type", "secrets.token", "`==` cannot be applied to a secret", "opaque"),
    ("'x' + secrets.token", "type", "secrets.token", "`+` cannot be applied to a secret", "opaque"),
    ("3 in inputs.l", "type", "3", "items of another type", ""),
    ("inputs.n in ['a', 2]", "type", "'a'", "is an integer, never text", ""),
    ("'a' in inputs.s", "type", "inputs.s", "`in` looks into a list", "x.contains"),
    ("'a' in inputs.n", "type", "inputs.n", "`in` looks into a list", "a in ['x', 'y']"),
    ("3 in inputs.map", "type", "3", "the keys of an object are text", ""),
    ("inputs.n + 'a'", "type", "inputs.n", "`+` cannot be applied to an integer and text", "string(inputs.n)"),
    ("'a' + inputs.n", "type", "inputs.n", "`+` cannot be applied to text and an integer", "string(inputs.n)"),
    ("inputs.s - 'a'", "type", "inputs.s", "`-` cannot be applied", ""),
    ("inputs.n - inputs.b", "type", "inputs.b", "`inputs.b` is a boolean", ""),
    ("inputs.b + inputs.n", "type", "inputs.b", "`inputs.b` is a boolean", ""),
    ("inputs.any * 'a'", "type", "'a'", "`*` cannot be applied to `'a'`, which is text", ""),
    ("inputs.any + true", "type", "true", "which is a boolean", ""),
    ("inputs.r * inputs.n", "type", "inputs.n", "of a number and an integer", "double(x)"),
    ("inputs.n - inputs.r", "type", "inputs.n", "of a number and an integer", "double(x)"),
    ("inputs.r % 2", "type", "inputs.r", "`%` takes integers", "int(x)"),
    ("inputs.n % 0", "type", "0", "by zero", ""),
    ("-inputs.s", "type", "inputs.s", "`-` takes a number", "int(x)"),
    ("!inputs.n", "type", "inputs.n", "behind `!` must be true or false", "compare"),
    ("inputs.n && inputs.b", "type", "inputs.n", "beside `&&` must be true or false", ""),
    ("inputs.s ? 1 : 2", "type", "inputs.s", "before `?` must be true or false", ""),
    ("inputs.b ? 1 : 'a'", "type", "'a'", "both sides of `:` must be of one type", ""),
    ("inputs.l['a']", "type", "'a'", "named by an integer", "x[0].name"),
    ("inputs.l[true]", "type", "true", "named by an integer", "x[0]"),
    ("inputs.l[-1]", "type", "-1", "no items before its first", ""),
    ("inputs.image[1]", "type", "1", "the key of an object is text", ""),
    ("inputs.s[0]", "type", "inputs.s", "which has no items", "x.charAt(0)"),
    ("secrets.token[0]", "type", "secrets.token", "which has no items", "opaque"),
    ("inputs.on == false", "constant", "inputs.on == false", "always false: `inputs.on` is `true`", ""),
    ("-1 == 2", "constant", "-1 == 2", "always false", ""),
    ("inputs.n[0]", "type", "inputs.n", "which has no items", ""),
    ("{1: 2}", "type", "1", "a key must be text", "quotes"),
    ("{'a': 1}.b", "unknown", "b", "has no property `b`", ""),
    ("[inputs.image].map(i, i.nmae)", "unknown", "nmae", "`i` has no property `nmae`", "`name`"),
    (
        "timestamp('a') + timestamp('b')",
        "type",
        "timestamp('b')",
        "cannot be applied to a timestamp and a timestamp",
        "",
    ),
    ("'\\q'.trim()", "syntax", "'\\q'.trim()", "cannot be compiled", ""),
    ("1u + 1", "type", "1", "cannot be applied", ""),
]


@pytest.mark.parametrize("expression", [wrong[0] for wrong in WRONG])
def test_a_mistake_is_told_where_it_is(expression: str) -> None:
    kind, place, message, hint = next(rest for text, *rest in WRONG if text == expression)
    trouble = check(expression, SCOPE).troubles[0]
    assert trouble.kind == kind
    assert message in trouble.message
    assert hint in trouble.hint
    assert expression[trouble.start : trouble.end].startswith(place)


FINE = [
    "inputs.target == 'dev' || inputs.n > 3",
    "inputs.mixed == 'a' || inputs.mixed == 1",
    "inputs.note == null ? 'none' : inputs.note",
    "inputs.note != null && inputs.note.startsWith('a')",
    "inputs.count == null || inputs.count > 3",
    "inputs.any.deep[0].name == 3 || inputs.any == null",
    "inputs.open.b.c == 3 && inputs.open['d'] == 4 && 'e' in inputs.open && inputs.open[inputs.s] == 1",
    "inputs.map.x > 3 && inputs.map[inputs.s] > 4 && 'y' in inputs.map",
    "inputs.image[inputs.s] == 3",
    "inputs.target in inputs.words && inputs.any in inputs.l && inputs.target in inputs.any",
    "inputs.target in ['dev', inputs.s] || inputs.s in ['dev'] || inputs.target in []",
    "inputs.b == true && inputs.n in [1, 2] && 'a' in ['a', inputs.s]",
    "inputs.l + ['a'] == ['b'] && inputs.image == inputs.open",
    "inputs.l.exists_one(i, i == 'a') && inputs.l.map(i, i == 'b', i).size() > 0",
    "inputs.l.filter(i, i != 'a').all(i, i.startsWith('b'))",
    "steps.a.outputs.rows.filter(r, r.name == 'x').map(r, r.name).join(' ') == inputs.s",
    "math.greatest(inputs.n, inputs.r) > 3 && math.abs(inputs.n) > 2 && math.least(inputs.l.size()) > 1",
    "math.round(inputs.r) == 2.0",
    "dyn(inputs.n) == 3 && math.greatest(inputs.any) > 3",
    "range(inputs.n).exists(i, i == 7) && range(2, 5)[0] == 4",
    "range(inputs.m).size() > 3 && range(-3).size() == 0",
    "timestamp('2026-01-01T00:00:00Z') - timestamp('2026-01-01T00:00:00Z') < duration('1h')",
    "timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026",
    "b'a' + b'b' == b'ab' && bytes('a') == b'a' && 1u + 2u == 3u",
    "type(inputs.any) == string || -inputs.any > 3 || inputs.any + 1 > 3 || inputs.any - inputs.n > 2",
    "{'a': inputs.n}.a == 1 && {inputs.s: 2} == {} && {'a': 1, inputs.s: 2}.b == 3",
    "(inputs.b ? inputs.n : inputs.r) > 3.5",
    "(inputs.b ? inputs.image : inputs.open).name == 'a' && (inputs.b ? inputs.l : inputs.words)[0] == 'a'",
    "(inputs.b ? inputs.target : inputs.other) == 'y'",
    "(inputs.b ? inputs.count : null) == 3 && (inputs.b ? inputs.any : null) == 3",
    "inputs.n % 2 == 1 && inputs.n / 2 > 1 && inputs.n * 2 > 4 && -inputs.n < -2 && inputs.r >= 1",
    "inputs.b ? secrets.token : secrets.token",
    "inputs.b ? secrets.token : ''",
    "item.id > 3",
    "inputs.s in inputs.map",
    "inputs.few == inputs.many",  # too many to look at one by one
    "inputs.target in [] && inputs.b",
    "has(inputs.any[0].x)",
    "inputs.n > inputs.level && inputs.n != inputs.level",
    "inputs.r > 1 && inputs.r > 0.5",
    "inputs.r < 1 && inputs.r <= 2 && inputs.s > 'a' && inputs.b > false",
]


@pytest.mark.parametrize("expression", FINE)
def test_what_is_right_is_silent(expression: str) -> None:
    assert check(expression, SCOPE).troubles == ()


GUARDED = [
    "steps.a.state == 'succeeded' ? steps.a.outputs.v : 'none'",
    "steps.a.state != 'succeeded' ? 'none' : steps.a.outputs.v",
    "steps.a.state == 'succeeded' && steps.a.outputs.v == 'ship'",
    "!(steps.a.state == 'succeeded') || steps.a.outputs.v == 'ship'",
    "steps.a.state in ['succeeded'] && steps.a.outputs.v == 'ship'",
    "steps.b.state == 'succeeded' && steps.a.outputs.v == 'ship'",
    "has(steps.a.outputs.v) && steps.a.outputs.v == 'ship'",
    "'v' in steps.a.outputs && steps.a.outputs.v == 'ship'",
    "steps.a.state == 'failed'",
]


@pytest.mark.parametrize("expression", GUARDED)
def test_outputs_behind_a_question_are_fine(expression: str) -> None:
    assert check(expression, DOUBTFUL).troubles == ()


@pytest.mark.parametrize(
    "expression",
    [
        "steps.a.outputs.v",
        "steps.a.outputs.v == 'ship' || steps.a.outputs.v == 'hold' && inputs.b",
        "steps.a.state == 'failed' && steps.a.outputs.v == 'ship'",
        "steps.a.state == 'succeeded' || steps.a.outputs.v == 'ship'",
        "steps.a.state == 'succeeded' && steps.b.outputs.n > 3",
        "inputs.b ? steps.a.outputs.v : ''",
    ],
)
def test_outputs_of_a_step_that_may_have_none_are_told_once(expression: str) -> None:
    troubles = check(expression, DOUBTFUL).troubles
    assert [trouble.kind for trouble in troubles] == ["skipped"]
    assert "may be skipped" in troubles[0].message
    assert check(expression, DOUBTFUL).sound


def test_what_holds_around_an_expression_is_known_in_it() -> None:
    inside = Scope(TABLE, ROOTS, doubts=DOUBTFUL.doubts, given=known_after("steps.a.state == 'succeeded'", DOUBTFUL))
    assert check("steps.a.outputs.v", inside).troubles == ()
    inside = Scope(TABLE, ROOTS, given=known_after("inputs.target == 'prod'", SCOPE))
    (trouble,) = check("inputs.target == 'dev' ? 1 : 2", inside).troubles
    assert trouble.message == "`inputs.target == 'dev'` is always false"


@pytest.mark.parametrize(
    ("expression", "name", "truth"),
    [
        ("inputs.n", "INT", None),
        ("inputs.r * 2", "DOUBLE", None),
        ("inputs.l", "LIST<STRING>", None),
        ("inputs.map", "MAP<STRING, DYN>", None),
        ("inputs.note", "DYN", None),
        ("secrets.token", "secret", None),
        ("inputs.n > 0", "BOOL", True),
        ("inputs.n > 3", "BOOL", None),
        ("!(inputs.n > 0)", "BOOL", False),
        ("true", "BOOL", True),
        ("nope", "DYN", None),
    ],
)
def test_verdicts(expression: str, name: str, truth: bool | None) -> None:
    found = check(expression, SCOPE)
    assert (found.type, found.truth) == (name, truth)


def test_a_change_mends_the_word_alone() -> None:
    for expression, mended in (
        ("inputs.tagret == 'dev'", "inputs.target == 'dev'"),
        ("inputs.target == 'prd'", "inputs.target == 'prod'"),
        ("input.n > 3", "inputs.n > 3"),
        ("inputs.s.startswith('a')", "inputs.s.startsWith('a')"),
        ("steps.a.outputs.rows[0].nmae == 'x'", "steps.a.outputs.rows[0].name == 'x'"),
    ):
        change = check(expression, SCOPE).troubles[0].change
        assert change is not None
        assert expression[: change.start] + change.text + expression[change.end :] == mended
        assert check(mended, SCOPE).troubles == ()


def test_a_word_with_escapes_is_not_changed() -> None:
    assert check("inputs.target == 'pr\\u0064'", SCOPE).troubles[0].change is None


def test_an_empty_verdict_is_sound() -> None:
    assert Verdict("DYN").sound


@pytest.mark.parametrize(
    "expression",
    [
        "([1] == [1]) == " * 40 + "true",
        "inputs.n in [inputs.n, " * 20 + "1" + "]" * 20,
        "(" * 20 + "inputs.n" + " in [1, 2])" * 20,
        "inputs.b == (inputs.b && " * 20 + "true" + ")" * 20,
        "(" * 20 + "inputs.n == 1" + " ? true : false) == true" * 20,
        "(!" * 20 + "(inputs.n == 1 || inputs.n == 2)" + " || inputs.n == 3 && inputs.n == 4)" * 20,
    ],
)
def test_what_stands_in_itself_many_times_is_looked_at_once(expression: str) -> None:
    # Looking twice at each level would take hours: the time limit of the tests is what this fails by.
    assert check(expression, SCOPE).troubles
