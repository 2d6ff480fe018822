"""Scripts in the pages of previews: the client's `setPreviewScript`, and the one that tells of errors in pages.

They go in behind the doctype, where a parser puts a script into the head (HTML Standard, 13.2.6.4), so that they run
before the page's own; nothing else of a document is looked at or changed.
"""

from __future__ import annotations

import html
import re
from typing import Literal, cast

from runner.embedded.webcontainer.bodies import parsed
from runner.records import dataclass

Errors = Literal["none", "exceptions", "all"]

#: What may stand before the first element of a document: white space, comments, the doctype.
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t\n\f\r]|<!--.*?-->|<![dD][oO][cC][tT][yY][pP][eE][^>]*>)*", re.DOTALL)
#: Bytes that are kept back while it is not clear where the first element begins.
_MOST_KEPT = 64 * 1024
_KINDS = ("", "module", "importmap")


@dataclass(frozen=True, slots=True)
class Script:
    """The client's: `kind` is the `type` of its element, empty for a plain script."""

    text: str
    kind: str
    defer: bool
    later: bool


class PageScripts:
    """What the pages of one container's previews get."""

    def __init__(self) -> None:
        self.script: Script | None = None
        self.errors: Errors = "none"

    def set(self, body: bytes) -> None:
        """Take what the engine asks for. Raises ValueError when it is not what our engine sends."""
        asked = parsed(body)
        if not isinstance(asked, dict) or asked.get("errors") not in ("none", "exceptions", "all"):
            raise ValueError("errors must be none, exceptions or all")
        self.errors, self.script = asked["errors"], _script(asked.get("script"))

    @property
    def head(self) -> bytes:
        """The elements, as HTML; empty when nothing is wanted."""
        out = ""
        if self.errors != "none":
            out += f'<script src="/__runner/preview-errors.js" data-errors="{self.errors}"></script>'
        if self.script is not None:
            out += _element(self.script)
        return out.encode()


def _script(asked: object) -> Script | None:
    if asked is None:
        return None
    fields = cast("dict[str, object]", asked) if isinstance(asked, dict) else {}
    text, kind = fields.get("text"), fields.get("type")
    if not isinstance(text, str) or not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError("a script has a text, and a type that is empty, module or importmap")
    return Script(text, kind, fields.get("defer") is True, fields.get("async") is True)


def _element(script: Script) -> str:
    if script.kind == "importmap":  # the one kind that has no address; in JSON, < may only stand in texts
        return f'<script type="importmap">{script.text.replace("<", chr(92) + "u003c")}</script>'
    kind = f' type="{html.escape(script.kind)}"' if script.kind else ""
    more = (" defer" if script.defer else "") + (" async" if script.later else "")
    return f'<script src="/__runner/preview-script.js"{kind}{more}></script>'


class Insertion:
    """Puts elements into a document that passes by: `feed` it, then `end` it, and send what these give back."""

    def __init__(self, elements: bytes) -> None:
        self._elements = elements
        self._kept = b""
        self._done = False

    def feed(self, data: bytes) -> bytes:
        """What can go on of the document so far."""
        if self._done:
            return data
        self._kept += data
        if len(self._kept) < _MOST_KEPT and _unclear(self._kept, _before(self._kept)):
            return b""
        return self.end()

    def end(self) -> bytes:
        """What was kept back, with the elements if they have not gone yet."""
        if self._done:
            return b""
        self._done, at = True, _before(self._kept)
        return self._kept[:at] + self._elements + self._kept[at:]


def _unclear(data: bytes, before: int) -> bool:
    """Whether what follows may still turn out to be white space, a comment, the doctype or a mark of UTF-8."""
    rest = data[before:]
    return rest.startswith(b"<!") or b"<!".startswith(rest) or (before == 0 and b"\xef\xbb\xbf".startswith(rest))


def _before(data: bytes) -> int:
    found = _BEFORE.match(data)
    return 0 if found is None else found.end()
