"""One kind of quotes: double ones, unless that would cost a backslash."""

from __future__ import annotations

# An escape that can be told without reading the others.
_ESCAPED = '\\"'


def requoted(raw: str) -> str:
    """The same text in the quotes that need no escapes; `raw` is one line with its quotes."""
    inside = raw[1:-1]
    if raw[0] == "'":
        plain = inside.replace("''", "'")
        return raw if '"' in plain or "\\" in plain else f'"{plain}"'
    if _ESCAPED not in inside:
        return raw
    plain = inside.replace(_ESCAPED, '"')
    return raw if "\\" in plain or "'" in plain else f"'{plain}'"
