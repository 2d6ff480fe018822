"""How WebContainers are to be served, and what one of them may do."""

from __future__ import annotations

from typing import Literal

from runner.errors import UsageError
from runner.records import dataclass

Network = Literal["none", "*"] | tuple[str, ...]
Coep = Literal["require-corp", "credentialless", "none"]

#: What `Settings.faults` can do to the engine's origin.
FAULTS = {
    "503": "answers every request with status 503",
    "hang": "takes connections and never answers",
    "drop": "breaks every connection",
    "refuse": "takes no connection: nothing listens",
    "blocked": "forbids every page to embed the engine, by its Content-Security-Policy",
    "uncorp": "leaves out the headers that let an isolated page embed the engine",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """One pair of servers. Nothing in it is secret.

    `host_port`, `engine_port` on loopback (0: any free one) · `isolated`: pages get the headers that make them
    `crossOriginIsolated`; without them no engine can start, as in a browser that lacks it · `fault` strikes the
    engine's origin, one of `FAULTS`, or none if empty · `embedders` the origins whose pages may embed an engine besides
    our own host pages, as CSP writes them, for example `http://localhost:*`.
    """

    host_port: int = 0
    engine_port: int = 0
    isolated: bool = True
    fault: str = ""
    embedders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.fault and self.fault not in FAULTS:
            raise UsageError(f"{self.fault} is no fault of the engine", f"known: {', '.join(FAULTS)}")


@dataclass(frozen=True, slots=True)
class Policy:
    """What one container may do.

    `network` what it may reach besides its own origin: nothing (`none`), these host names (`example.com`,
    `*.example.com`, also with `:port`), or all (`*`) · `coep` how its page is isolated, which the client's `boot` must
    be told too · `vendor`: its host page embeds the vendor's engine instead of ours.
    """

    network: Network = "none"
    coep: Coep = "require-corp"
    vendor: bool = False

    def __post_init__(self) -> None:
        for name in self.network if isinstance(self.network, tuple) else ():
            if not name or set(name) & set(" ;,'\"/\\") or not name.isascii() or not name.isprintable():
                raise UsageError(
                    f"{name!r} is no host name", "allowed are example.com, *.example.com, example.com:8443"
                )
