"""Lists in pages: `limit`, `nextToken`, and the reply header `x-next-token`, as the SDK's paginators read them."""

from __future__ import annotations

import base64
import binascii
import json
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


def page_by_time(
    found: Sequence[T], rank: Callable[[T], tuple[float, str]], query: Mapping[str, str], *, newest_first: bool
) -> tuple[list[T], dict[str, str]]:
    """One page of a list sorted by a time and a name, and the header that leads to the next.

    The token says after what the next page begins, so it is good though that item has gone meanwhile, as boxes do.
    Raises Refused (400).
    """
    limit = number(query.get("limit", "100"), "limit", 1, 100)
    last = _rank(query.get("nextToken", ""))
    rest = [each for each in found if last is None or (rank(each) < last if newest_first else rank(each) > last)]
    fields = {}
    if limit < len(rest):
        fields["x-next-token"] = base64.urlsafe_b64encode(json.dumps(rank(rest[limit - 1])).encode()).decode()
    return rest[:limit], fields


def _rank(token: str) -> tuple[float, str] | None:
    if not token:
        return None
    try:
        when, name = json.loads(base64.urlsafe_b64decode(token.encode()))
        return float(when), str(name)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Refused(400, "nextToken is malformed") from error
