"""Text to tree: the grammar of CEL, with sentences for what people write out of habit from other languages."""

from __future__ import annotations

import re
from functools import lru_cache

from runner.compiler.expressions.tree import (
    Binary,
    Call,
    Choice,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Pairs,
    Select,
    Tree,
    Unary,
)
from runner.records import dataclass

#: Brackets in brackets, or operators in a row that must be computed one after the other.
MAX_DEPTH = 24
_MOST_STEPS = 100
_LONGEST = 10_000
_LARGEST = 2**63  # its negative is an integer too

_QUOTED = (
    r"[rR](?:'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\")"
    r"|[bB][rR](?:'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\")"
    r"|[bB]?(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\")"
)
_TOKEN = re.compile(
    r"(?P<space>(?:[ \t\r\n\f]|//[^\n]*)+)"
    rf"|(?P<text>{_QUOTED})"
    r"|(?P<number>(?:\d+\.\d+|\.\d+|\d+(?=[eE][-+]?\d))(?:[eE][-+]?\d+)?|0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_LEVELS = {"==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5}


class SyntaxFault(Exception):
    """The text is no expression: a sentence, from `start` to `end`, and a remedy."""

    def __init__(self, message: str, start: int, end: int, hint: str = "") -> None:
        """Keep the place beside the sentence."""
        super().__init__(message)
        self.message, self.start, self.end, self.hint = message, start, end, hint


@dataclass(slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


# What other languages write, by what stands where an operator or the end was expected.
_HABITS = {
    "and": "write `&&` for `and`",
    "or": "write `||` for `or`",
    "not": "write `!` for `not`",
    "is": "write `==` for `is`",
    "=": "write `==` to compare",
    "&": "write `&&` for `and`",
    "|": "write `||` for `or`",
    "<>": "write `!=` for `<>`",
    "if": "a choice is written `condition ? a : b`",
    "??": "a fallback is written `has(x.y) ? x.y : 'default'`",
    "=~": "a pattern is matched by `x.matches('…')`",
    "contains": "it is called on a value: x.contains('…')",
    "startsWith": "it is called on a value: x.startsWith('…')",
    "matches": "it is called on a value: x.matches('…')",
}
_EXAMPLE = "expressions are CEL: a == 'b' && (c > 1 || !d)"
_CURLY = "“”‘’"


def _habit(text: str, start: int) -> str:
    """What to write instead, for a text in which `start` is where it cannot go on."""
    rest = text[start:]
    if rest[:1] and rest[0] in _CURLY:
        return "quotes are straight in CEL: 'text' or \"text\""
    if rest[:1] == "=" and text[max(0, start - 2) : start] in ("==", "!="):
        return "two signs are enough: `==` or `!=`"
    if rest[:1] == ">" and text[max(0, start - 1) : start] == "<":
        return _HABITS["<>"]
    if rest[:1] == "?" and text[max(0, start - 1) : start] == "?":
        return _HABITS["??"]
    if rest[:1] == "$":
        return "names stand without `$`: inputs.target"
    if rest[:1] in ("'", '"'):
        return "this quote is never closed"
    if text[:start].rstrip().endswith(".") and re.match(r"[A-Za-z_]", rest):
        return "a word of CEL is no name: call it otherwise where it is declared"
    before = text[:start].rstrip().rpartition(" ")[2].strip("(!")
    if before in ("not", "if"):
        return _HABITS[before]
    found = re.match(r"=~|<>|\?\?|[=&|]|\w+", rest)
    return _HABITS.get(found[0], _EXAMPLE) if found else _EXAMPLE


def _fault(text: str, start: int) -> SyntaxFault:
    rest = text[start : start + 12].split()
    if not rest:
        return SyntaxFault("the expression ends too early", len(text.rstrip()), len(text.rstrip()) + 1, _EXAMPLE)
    word = re.compile(r"\w*").match(text, start)
    end = max(start + 1, word.end() if word else 0)
    return SyntaxFault(f"syntax error at `{rest[0]}`", start, end, _habit(text, start))


def _tokens(text: str) -> list[_Token]:
    if len(text) > _LONGEST:
        message = f"the expression has more than {_LONGEST:,} characters"
        raise SyntaxFault(message, 0, len(text), "let a step compute it, and name its output")
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _fault(text, at)
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(_Token(kind, match[0], at, match.end()))
        at = match.end()
    found.append(_Token("end", "", len(text), len(text)))
    return found


def _char(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return chr(int(match[4], 8)) if match[4] else _PLAIN.get(match[5], match[5])


def _literal_text(token: _Token) -> Literal:
    body = token.text.lstrip("rRbB")
    prefix = token.text[: len(token.text) - len(body)].lower()
    width = 3 if body[:3] in ("'''", '"""') else 1
    inside = body[width:-width]
    value = inside if "r" in prefix or "\\" not in inside else _ESCAPE.sub(_char, inside)
    return Literal(token.start, token.end, "bytes" if "b" in prefix else "text", value)


def _literal_number(token: _Token) -> Literal:
    written = token.text
    if written[-1] in "uU":
        return Literal(token.start, token.end, "uint", int(written[:-1], 0 if written[1:2] in ("x", "X") else 10))
    if written[:2] in ("0x", "0X"):
        return Literal(token.start, token.end, "integer", int(written, 16))
    if written.isdigit():
        if int(written[:40]) > _LARGEST:
            raise SyntaxFault("the number is too large", token.start, token.end, "an integer has at most 64 bits")
        return Literal(token.start, token.end, "integer", int(written))
    return Literal(token.start, token.end, "number", float(written))


class _Parser:
    """Recursive descent; what is nested too deeply to be read by people is refused."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0

    @property
    def here(self) -> _Token:
        return self.tokens[self.at]

    def fault(self) -> SyntaxFault:
        return _fault(self.text, self.here.start)

    def take(self, sign: str) -> bool:
        token = self.here
        if token.kind == "sign" and token.text == sign:
            self.at += 1
            return True
        return False

    def expect(self, sign: str) -> int:
        """Go past the sign; the offset after it."""
        if not self.take(sign):
            raise self.fault()
        return self.tokens[self.at - 1].end

    def whole(self) -> Tree:
        found = self.expression()
        if self.here.kind != "end":
            raise self.fault()
        return found

    def expression(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SyntaxFault(
                f"the expression has more than {MAX_DEPTH} levels of brackets", 0, len(self.text), "split it in two"
            )
        found = self.logic("||")
        if self.take("?"):
            then = self.logic("||")
            self.expect(":")
            otherwise = self.expression()
            found = Choice(found.start, otherwise.end, found, then, otherwise)
        self.depth -= 1
        return found

    def logic(self, operator: str) -> Tree:
        operands = [self.logic("&&") if operator == "||" else self.operation(3)]
        while self.take(operator):
            operands.append(self.logic("&&") if operator == "||" else self.operation(3))
        if len(operands) == 1:
            return operands[0]
        return Logic(operands[0].start, operands[-1].end, operator, operands)

    def operation(self, lowest: int) -> Tree:
        left = self.unary()
        steps = 0
        while True:
            token = self.here
            level = _LEVELS.get(token.text, 0) if token.kind in ("sign", "name") else 0
            if level < lowest:
                return left
            self.at += 1
            right = self.operation(level + 1)
            left = Binary(left.start, right.end, token.text, left, right)
            steps += 1
            if steps > _MOST_STEPS:
                raise SyntaxFault(f"more than {_MOST_STEPS} operators in a row", 0, len(self.text), "use a list")

    def unary(self) -> Tree:
        token = self.here
        if token.kind != "sign" or token.text not in ("!", "-"):
            return self.member()
        starts = []
        while self.take(token.text):
            starts.append(self.tokens[self.at - 1].start)
        found = self.member()
        if len(starts) > _MOST_STEPS:
            raise SyntaxFault(f"more than {_MOST_STEPS} signs in a row", 0, len(self.text), "one is enough")
        for start in reversed(starts):
            found = Unary(start, found.end, token.text, found)
        return found

    def member(self) -> Tree:
        found = self.primary()
        for _ in range(_MOST_STEPS):
            if self.take("."):
                found = self.selected(found)
            elif self.take("["):
                key = self.expression()
                found = Index(found.start, self.expect("]"), found, key)
            else:
                return found
        raise SyntaxFault(f"more than {_MOST_STEPS} steps into a value", 0, len(self.text), "split it in two")

    def selected(self, of: Tree) -> Tree:
        token = self.here
        if token.kind != "name" or token.text in ("in", "true", "false", "null"):
            raise self.fault()
        self.at += 1
        if self.take("("):
            args, end = self.listed(")")
            return Call(of.start, end, of, token.text, token.start, args)
        return Select(of.start, token.end, of, token.text, token.start)

    def listed(self, close: str, *, trailing: bool = False) -> tuple[list[Tree], int]:
        """Expressions with commas between them, up to `close`; with the offset after it."""
        found: list[Tree] = []
        if self.take(close):
            return found, self.tokens[self.at - 1].end
        while True:
            found.append(self.expression())
            if not self.take(","):
                return found, self.expect(close)
            if trailing and self.take(close):
                return found, self.tokens[self.at - 1].end

    def primary(self) -> Tree:
        token = self.here
        self.at += 1
        if token.kind == "text":
            return _literal_text(token)
        if token.kind == "number":
            return _literal_number(token)
        if token.kind == "name":
            return self.named(token)
        if token.text == "(":
            found = self.expression()
            found.start, found.end = token.start, self.expect(")")  # the brackets belong to what they hold
            return found
        if token.text == "[":
            items, end = self.listed("]", trailing=True)
            return Items(token.start, end, items)
        if token.text == "{":
            return self.pairs(token.start)
        self.at -= 1
        raise self.fault()

    def named(self, token: _Token) -> Tree:
        if token.text in ("true", "false"):
            return Literal(token.start, token.end, "boolean", token.text == "true")
        if token.text == "null":
            return Literal(token.start, token.end, "null", None)
        if token.text in _RESERVED or token.text == "in":
            self.at -= 1
            raise self.fault()
        if self.take("("):
            args, end = self.listed(")")
            return Call(token.start, end, None, token.text, token.start, args)
        return Name(token.start, token.end, token.text)

    def pairs(self, start: int) -> Tree:
        found: list[tuple[Tree, Tree]] = []
        while not self.take("}"):
            key = self.expression()
            self.expect(":")
            found.append((key, self.expression()))
            if not self.take(","):
                return Pairs(start, self.expect("}"), found)
        return Pairs(start, self.tokens[self.at - 1].end, found)


@lru_cache(maxsize=8192)
def _parsed(expression: str) -> Tree | SyntaxFault:
    if not expression.strip():
        return SyntaxFault("the expression is empty", 0, len(expression), "write a name such as `inputs.NAME`")
    try:
        return _Parser(expression).whole()
    except SyntaxFault as fault:
        return fault


def parse(expression: str) -> Tree:
    """The tree of a CEL text. Raises SyntaxFault."""
    found = _parsed(expression)
    if isinstance(found, SyntaxFault):
        raise found
    return found
