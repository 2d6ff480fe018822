"""The functions of the language with what they take and give, in the language's own words.

CEL's own functions, its string and math extensions, and `range` and `hash`. `f(x)` stands under `f`, `x.f()` under
`.f`, whose first parameter is `x`. Source: the CEL language definition and the documentation of the two extensions.
"""

from __future__ import annotations

from functools import lru_cache

from runner.compiler.expressions.types import (
    ANY,
    BOOLEAN,
    BYTES,
    COUNT,
    DURATION,
    INTEGER,
    NUMBER,
    TEXT,
    TIMESTAMP,
    TYPE,
    UINT,
    Type,
    list_of,
)
from runner.records import dataclass

_TABLE = """
size(text|list|object|bytes) count; .size(text|list|object|bytes) count
string(text|integer|number|boolean|bytes|timestamp|duration|uint) text
int(integer|number|text|timestamp|uint) integer
uint(integer|number|text|uint) uint
double(number|integer|text|uint) number
bool(boolean|text) boolean
bytes(text|bytes) bytes
type(any) type; dyn(any) any
timestamp(text|timestamp|integer) timestamp
duration(text|duration) duration
range(integer, [integer]) integers
hash(text) text
matches(text, text) boolean; .matches(text, text) boolean
.contains(text, text) boolean; .startsWith(text, text) boolean; .endsWith(text, text) boolean
.charAt(text, integer) text; .indexOf(text, text, [integer]) integer; .lastIndexOf(text, text, [integer]) integer
.lowerAscii(text) text; .upperAscii(text) text; .trim(text) text; .reverse(text) text
.replace(text, text, text, [integer]) text; .split(text, text, [integer]) texts; .join(texts, [text]) text
.substring(text, integer, [integer]) text; .format(text, list) text; strings.quote(text) text
.getFullYear(timestamp, [text]) integer; .getMonth(timestamp, [text]) integer; .getDate(timestamp, [text]) integer
.getDayOfMonth(timestamp, [text]) integer; .getDayOfWeek(timestamp, [text]) integer
.getDayOfYear(timestamp, [text]) integer; .getHours(timestamp|duration, [text]) integer
.getMinutes(timestamp|duration, [text]) integer; .getSeconds(timestamp|duration, [text]) integer
.getMilliseconds(timestamp|duration, [text]) integer
math.greatest(integer|number|uint|list, [integer|number|uint], …) any
math.least(integer|number|uint|list, [integer|number|uint], …) any
math.ceil(number) number; math.floor(number) number; math.round(number) number; math.trunc(number) number
math.abs(integer|number|uint) any; math.sign(integer|number|uint) any
math.sqrt(integer|number|uint) number
math.isNaN(number) boolean; math.isInf(number) boolean; math.isFinite(number) boolean
math.bitAnd(integer|uint, integer|uint) any; math.bitOr(integer|uint, integer|uint) any
math.bitXor(integer|uint, integer|uint) any; math.bitNot(integer|uint) any
math.bitShiftLeft(integer|uint, integer) any; math.bitShiftRight(integer|uint, integer) any
"""
_RESULTS: dict[str, Type] = {
    "any": ANY,
    "text": TEXT,
    "integer": INTEGER,
    "count": COUNT,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "bytes": BYTES,
    "uint": UINT,
    "type": TYPE,
    "timestamp": TIMESTAMP,
    "duration": DURATION,
    "texts": list_of(TEXT),
    "integers": list_of(INTEGER),
}
#: Macros: their second argument is an expression over the name that the first one gives to each item.
MACROS = ("all", "exists", "exists_one", "filter", "map")
# What other languages call it.
ELSEWHERE = {
    "len": "size",
    "length": "size",
    "count": "size",
    "lower": "lowerAscii",
    "toLower": "lowerAscii",
    "toLowerCase": "lowerAscii",
    "upper": "upperAscii",
    "toUpper": "upperAscii",
    "toUpperCase": "upperAscii",
    "strip": "trim",
    "includes": "contains",
    "str": "string",
    "toString": "string",
    "float": "double",
    "number": "double",
    "integer": "int",
    "any": "exists",
    "some": "exists",
    "every": "all",
    "max": "math.greatest",
    "min": "math.least",
    "startswith": "startsWith",
    "endswith": "endsWith",
    "starts_with": "startsWith",
    "ends_with": "endsWith",
}
#: What other workflow languages have, and how it is said here.
HABITS = {
    "always": "name a state: a condition that asks for one decides alone, steps.NAME.state != 'cancelled'",
    "success": "without `if`, a step runs when all steps before it succeeded",
    "failure": "ask for the state: steps.NAME.state == 'failed'",
    "cancelled": "ask for the state: steps.NAME.state == 'cancelled'",
    "toJSON": "a value that is not text is handed on as JSON by itself: `env: {DATA: ${{ x }}}`",
    "fromJSON": "declare the output with its type, then it is a value already",
    "hashFiles": "write hash('FILE'), in the key of a `cache`",
    "now": "an expression has no clock",
    "env": "the command itself reads its environment: $NAME",
    "getenv": "the command itself reads its environment: $NAME",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """What each parameter takes, in words; how many are needed, and whether more may follow; what is given."""

    name: str
    parameters: tuple[tuple[str, ...], ...]
    needed: int
    many: bool
    result: Type

    @property
    def method(self) -> bool:
        """Whether it is called on a value."""
        return self.name.startswith(".")

    @property
    def form(self) -> str:
        """How it is called: `x.substring(integer, [integer])`."""
        shown = [" or ".join(common(words)) for words in self.parameters]
        shown = [word if number < self.needed else f"[{word}]" for number, word in enumerate(shown)]
        if self.many:
            shown.append("…")
        return f"x{self.name}({', '.join(shown[1:])})" if self.method else f"{self.name}({', '.join(shown)})"


def _signature(line: str) -> Signature:
    head, _, result = line.rpartition(") ")
    name, _, inside = head.partition("(")
    written = [word.strip() for word in inside.split(",")]
    many = written[-1] == "…"
    kept = written[:-1] if many else written
    words = tuple(tuple(word.strip("[]").split("|")) for word in kept)
    needed = sum(not word.startswith("[") for word in kept)
    return Signature(name, words, needed, many, _RESULTS[result])


def common(words: tuple[str, ...]) -> list[str]:
    """The words without the types that hardly anybody has, where there are others."""
    known = [word for word in words if word not in ("bytes", "uint")]
    return known or list(words)


@lru_cache(maxsize=1)
def signatures() -> dict[str, Signature]:
    """Every function by its name, methods with a dot before it."""
    lines = [part.strip() for line in _TABLE.strip().splitlines() for part in line.split(";")]
    return {signature.name: signature for signature in map(_signature, lines)}


def fits(kind: Type, words: tuple[str, ...]) -> bool:
    """Whether a value of that type may be given where these are taken."""
    if words == ("texts",):
        item = kind.item or ANY
        of_texts = kind.kind == "list" and not kind.nullable and item.kind in ("text", "any") and not item.nullable
        return of_texts or kind.kind == "any"
    if kind.nullable and "any" not in words:
        return False
    return kind.kind == "any" or kind.kind in words or ("any" in words and kind.kind != "secret")
