"""Keeps secrets out of everything a run leaves behind: logs, events, outputs, messages.

A value is masked as it is and in the disguises in which tools print it: base64 (at every alignment), hex, URL-quoted,
JSON-escaped, shell-quoted, and each line of a value of several lines. Values and lines shorter than
`MIN_LENGTH` characters are left alone: masking them would garble every text.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from runner.compiler.canonical import Json

MIN_LENGTH = 4
MASK = "***"
#: `base64` of coreutils breaks its lines here.
_BASE64_LINE = 76


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The characters that `raw` alone decides when base64 text contains it at one of the three alignments."""
    for shift in range(3):
        head = -(-shift * 8 // 6)
        sure = (shift + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + raw).decode()
            yield text[head:sure]
            if shift == 0:
                yield text.rstrip("=")
                yield from (text[at : at + _BASE64_LINE] for at in range(0, len(text), _BASE64_LINE))


def _forms(value: str) -> Iterator[str]:
    lines = [line.strip() for line in value.splitlines()]
    for text in {value, value.strip(), *lines}:
        if len(text) < MIN_LENGTH:
            continue
        raw = text.encode(errors="surrogateescape")
        yield text
        yield from _base64_forms(raw)
        yield raw.hex()
        yield raw.hex().upper()
        yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        yield shlex.quote(text)
        yield repr(text)[1:-1]


class Mask:
    """Replaces secret values by `***`. Longer disguises win over shorter ones."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for value in secrets for form in _forms(value) if len(form) >= MIN_LENGTH}
        self._forms = sorted(found, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, self._forms))) if self._forms else None
        self._first = {form[0] for form in self._forms}

    def text(self, text: str) -> str:
        """The text with every secret replaced."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def json(self, value: Json) -> Json:
        """The value with every secret replaced in its texts and keys."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.json(item) for key, item in value.items()}
        # A number can be a secret too (a PIN in an output).
        if isinstance(value, int | float) and not isinstance(value, bool) and self._pattern.fullmatch(str(value)):
            return MASK
        return value

    def stream(self) -> MaskStream:
        """A masker for text that comes in pieces."""
        return MaskStream(self)

    def cut(self, text: str) -> tuple[str, str]:
        """(safe, rest): the masked part that can be shown, and the end that may be the beginning of a secret."""
        if self._pattern is None:
            return text, ""
        out: list[str] = []
        at = 0
        while True:
            match = self._pattern.search(text, at)
            hold = self._hold(text, at, match.start() if match else len(text))
            if hold is not None:
                out.append(text[at:hold])
                return "".join(out), text[hold:]
            if match is None:
                out.append(text[at:])
                return "".join(out), ""
            out += [text[at : match.start()], MASK]
            at = match.end()

    def _hold(self, text: str, start: int, end: int) -> int | None:
        """The first position in [start, end] from which the whole rest is the beginning of a longer secret."""
        longest = len(self._forms[0])
        for at in range(max(start, len(text) - longest + 1), min(end + 1, len(text))):
            if text[at] in self._first:
                rest = text[at:]
                if any(len(form) > len(rest) and form.startswith(rest) for form in self._forms):
                    return at
        return None


class MaskStream:
    """Masks a stream: a secret that is split between two pieces is found. Call `end` once, last."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._rest = ""

    @property
    def held(self) -> int:
        """How many characters of what it was fed are held back."""
        return len(self._rest)

    def feed(self, text: str) -> str:
        """What can be shown now."""
        shown, self._rest = self._mask.cut(self._rest + text)
        return shown

    def end(self) -> str:
        """What was held back."""
        rest, self._rest = self._rest, ""
        return self._mask.text(rest)
