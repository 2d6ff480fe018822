"""Hostile programs in boxes, and hostile clients of the endpoint: each is contained, and all others are served.

See docs/security.md for what each case tries. A case fails when its program says `ESCAPED`, when it does not end by
saying `contained`, when one of the edge's secrets stands in its output, when a bait on the host has been touched,
when something of it is left on the host, or when edge or another box do not answer afterwards.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import runpy
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from e2b import CommandExitException, CommandHandle, Sandbox

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings
from runner.embedded.e2b.walls import syscalls
from runner.errors import SandboxMissing
from tests.escape.cases import HERE, Case, cases

pytestmark = pytest.mark.integration
#: The filter's own tables of system calls, as a module for a box, where there is nothing else of ours.
_TABLES = "".join(f"{name} = {getattr(syscalls, name)!r}\n" for name in ("REFUSED", "UNKNOWN", "JUDGED"))
_PLACES = ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/root", "/etc", "/home", "/usr/bin", "/usr/local/bin")


class Bait:
    """Servers and a file on the host that nobody in a box may reach."""

    def __init__(self, folder: Path) -> None:
        self.touched: list[str] = []
        self.name = f"bait-{secrets.token_hex(6)}"
        self.file = folder / self.name
        self.file.write_text("bait")
        self._open = ExitStack()
        self.ports = [self._serve(socket.create_server((host, 0), family=family)) for host, family in _LOOPBACKS]
        for name in (f"\0{self.name}", str(folder / "socket")):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(name)
            listener.listen()
            self._serve(listener)

    def _serve(self, listener: socket.socket) -> int:
        self._open.enter_context(listener)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        name = listener.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                listener.accept()[0].close()
                self.touched.append(str(listener))

    def close(self) -> None:
        self._open.close()


_LOOPBACKS = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))


@dataclass
class World:
    """One endpoint with a witness: another box with a file, a server and a process of its own."""

    endpoint: Endpoint
    where: dict[str, Any]
    bait: Bait
    witness: Sandbox
    witness_port: int
    secret: str
    pid: int
    ranged: bool
    grouped: bool
    begun: set[int] = field(default_factory=set)

    def make(self, elsewhere: Endpoint | None = None) -> Sandbox:
        at = elsewhere or self.endpoint
        where = {"api_url": at.api_url, "sandbox_url": at.sandbox_url, "api_key": at.api_key}
        return Sandbox.create(timeout=300, **{**self.where, **where})

    def memory(self) -> int:
        """Bytes that the edge has resident."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    def serves(self) -> None:
        """The witness answers and is as it was; the edge's memory is bounded."""
        lives = f"cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c '^wait-{self.secret}'"
        code = f"cat {self.secret}; md5sum </usr/bin/bash >now; cmp bash now; {lives}"
        assert self.witness.commands.run(code, timeout=20).stdout == f"{self.secret}\n1\n"
        assert self.witness.is_running()
        assert self.memory() < 400 << 20


@contextmanager
def _endpoint(missing: Callable[[str], None], settings: Settings) -> Iterator[Endpoint]:
    with asyncio.Runner() as runner:
        serving = launch(settings)
        try:
            endpoint = runner.run(serving.__aenter__())
        except SandboxMissing as error:
            missing(f"{error} {error.hint}")
        yield endpoint
        runner.run(serving.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def outward(missing: Callable[[str], None]) -> Iterator[Endpoint]:
    """An endpoint whose boxes may reach the internet."""
    with _endpoint(missing, Settings(egress=True)) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def world(missing: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with _endpoint(missing, Settings()) as endpoint:
        folder = tmp_path_factory.mktemp("bait")
        bait = Bait(folder)
        where = {"api_url": endpoint.api_url, "sandbox_url": endpoint.sandbox_url, "api_key": endpoint.api_key}
        witness = Sandbox.create(timeout=600, retries=0, **where)
        secret = f"secret-{secrets.token_hex(6)}"
        witness.files.write(secret, f"{secret}\n")
        witness.commands.run("md5sum </usr/bin/bash >bash")
        witness.commands.run(
            f"exec -a wait-{secret} python3 -m http.server 7654 --bind 127.0.0.1", background=True, timeout=0
        )
        ranged = witness.commands.run("id -u", user="root").stdout == "0\n"
        grouped = "+cgroup" in witness.get_info().envd_version
        yield World(
            endpoint, {**where, "retries": 0}, bait, witness, 7654, secret, _edge(endpoint.api_url), ranged, grouped
        )
        witness.kill()
        bait.close()


def _edge(url: str) -> int:
    """The process that listens there."""
    port = int(url.rpartition(":")[2])
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    }
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if any(f"socket:[{inode}]" == str(link.readlink()) for inode in inodes):
                return int(link.parts[2])
    raise AssertionError("nobody listens there")


def _settings() -> dict[str, str]:
    """Settings of the host's kernel that a box may have of its own, and programs that it shares."""
    names = ("kernel/pid_max", "net/ipv4/ip_forward", "net/core/somaxconn", "kernel/shmmax", "kernel/msgmax")
    names += ("kernel/core_pattern", "kernel/hostname", "net/ipv4/ping_group_range", "user/max_user_namespaces")
    programs = (os.path.realpath(sys.executable), os.__file__, "/usr/bin/bash", "/usr/bin/env")
    states = {name: str(Path(name).stat()).partition("st_atime")[0] for name in programs}
    return {name: (Path("/proc/sys") / name).read_text() for name in names} | states


def _files_marked(mark: str) -> list[str]:
    return [f"{place}/{name}" for place in _PLACES for name in _listed(place) if mark in name]


def _listed(place: str) -> list[str]:
    try:
        return [each.name for each in Path(place).iterdir()]
    except OSError:
        return []


def _processes_marked(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]


@pytest.fixture
def mark(world: World) -> Iterator[str]:
    """A word that marks all that a case makes; afterwards nothing on the host may hold it, and all others serve."""
    word = f"mark{secrets.token_hex(8)}"
    before = _settings()
    yield word
    world.serves()
    end = time.monotonic() + 10
    while (left := _processes_marked(word)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not left, "processes outlive their box"
    assert not _files_marked(word)
    assert _settings() == before
    assert world.bait.touched == []
    assert world.bait.file.read_text() == "bait"


def _who(case: Case) -> list[Any]:
    return [pytest.param(case, user, id=f"{case.name}-{user}") for user in case.users]


@pytest.mark.parametrize(("case", "user"), [pair for case in cases("programs") for pair in _who(case)])
def test_a_hostile_program_is_contained(
    case: Case, user: str, world: World, mark: str, request: pytest.FixtureRequest, missing: Callable[[str], None]
) -> None:
    if (case.said.get("needs"), True) in (("cgroups", not world.grouped), ("range", not world.ranged)):
        missing(f"docs/security.md says that without {case.said['needs']} this is not defended")
    if user == "root" and not world.ranged:
        return  # there root is the same user, whose half of the pair has said it all, and nobody has rights
    box = world.make(request.getfixturevalue("outward") if case.said.get("needs") == "egress" else None)
    try:
        for path in (case.path, HERE / "programs" / "attempt.py"):
            box.files.write(f"/home/user/{path.name}", path.read_bytes())
        box.files.write("/home/user/syscalls.py", _TABLES)
        program = "python3 -B" if case.path.suffix == ".py" else "bash"
        command = f"cd /home/user && {program} {case.path.name}"
        envs = {
            "MARK": mark, "BAIT_FILE": str(world.bait.file), "BAIT_NAME": world.bait.name,
            "BAIT_PATH": str(world.bait.file.parent / "socket"), "OTHER_BOX": world.witness.sandbox_id,
            "BAIT_PORTS": f"{' '.join(map(str, world.bait.ports))} {world.endpoint.api_url.rpartition(':')[2]}",
            "OTHER_PORT": str(world.witness_port), "OTHER_FILE": world.secret, "OTHER_MARK": f"wait-{world.secret}",
        }  # fmt: skip
        if case.background:
            _runs_on(case, world, box.commands.run(command, user=user, envs=envs, background=True, timeout=0))
        else:
            _ends(box, world, command, user, envs)
    finally:
        assert box.kill()


def _ends(box: Sandbox, world: World, command: str, user: str, envs: dict[str, str]) -> None:
    try:
        done = box.commands.run(command, user=user, envs=envs, timeout=45)
    except CommandExitException as error:
        pytest.fail(f"exit code {error.exit_code}: {error.stdout[-2000:]}{error.stderr[-2000:]}")
    said = done.stdout + done.stderr
    assert "ESCAPED" not in said
    assert done.stdout.endswith("contained\n"), said[-2000:]
    assert box._envd_access_token
    for secret in (world.endpoint.api_key, box._envd_access_token):
        assert secret not in said, "a secret of the edge is told"
    assert box.commands.run("echo $((6 * 7))", user="user").stdout == "42\n", "its own agent does not answer"


def _runs_on(case: Case, world: World, running: CommandHandle) -> None:
    time.sleep(1.0)
    for _ in range(2):
        world.serves()
    if case.said.get("host") == "terminal":
        for fd in os.openpty():
            os.close(fd)
    if case.said.get("host") == "inotify":
        fd = ctypes.CDLL(None).inotify_init1(0)
        assert fd >= 0, "boxes have used up the watches of the edge's user"
        os.close(fd)
    running.disconnect()


@dataclass
class Target:
    """What a hostile client is given: the endpoint, a box of its own, and what it must not be able to use."""

    world: World
    box: Sandbox
    mark: str

    def __post_init__(self) -> None:
        self.host, port = self.world.endpoint.api_url.removeprefix("http://").split(":")
        self.port = int(port)
        self.api_key = self.world.endpoint.api_key
        self.box_id = self.box.sandbox_id
        self.token = str(self.box._envd_access_token)
        self.other_token = str(self.world.witness._envd_access_token)
        self.bait_file = str(self.world.bait.file)
        self.users = ("user", "root") if self.world.ranged else ("user",)
        self.edge_memory = self.world.memory

    def ask(self, method: str, path: str, head: str = "", body: bytes = b"", seconds: float = 10) -> bytes:
        """The answer to one request, whole."""
        lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {len(body)}\r\n"
        if "onnection:" not in head:
            lines += "Connection: close\r\n"
        return self.send(f"{lines}\r\n".encode() + body, seconds)

    def send(self, raw: bytes, seconds: float = 2) -> bytes:
        """All that comes back until the other side closes, or for so long, up to some megabytes."""
        answer, end = b"", time.monotonic() + seconds
        with socket.create_connection((self.host, self.port), timeout=seconds) as connection, suppress(OSError):
            connection.sendall(raw)
            while len(answer) < 4 << 20 and time.monotonic() < end and (piece := connection.recv(1 << 20)):
                answer += piece
        return answer

    def flood(self, start: bytes, piece: bytes, most: int) -> int:
        """Send a piece over and over; how many bytes the other side took."""
        taken = 0
        with socket.create_connection((self.host, self.port), timeout=2) as connection, suppress(OSError):
            connection.sendall(start)
            while taken < most:
                connection.sendall(piece)
                taken += len(piece)
        return taken


@pytest.mark.parametrize("case", cases("clients"), ids=lambda case: case.name)
def test_a_hostile_client_is_refused(case: Case, world: World, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2B_VOLUME_API_URL", world.endpoint.api_url)
    box = world.make()
    try:
        runpy.run_path(str(case.path))["attack"](Target(world, box, mark))
        health = Target(world, box, mark).ask("GET", "/health")
        assert json.loads(health.partition(b"\r\n\r\n")[2]) == {"status": "ok"}
    finally:
        assert box.kill()


def test_every_case_says_what_it_tries_and_what_must_be() -> None:
    found = [*cases("programs"), *cases("clients")]
    assert len(found) >= 55
    for case in found:
        assert {"tries", "must"} <= case.said.keys(), case.path
