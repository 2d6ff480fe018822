"""How an endpoint is to be served: what the command line and `launch` say to the edge."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Nothing in it is secret: it goes over the command line.

    `port` on loopback (0: any free one) · `folder` where boxes keep their files (None: the temporary folder) · `keep`
    what is to survive a restart in that folder · `with_parent`: end when standard input does · `rest`, a folder in
    which boxes rest as files when standard input ends without a word, as it does when the parent dies, and from which
    the next endpoint of that folder has them again; while another endpoint has it, it is waited for, `patience` seconds
    at most, and then done without; one in which nothing rests at the end is removed, as are those beside it that nobody
    has come back to for two weeks · `plan`, with another
    `quota` of boxes or `rate` of boxes made in a second · `faults` as runner.embedded.e2b.front.faults reads them ·
    `tls`: also serve HTTPS, on the same port · `egress`: boxes may reach the internet where their clients let them,
    with `allow_private` also private addresses.
    """

    port: int = 0
    folder: str | None = None
    keep: bool = False
    with_parent: bool = False
    rest: str | None = None
    patience: float = 0.0
    plan: str = "unlimited"
    quota: int | None = None
    rate: float | None = None
    faults: tuple[str, ...] = ()
    tls: bool = False
    egress: bool = False
    allow_private: bool = False

    def as_json(self) -> str:
        """What `from_json` takes."""
        return json.dumps(asdict(self), separators=(",", ":"))


def from_json(text: str) -> Settings:
    """The settings in what `as_json` gave."""
    values: dict[str, Any] = json.loads(text)
    return Settings(**{**values, "faults": tuple(values.get("faults", ()))})
