"""The store on a server that many processes share: the gateway of this machine, or a SurrealDB of one's own.

A connection that is lost, or that answers too late, is made anew: reopen, sign in, use. What reads, or may be done
twice, is asked again then. A commit is not: `StoreUnanswered` sends the store to look whether it was written.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import field
from typing import Any

from runner.errors import StoreError, StoreUnanswered, StoreUnserved
from runner.records import dataclass
from runner.store.answers import Again, results
from runner.store.migration import bring_up
from runner.store.queries import preparing, queries
from runner.store.surreal_sdk import Link, Lost

#: What the gateway adds to the version of its engine; of its log, as of a folder's, half a transaction may be left.
GATEWAY = "+gateway"
_PAUSE, _LONGEST = 0.02, 0.5
_TRIES = 8
#: What it is known by until it was reached.
_NOWHERE = "the state server"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, as RUNNER_STATE_URL and its companions say."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    namespace: str = "runner"
    database: str = "runner"


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds: for one answer, and for a server that does not answer at all to come back."""

    answer: float = 10.0
    patience: float = 20.0

    @property
    def whole(self) -> float:
        """The longest that a call can take."""
        return 3 * (self.answer + self.patience)


class ServerHome:
    """A Home at the address that `find` gives, which is asked before each new connection: a gateway that was killed and
    started again may be elsewhere. None: there is no server any more.
    """

    shared = True

    def __init__(self, find: Callable[[], Address | None], *, waits: Waits | None = None) -> None:
        self._find = find
        self._waits = waits or Waits()
        self._link: Link | None = None
        self._ready = False
        self._names = ("runner", "runner")
        self.where = _NOWHERE
        self.marks = False

    def open(self) -> None:
        """See Home."""
        bring_up(self.where, self._asked_again, lambda: None, stamp=False)
        self._ready = True

    def _asked_again(self, name: str, values: dict[str, object]) -> list[Any]:
        """The answer also where somebody else brings the same state up at the same time."""
        for attempt in range(_TRIES):
            try:
                return self._asked(name, values)
            except Again:
                time.sleep(_PAUSE * 2**attempt)
        raise StoreError(f"the state in {self.where} cannot be prepared: others write all the time", "Try again.")

    def ask(self, name: str, values: dict[str, object]) -> list[Any]:
        """See Home."""
        if not self._ready:
            raise StoreError("the state store is not open")
        return self._asked(name, values)

    def _asked(self, name: str, values: dict[str, object]) -> list[Any]:
        end, pause = time.monotonic() + self._waits.patience, _PAUSE
        while True:
            try:
                link = self._connected()
                return results(self.where, link.query_raw(self._text(name), values))
            except Lost as lost:
                self._drop()
                if name == "commit" and lost.sent:
                    raise StoreUnanswered(f"the state server{self._at} did not answer a commit: {lost}") from lost
                if not self._ready and self._find() is None:
                    raise StoreUnserved("the gateway of the state has just ended", "Try again.") from lost
                if time.monotonic() > end:
                    raise StoreError(
                        f"the state server{self._at} cannot be reached: {lost}",
                        "Start it again, as with `runner endpoint surreal`, or correct RUNNER_STATE_URL.",
                    ) from lost
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that many clients do not come back at once
            pause = min(2 * pause, _LONGEST)

    @property
    def _at(self) -> str:
        return "" if self.where == _NOWHERE else f" at {self.where}"

    def _text(self, name: str) -> str:
        return preparing(*self._names) if name == "prepare" else queries()[name]

    def _connected(self) -> Link:
        if self._link is not None:
            return self._link
        address = self._find()
        if address is None:
            raise Lost("nothing serves it any more", sent=False)
        self.where = address.url
        link = Link(address.url, address.user, address.password, self._waits.answer)
        try:
            link.use(address.namespace, address.database)
        except BaseException:
            link.close()
            raise
        self._names = (address.namespace, address.database)
        self.marks = link.version.endswith(GATEWAY)
        self._link = link
        return link

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def close(self) -> None:
        """Drop the connection."""
        self._ready = False
        self._drop()
