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


def page(
    found: Sequence[T], rank: Callable[[T], tuple[float, str]], query: Mapping[str, str], *, newest_first: bool
) -> tuple[list[T], dict[str, str]]:
    """One page of a list that is sorted by `rank`, a time and a name, and the header that leads to the next.

    The token says after what the next page begins, so it is good though that item has gone meanwhile: boxes end, and
    people delete what they list page by page. Raises Refused (400) for a malformed limit or token.
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
