"""As much of CBOR (RFC 8949) as it takes to pass messages on unread: where an item ends, what a map's fields are.

Values are handed on as the very bytes that came. Decoding and encoding them again would lose what the engine can tell
apart and Python cannot: nanoseconds, NONE and NULL, the kinds of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_TEXT, _ARRAY, _MAP = 3, 4, 5
_INDEFINITE = 31
NULL = b"\xf6"


class Malformed(ValueError):
    """These bytes are no CBOR, or not of the kind that belongs here."""


def fields(data: bytes) -> dict[str, bytes]:
    """The fields of a map with keys of text, each value as bytes. Raises Malformed."""
    major, count, at = _head(data, 0)
    if major != _MAP:
        raise Malformed("a map is wanted")
    found: dict[str, bytes] = {}
    while count != 0 and not (count < 0 and data[at : at + 1] == b"\xff"):
        key_end = end(data, at)
        # The last value of a whole message is the rest of it: what is longest need not be walked through.
        value_end = len(data) if count == 1 else end(data, key_end)
        found[text(data[at:key_end])] = data[key_end:value_end]
        at, count = value_end, count - 1
    return found


def items(data: bytes) -> list[bytes]:
    """The items of an array, as bytes. Raises Malformed."""
    major, count, at = _head(data, 0)
    if major != _ARRAY:
        raise Malformed("an array is wanted")
    found = []
    while count != 0 and not (count < 0 and data[at : at + 1] == b"\xff"):
        after = end(data, at)
        found.append(data[at:after])
        at, count = after, count - 1
    return found


def text(data: bytes) -> str:
    """A text. Raises Malformed."""
    major, length, at = _head(data, 0)
    if major != _TEXT or length < 0 or at + length != len(data):
        raise Malformed("a text is wanted")
    try:
        return data[at : at + length].decode()
    except UnicodeDecodeError as error:
        raise Malformed("a text is no UTF-8") from error


def number(data: bytes) -> int:
    """A whole number that is not below 0. Raises Malformed."""
    major, found, at = _head(data, 0)
    if major != 0 or at != len(data):
        raise Malformed("a whole number is wanted")
    return found


def tagged(data: bytes) -> tuple[int, bytes]:
    """A tag, and the item that it is put on. Raises Malformed."""
    major, tag, at = _head(data, 0)
    if major != 6:
        raise Malformed("a tag is wanted")
    return tag, data[at:]


def raw(data: bytes) -> bytes:
    """The bytes of a byte string. Raises Malformed."""
    major, length, at = _head(data, 0)
    if major != 2 or length < 0 or at + length != len(data):
        raise Malformed("bytes are wanted")
    return data[at:]


def end(data: bytes, at: int) -> int:
    """Where the item that begins at `at` ends. Raises Malformed. However deep it nests, nothing recurses."""
    open_: list[int] = [1]  # how many items are still to come on each level, below 0: until a break
    while open_:
        if open_[-1] == 0:
            open_.pop()
        elif open_[-1] < 0 and data[at : at + 1] == b"\xff":
            open_.pop()
            at += 1
        else:
            open_[-1] -= 1 if open_[-1] > 0 else 0
            at = _step(data, at, open_)
    return at


def _step(data: bytes, at: int, open_: list[int]) -> int:
    """Pass one head, and the bytes that belong to it alone."""
    major, number, at = _head(data, at)
    if major in (2, _TEXT):
        if number < 0:
            open_.append(-1)
        else:
            at += number
    elif major == _ARRAY:
        open_.append(number)
    elif major == _MAP:
        open_.append(2 * number)
    elif major == 6:  # a tag, and what it is put on
        open_.append(1)
    if at > len(data):
        raise Malformed("it ends in the middle")
    return at


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """(major type, its number: -1 for indefinite, where it goes on)."""
    try:
        first = data[at]
    except IndexError as error:
        raise Malformed("it ends in the middle") from error
    major, info = first >> 5, first & 31
    if info < 24:
        return major, info, at + 1
    if info == _INDEFINITE and major in (2, _TEXT, _ARRAY, _MAP):
        return major, -1, at + 1
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(info)
    if width is None:
        raise Malformed(f"no item begins with {first:#x}")
    return major, int.from_bytes(data[at + 1 : at + 1 + width]), at + 1 + width


# ---------------------------------------------------------------- writing


def pack_text(value: str) -> bytes:
    """A text as an item."""
    raw = value.encode()
    return _pack_head(_TEXT, len(raw)) + raw


def pack_int(value: int) -> bytes:
    """A whole number as an item."""
    return _pack_head(0, value) if value >= 0 else _pack_head(1, -1 - value)


def pack_array(values: Iterable[bytes]) -> bytes:
    """An array of items."""
    packed = list(values)
    return _pack_head(_ARRAY, len(packed)) + b"".join(packed)


def pack_map(values: Mapping[str, bytes]) -> bytes:
    """A map with keys of text and items as values."""
    return _pack_head(_MAP, len(values)) + b"".join(pack_text(key) + value for key, value in values.items())


def _pack_head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * width:
            return bytes([major << 5 | info]) + number.to_bytes(width)
    raise Malformed(f"{number} does not fit")
