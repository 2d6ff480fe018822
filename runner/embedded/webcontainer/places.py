"""Where a pair of servers serves: the addresses that everything else is derived from."""

from __future__ import annotations

from runner.embedded.webcontainer.settings import Settings
from runner.records import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """`host_port` and `engine_port` on 127.0.0.1, as they came to be, and how they were asked for."""

    settings: Settings
    host_port: int
    engine_port: int

    @property
    def host_name(self) -> str:
        """What the `Host` header of a request to the host origin must be."""
        return f"127.0.0.1:{self.host_port}"

    @property
    def host(self) -> str:
        """The origin of host pages."""
        return f"http://{self.host_name}"

    def engine(self, token: str) -> str:
        """The origin of a container's engine."""
        return f"http://{token}.localhost:{self.engine_port}"

    def preview(self, token: str, port: int) -> str:
        """The origin of a port in a container."""
        return f"http://{port}--{token}.localhost:{self.engine_port}"
