"""What the endpoint puts into a box's requests on their way out: the vendor's `rules` of a network.

A rule is for a host, exactly or `*.name` for all below it; the exact one counts, else the longest. It sets headers of
HTTPS requests, whose values may hold `${e2b.secrets.NAME}`: so a program in the box uses a secret that it never sees.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from runner.records import dataclass

_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_MOST_HOSTS, _MOST_HEADERS, _LONGEST = 100, 50, 8192
#: Fields that say how a message ends and where it goes: no rule may change them.
_OURS = frozenset(("connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"))
#: Workload identity needs an issuer of tokens, which this endpoint is not.
_IDENTITY = "${e2b.identity."


@dataclass(frozen=True, slots=True)
class Transforms:
    """The headers to set, by host."""

    by_host: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def headers(self, host: str) -> Mapping[str, str] | None:
        """What to set in requests to a host; None when it has no rule."""
        name = host.lower().removesuffix(".")
        if name in self.by_host:
            return self.by_host[name]
        words = name.split(".")
        wild = ("*." + ".".join(words[start:]) for start in range(1, len(words)))
        return next((self.by_host[each] for each in wild if each in self.by_host), None)


def read_transforms(rules: object) -> Transforms:
    """The `rules` in a network of the vendor's. Raises ValueError."""
    if rules is None:
        return Transforms()
    if not isinstance(rules, dict) or len(rules) > _MOST_HOSTS:
        raise ValueError(f"rules must map at most {_MOST_HOSTS} hosts to lists of rules")
    return Transforms({_host(name): _headers(name, entries) for name, entries in rules.items()})


def _host(text: str) -> str:
    name = text.lower().removesuffix(".")
    if not _HOST.fullmatch(name):
        raise ValueError(f"{text!r} in rules is no host, nor *.host")
    return name


def _headers(host: str, entries: object) -> Mapping[str, str]:
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise ValueError(f"rules for {host!r} must be a list of objects")
    found: dict[str, str] = {}
    for each in entries:
        transform = each.get("transform") or {}
        headers = (transform.get("headers") or {}) if isinstance(transform, dict) else None
        if not isinstance(headers, dict) or len(headers) > _MOST_HEADERS:
            raise ValueError(f"headers for {host!r} must map at most {_MOST_HEADERS} names to texts")
        for name, value in headers.items():
            _check(host, name, value)
            found[name] = value
    return found


def _check(host: str, name: str, value: object) -> None:
    if not _FIELD.fullmatch(name) or name.lower() in _OURS:
        raise ValueError(f"a rule for {host!r} cannot set the header {name!r}")
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable() or not value.isascii():
        raise ValueError(f"the value of {name!r} for {host!r} must be a text of printable ASCII, at most {_LONGEST}")
    if _IDENTITY in value:
        raise ValueError("the embedded endpoint issues no workload identity tokens; use a secret in their place")
