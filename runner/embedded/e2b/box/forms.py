"""`multipart/form-data` (RFC 7578), read piece by piece however the boundaries fall."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import unquote

_LONGEST_HEAD = 64 * 1024
_CALLED_FILE = re.compile(r';[ \t]*name="?file"?[ \t]*(?:;|\r|$)')


class FormError(Exception):
    """What came is no form; the message says why."""


async def parts(content: AsyncIterator[bytes], kind: str) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """The files of a form, each with its `filename`; `kind` is the content type. Raises FormError.

    A field that is called `file` is one too, whatever it is: without a name of its own it has the empty one.
    """
    found = re.search(r'boundary="?([^";,]+)"?', kind)
    if not found:
        raise FormError("the form has no boundary")
    form = _Form(content, b"\r\n--" + found[1].encode("latin-1"))
    while (head := await form.next_head()) is not None:
        name = _filename(head)
        if name is not None:
            yield name, form.content()
        await form.skip()


def _filename(head: bytes) -> str | None:
    text = head.decode("utf-8", "surrogateescape")
    extended = re.search(r"filename\*=(?:UTF-8|utf-8)''([^;\r\n]+)", text)
    if extended:
        return unquote(extended[1])
    plain = re.search(r'filename="((?:[^"\\]|\\.)*)"', text)
    if plain is None:
        return "" if _CALLED_FILE.search(text) else None
    # The form encoding of the HTML standard, which httpx follows: only these three are escaped.
    return plain[1].replace("%22", '"').replace("%0A", "\n").replace("%0D", "\r").replace("\\\\", "\\")


class _Form:
    """A form being read."""

    def __init__(self, source: AsyncIterator[bytes], boundary: bytes) -> None:
        self._source = source
        self._boundary = boundary
        self._held = b"\r\n"  # so that the first boundary looks like all others
        self._inside = True
        self._over = False

    async def next_head(self) -> bytes | None:
        """The header of the next part, None after the last."""
        await self.skip()
        while len(self._held) < 2:
            await self._more()
        if self._held.startswith(b"--"):
            async for _ in self._source:
                pass  # what stands behind the form says nothing
            return None
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _LONGEST_HEAD:
                raise FormError("a part's header is too long")
            await self._more()
        head, self._held = self._held[:end], self._held[end + 4 :]
        self._inside = True
        return head

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the part that was begun, up to its boundary."""
        while self._inside:
            at = self._held.find(self._boundary)
            if at >= 0:
                piece, self._held = self._held[:at], self._held[at + len(self._boundary) :]
                self._inside = False
            else:
                keep = len(self._boundary) - 1
                piece, self._held = self._held[:-keep], self._held[-keep:]
            if piece:
                yield piece
            if self._inside:
                await self._more()

    async def skip(self) -> None:
        """Pass over what is left of the part."""
        async for _ in self.content():
            pass

    async def _more(self) -> None:
        async for piece in self._source:
            self._held += piece
            return
        raise FormError("the form ended before its last boundary")
