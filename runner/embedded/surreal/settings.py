"""How a gateway is to be served: what the command line and `launch` say to its process."""

from __future__ import annotations

import json
from dataclasses import asdict, field
from pathlib import Path

from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Nothing in it is secret: it goes over the command line.

    `folder` as `--state` names it, whose store is served · `port` on loopback; 0 takes that of the gateway before it if
    it is free, else any · `with_parent`: end when standard input does; with `linger` only when its last client
    has gone, too.
    """

    folder: str
    port: int = 0
    with_parent: bool = False
    linger: bool = False

    @property
    def store(self) -> Path:
        """Where the store is in the folder."""
        return Path(self.folder).absolute() / "state"

    def as_json(self) -> str:
        """What `from_json` takes."""
        return json.dumps(asdict(self), separators=(",", ":"))


def from_json(text: str) -> Settings:
    """The settings in what `as_json` gave."""
    return Settings(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway serves, and for whom."""

    url: str
    user: str
    password: str = field(repr=False)

    def as_json(self) -> str:
        """All of it, for whoever started the gateway."""
        return json.dumps(asdict(self))

    def exports(self) -> dict[str, str]:
        """The environment with which any command of ours works on this state."""
        return {
            "RUNNER_STATE_URL": self.url,
            "RUNNER_STATE_USER": self.user,
            "RUNNER_STATE_PASSWORD": self.password,
        }
