"""What belongs to a stack on this machine: every service with its port and its environment, and what is left out."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from runner.cli.stack import gateway, weaviate
from runner.cli.stack.keeper import Service
from runner.cli.stack.record import Part, Private, folder
from runner.embedded.e2b.folders import keys
from runner.environ import needed
from runner.errors import EngineUnavailable
from runner.flow import server
from runner.flow.address import answers, write_record
from runner.records import dataclass

#: Every service there is, in the order in which they start.
NAMES = ("prefect", "e2b", "weaviate", "state", "worker")
#: What of an environment says that boxes come from somewhere else.
_BOXES_ELSEWHERE = ("E2B_API_KEY", "E2B_API_URL", "E2B_DOMAIN")
_LOOK = 2.0
_KEY = "stack"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for: the state folder, Prefect's port, services that are not wanted, and the seconds
    of silence after which a service is taken for hung.
    """

    state: Path
    port: int | None = None
    without: frozenset[str] = frozenset()
    silence: float = 60.0


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be kept, what is not and why, and what the next start takes over."""

    services: tuple[Service, ...]
    left_out: tuple[Part, ...]
    private: Private = field(repr=False)


def own(environ: Mapping[str, str], private: Private) -> dict[str, str]:
    """The environment without what a stack before has exported into it, which is no wish of anybody's."""
    return {name: value for name, value in environ.items() if private.exported.get(name) != value}


def planned(wishes: Wishes, environ: Mapping[str, str], private: Private) -> Planned:
    """All that is to be known before the first process. Raises EngineUnavailable without Prefect, UsageError when the
    port asked for is taken, ServiceError for keys that cannot be read.
    """
    return _Planner(wishes, own(environ, private), private).plan()


class _Planner:
    """Goes through the services in their order; later ones get what leads to earlier ones."""

    def __init__(self, wishes: Wishes, environ: dict[str, str], before: Private) -> None:
        self._wishes = wishes
        self._state = wishes.state.absolute()
        self._environ = environ
        self._before = before
        self._ports: dict[str, int] = {}
        self._keys = dict(before.keys)
        self._exports = {"RUNNER_STATE": str(self._state)}
        self._services: list[Service] = []
        self._left_out: list[Part] = []

    def plan(self) -> Planned:
        """See `planned`."""
        makers: dict[str, Callable[[], Service | str]] = {
            "prefect": self._prefect,
            "e2b": self._e2b,
            "weaviate": self._weaviate,
            "state": self._supervise,
            "worker": self._worker,
        }
        for name in NAMES:
            made = "it is not wanted (--without)" if name in self._wishes.without else makers[name]()
            if isinstance(made, str):
                self._left_out.append(Part(name, "left out", why=made))
            else:
                self._services.append(made)
        ports, exported = {**self._before.ports, **self._ports}, {**self._before.exported, **self._exports}
        private = Private(ports, self._keys, self._exports, exported)
        return Planned(tuple(self._services), tuple(self._left_out), private)

    def _prefect(self) -> Service:
        if find_spec("prefect") is None:
            raise EngineUnavailable("Prefect is not installed", "pip install 'runner[prefect]', or --without prefect")
        before = self._before.ports.get("prefect")
        asked = self._wishes.port or (before if before is not None and server.is_free(before) else None)
        port = self._ports["prefect"] = server.port_for(asked)
        url = f"http://{server.HOST}:{port}/api"
        self._exports["PREFECT_API_URL"] = url
        server.folder(self._state).mkdir(parents=True, exist_ok=True)
        return Service(
            "prefect",
            tuple(server.command(port)),
            server.environment(self._state, port, self._environ),
            lambda: answers(url, _LOOK),
            f"http://{server.HOST}:{port}",
            cwd=server.folder(self._state),  # away from any prefect.toml or .env of the caller's folder
            started=lambda pid: write_record(self._state, server.record_of(pid, port)),
            version=version("prefect"),
        )

    def _e2b(self) -> Service | str:
        elsewhere = next((name for name in _BOXES_ELSEWHERE if self._environ.get(name)), None)
        if elsewhere is not None:
            return f"{elsewhere} is set: boxes come from there"
        if find_spec("cryptography") is None:
            return "the extra e2b is not installed: pip install 'runner[e2b]'"
        base = folder(self._state) / "e2b"
        port = self._free("e2b", 1)
        url = f"http://127.0.0.1:{port}"
        self._exports |= {"E2B_API_URL": url, "E2B_SANDBOX_URL": url, "E2B_VOLUME_API_URL": url}
        self._exports["E2B_API_KEY"] = self._keys["e2b"] = _known_key(base / keys.FILE, self._keys.get("e2b", ""))
        words = ("endpoint", "e2b", "--folder", str(base), "--keep", "--port", str(port), "--json")
        environ = _reaching(needed(self._environ))
        return Service("e2b", _runner(*words), environ, lambda: _says(port, "/health"), url, version=version("runner"))

    def _weaviate(self) -> Service | str:
        if self._environ.get("RUNNER_AUDIT_URL"):
            return "RUNNER_AUDIT_URL is set: the audit log is there"
        if find_spec("weaviate") is None:
            return "the extra audit is not installed: pip install 'runner[audit]'"
        program = weaviate.program(self._environ)
        if program is None:
            return "its program is not on this machine: docs/stack.md says where it is looked for"
        port = self._free("weaviate", weaviate.PORTS)
        url = f"http://127.0.0.1:{port}"
        key = self._keys["weaviate"] = self._keys.get("weaviate") or secrets.token_urlsafe(32)
        self._exports |= {
            "RUNNER_AUDIT_URL": url,
            "RUNNER_AUDIT_GRPC": str(port + weaviate.PORTS - 1),
            "RUNNER_AUDIT_API_KEY": key,
        }
        return Service(
            "weaviate",
            weaviate.command(program, port),
            weaviate.environment(self._environ, folder(self._state) / "weaviate", port, key),
            lambda: _says(port, "/v1/.well-known/ready"),
            url,
            version=weaviate.version(program),
        )

    def _supervise(self) -> Service:
        words = ("supervise", "--json", "--state", str(self._state))
        environ = _reaching(self._environ | self._exports)
        program = version("surrealdb") if find_spec("surrealdb") else ""
        if self._environ.get("RUNNER_STATE_URL"):
            return Service("state", _runner(*words), environ, lambda: True, "RUNNER_STATE_URL", beats=True)
        here = self._state / "state"
        return Service(
            "state",
            _runner(*words, "--gateway"),
            environ,
            lambda: gateway.answers(here, _LOOK),
            str(here),
            beats=True,
            hung=lambda: gateway.kill_hung(here, _LOOK),
            version=f"SurrealDB {program}",
        )

    def _worker(self) -> Service | str:
        known = {"PREFECT_API_URL"} & (self._exports.keys() | self._environ.keys())
        if not known and server.running(self._state) is None:
            return "there is no Prefect server whose runs it could take"
        # The others are not needed to begin: an audit log that is away loses nothing, and boxes are made later.
        after = tuple(service.name for service in self._services if service.name in ("prefect", "state"))
        words = ("worker", "--json", "--state", str(self._state))
        environ = _reaching(self._environ | self._exports)
        return Service(
            "worker", _runner(*words), environ, lambda: True, "work pool runner", after=after, beats=True,
            version=version("runner"),
        )  # fmt: skip

    def _free(self, name: str, count: int) -> int:
        """The first of so many ports in a row: those of the start before, or the next ones that nobody has."""
        before = self._before.ports.get(name)
        first = server.port_for(None) if not self._ports else max(self._ports.values()) + 1
        candidates: Iterator[int] = iter(range(first, 65_536 - count))
        for port in candidates if before is None else (before, *candidates):
            if all(server.is_free(each) for each in range(port, port + count)):
                self._ports[name] = port
                return port
        raise EngineUnavailable(f"no {count} ports in a row are free for {name}", f"runner up --all --without {name}")


def _runner(*words: str) -> tuple[str, ...]:
    # -P: a file of the current folder must not stand for a module of Python's; our own package is found by its place.
    return (sys.executable, "-P", "-m", "runner", *words)


def _reaching(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which our own package is found."""
    places = [environ.get("PYTHONPATH", ""), str(Path(__file__).parents[3])]
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}


def _known_key(file: Path, kept: str) -> str:
    """A key that the endpoint takes: the one before, where it is still in the file; else a new one. Raises
    ServiceError.
    """
    known = keys.load(file)
    if kept and known.holds(kept):
        return kept
    if any(each.name == _KEY for each in known.records):
        known.remove(_KEY)
    made = known.make(_KEY)
    known.save(file)
    return made


def _says(port: int, path: str) -> bool:
    return gateway.says("127.0.0.1", port, path, _LOOK)
