"""Which request goes where: routes as patterns like `POST /v2/sandboxes/{id}/connect`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import field
from urllib.parse import unquote

from runner.embedded.e2b.box.http1 import Exchange
from runner.embedded.e2b.control.refusals import Refused
from runner.records import dataclass

#: Bytes that the body of a request of the control plane may have.
LONGEST_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the exchange it came by, what stands in the pattern's braces, and its whole body (empty for a
    route that streams).
    """

    exchange: Exchange
    names: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""

    def __getitem__(self, name: str) -> str:
        return self.names[name]


Handler = Callable[[Call], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` is the method and the path; a `streams` handler reads the body itself; an `open` one needs no API key
    (it checks a token of its own).
    """

    pattern: str
    handler: Handler
    streams: bool = False
    open: bool = False


class Routes:
    """All routes of the control plane."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(*_split(route.pattern), route) for route in routes]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and what stands in its braces. Raises Refused (404, 405)."""
        words = [unquote(word) for word in path.split("/") if word]
        methods: set[str] = set()
        for verb, pattern, route in self._routes:
            names = _match(pattern, words)
            if names is None:
                continue
            if verb == method:
                return route, names
            methods.add(verb)
        if methods:
            raise Refused(405, f"{path} answers {', '.join(sorted(methods))}, not {method}")
        raise Refused(404, f"no such route: {method} {path}")


def _split(pattern: str) -> tuple[str, list[str]]:
    method, _, path = pattern.partition(" ")
    return method, [word for word in path.split("/") if word]


def _match(pattern: list[str], words: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(words):
        return None
    names: dict[str, str] = {}
    for expected, word in zip(pattern, words, strict=True):
        if expected.startswith("{"):
            names[expected[1:-1]] = word
        elif expected != word:
            return None
    return names
