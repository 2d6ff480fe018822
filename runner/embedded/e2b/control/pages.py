"""Lists in pages: `limit`, `nextToken`, and the reply header `x-next-token`, as the SDK's paginators read them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from runner.embedded.e2b.control.bodies import number
from runner.embedded.e2b.control.refusals import Refused

T = TypeVar("T")


def page(found: Sequence[T], name: Callable[[T], str], query: Mapping[str, str]) -> tuple[list[T], dict[str, str]]:
    """One page of a sorted list and the header that leads to the next. `name` tells items apart.

    Raises Refused (400) for a malformed limit or token, and when the item before the page has gone.
    """
    limit = number(query.get("limit", "100"), "limit", 1, 100)
    start = _after([name(each) for each in found], query.get("nextToken", ""))
    items = list(found[start : start + limit])
    fields = {}
    if start + limit < len(found):
        fields["x-next-token"] = base64.urlsafe_b64encode(name(items[-1]).encode()).decode()
    return items, fields


def _after(names: list[str], token: str) -> int:
    if not token:
        return 0
    try:
        last = base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "nextToken is malformed") from error
    if last not in names:
        raise Refused(400, "nextToken names what is gone; list again from the start")
    return names.index(last) + 1
