"""The names of previews, and where they are served: `[HOST:]PORT`, `<port>--<run>.<suffix>`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from runner.errors import UsageError
from runner.records import dataclass

_NAME = re.compile(r"(?P<port>[1-9]\d{0,4})--(?P<run>[a-z0-9][a-z0-9-]{0,55})\.(?P<suffix>[a-z0-9.-]+)")
_HINT = "Write for example --preview 8080, --preview 0 for a free port, or --preview 0.0.0.0:8080 with a token."
_LOCAL = "localhost"
#: The environment variable that holds the token.
VARIABLE = "RUNNER_PREVIEW_TOKEN"
_SHORTEST = 16
_TOKEN_HINT = f'{VARIABLE}="$(openssl rand -hex 16)" runner run … --preview HOST:PORT'


@dataclass(frozen=True, slots=True)
class Place:
    """Where previews are served: an address of this machine, and a port, 0 for any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True)
class Preview:
    """What the name of a preview says."""

    port: int
    run: str


def parse(text: str) -> Place:
    """The place that an option names. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else "127.0.0.1"
    host = "127.0.0.1" if host == _LOCAL else host
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--preview {text}: {port!r} is no port", _HINT)
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise UsageError(f"--preview {text}: {host!r} is no address of this machine", _HINT) from error
    return Place(host, int(port))


def token_for(place: Place, environ: Mapping[str, str]) -> str:
    """The token that previews at a place need, "" for none. Raises UsageError for a place that needs one."""
    token = environ.get(VARIABLE, "")
    if token and len(token) < _SHORTEST:
        raise UsageError(f"{VARIABLE} is too short to guard anything: at least {_SHORTEST} characters", _TOKEN_HINT)
    if not token and not place.loopback:
        raise UsageError(
            f"--preview {place.host}:{place.port} is open to other machines, and {VARIABLE} is not set", _TOKEN_HINT
        )
    return token


class Names:
    """Which names previews have at a place. On loopback only `*.localhost` is heeded, so that no other name that
    somebody makes point here (DNS rebinding) leads to a box; elsewhere any suffix, for there the token guards.
    """

    def __init__(self, place: Place, port: int) -> None:
        """`port` is the one that is really served."""
        self._loopback = place.loopback
        self._port = port
        self._numeric = {"127.0.0.1", "::1", _LOCAL, place.host}

    def read(self, host: str) -> Preview | None:
        """The preview that a request's Host names."""
        found = _NAME.fullmatch(_bare(host))
        if found is None or int(found["port"]) > 65535 or (self._loopback and found["suffix"] != _LOCAL):
            return None
        return Preview(int(found["port"]), found["run"])

    def own(self, host: str) -> bool:
        """Whether the Host names the server itself, not a preview."""
        bare = _bare(host)
        return bare in self._numeric or (not self._loopback and self.read(host) is None)

    def address(self, preview: Preview) -> str:
        """The address of a preview, as this machine's browsers reach it, ending with a slash."""
        return f"http://{preview.port}--{preview.run}.{_LOCAL}:{self._port}/"


def _bare(host: str) -> str:
    """A Host without its port, in lower case."""
    name = host.lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")
