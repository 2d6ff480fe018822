"""A sandbox WITHOUT ANY ISOLATION, for tests only: boxes are temporary folders, commands are processes of THIS machine.

A command in a fake box can read, change and delete whatever the user who runs the tests can. So: no command of the
`runner` program leads here except the offline tests of a spec, the Chooser does not know this provider, and
nothing but commands that the author of a test wrote belongs into such a box.

What it does have is the behaviour of a real provider, proven by the same conformance suite: process
trees that die on timeout, boxes that end, an environment that is not the host's. And declared failures: `faults`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import os
import posixpath
import shutil
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runner.errors import (
    BoxDiskFull,
    BoxError,
    BoxGone,
    CredentialRefused,
    FileExists,
    FileMissing,
    IsADirectory,
    NoCapacity,
    NotADirectory,
    ProviderBlocked,
    ProviderOffline,
    QuotaExhausted,
    RequestRefused,
)
from runner.run.ports import BoxInfo, BoxMetrics, BoxRequest, Command, CommandResult, Desktop, FileInfo, OnOutput
from runner.sandbox import snapshot, tree
from runner.sandbox.fake_process import FakeProcess, spawn
from runner.sandbox.keeping import Keeping, wrapped

_BOX_MARK = "RUNNER_BOX_ID"
#: What a box says that was asked for a desktop; there is none behind it.
_DESKTOP = Desktop(":0", 6080, 1280, 800)
#: The machine's own programs, and last the folder of our Python for machines that have no other.
_PATH = f"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{Path(sys.executable).parent}"

#: The provider failures that a test may declare, by the name that a spec's `tests:` section uses.
FAULTS: dict[str, type[BoxError]] = {
    "quota_exhausted": QuotaExhausted,
    "provider_blocked": ProviderBlocked,
    "credential_refused": CredentialRefused,
    "no_capacity": NoCapacity,
    "provider_offline": ProviderOffline,
}


def declared_fault(name: str) -> BoxError:
    """The error for a declared fault; its message says that a test asked for it. Raises KeyError."""
    return FAULTS[name](f"declared by the test: {name}")


class FakeCloud:
    """The boxes that one or several FakeSandbox objects share. What is left is freed when the process ends.

    With `lasting` they keep commands, as boxes do that outlive the process that uses them.
    """

    def __init__(self, *, lasting: bool = False) -> None:
        self.boxes: dict[str, FakeBox] = {}
        self.lasting = lasting
        atexit.register(self.free_all)

    def free_all(self) -> None:
        """End every box at once."""
        for box in list(self.boxes.values()):
            box.end()
        atexit.unregister(self.free_all)


class FakeSandbox:
    """`Sandbox` of runner.run.ports, WITHOUT ISOLATION (see the module).

    `cloud` is shared by objects that are to see each other's boxes; without one, closing frees the boxes.
    `faults` are raised by the first calls of `create`, one each, before calls succeed. `provider` is the name
    to go by, so that a test can let one fake play each part in a fallback.
    """

    def __init__(self, cloud: FakeCloud | None = None, faults: Sequence[BoxError] = (), provider: str = "fake") -> None:
        self._own = cloud is None
        self._cloud = cloud or FakeCloud()
        self._faults = list(faults)
        self._provider = provider

    @property
    def provider(self) -> str:
        return self._provider

    async def create(self, request: BoxRequest) -> FakeBox:
        if self._faults:
            raise self._faults.pop(0)
        box = FakeBox(self._cloud, request, self._provider)
        self._cloud.boxes[box.id] = box
        return box

    async def connect(self, box_id: str) -> FakeBox:
        box = self._cloud.boxes.get(box_id)
        if box is None:
            raise BoxGone(f"there is no box {box_id}")
        return box

    async def list(self, labels: Mapping[str, str]) -> list[BoxInfo]:
        infos = [await box.info() for box in self._cloud.boxes.values() if box.provider == self._provider]
        return [info for info in infos if labels.items() <= info.labels.items()]

    async def close(self) -> None:
        if self._own:
            self._cloud.free_all()


class FakeBox:
    """`Box` of runner.run.ports: a folder of this machine. File calls are held below that folder; commands
    are held by nothing.
    """

    def __init__(self, cloud: FakeCloud, request: BoxRequest, provider: str) -> None:
        self._cloud, self._request, self._provider = cloud, request, provider
        self._id = uuid.uuid4().hex[:20]
        self._root = Path(tempfile.mkdtemp(prefix="runner-fake-box-")).resolve()
        self._home, self._tmp = self._root / "home", self._root / "tmp"
        self._home.mkdir()
        self._tmp.mkdir()
        self._gone = False
        self._keeping = Keeping(self, str(self._tmp / ".runner-kept"))
        self._processes: list[FakeProcess] = []
        self._started = time.time()
        self._sampled = (time.monotonic(), 0)
        self._arm(request.timeout)

    @property
    def id(self) -> str:
        return self._id

    @property
    def provider(self) -> str:
        return self._provider

    @property
    def home(self) -> str:
        return str(self._home)

    @property
    def desktop(self) -> Desktop | None:
        return _DESKTOP if self._request.needs.get("desktop") else None

    @property
    def keeping(self) -> Keeping | None:
        """The commands that outlive who started them, as in a box that outlives its process."""
        return self._keeping if self._cloud.lasting else None

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        process = await self._spawn(command, on_output, interactive=False)
        try:
            return await process.wait()
        except asyncio.CancelledError:
            if not (command.keep and self._keeping.is_let_go):
                await process.stop()
            raise

    async def start(self, command: Command, on_output: OnOutput | None = None) -> FakeProcess:
        return await self._spawn(command, on_output, interactive=True)

    async def read(self, path: str) -> bytes:
        with self._file(path, follow=True) as file:
            return await asyncio.to_thread(file.read_bytes)

    async def write(self, path: str, data: bytes) -> None:
        with self._file(path, follow=True) as file:
            await asyncio.to_thread(_write, file, data)

    async def list(self, path: str) -> list[FileInfo]:
        with self._file(path, follow=True) as folder:
            return [_info(child) for child in sorted(folder.iterdir(), key=lambda child: child.name)]

    async def stat(self, path: str) -> FileInfo:
        with self._file(path) as file:
            return _info(file)

    async def mkdir(self, path: str) -> None:
        with self._file(path) as folder:
            folder.mkdir(parents=True, exist_ok=True)

    async def move(self, source: str, target: str) -> None:
        with self._file(source) as old, self._file(target) as new:
            old.lstat()
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)

    async def remove(self, path: str) -> None:
        with self._file(path) as file:
            if stat.S_ISDIR(file.lstat().st_mode):
                await asyncio.to_thread(shutil.rmtree, file)
            else:
                file.unlink()

    async def export_tar(self, path: str) -> bytes:
        with self._file(path, follow=True) as folder:
            if not stat.S_ISDIR(folder.stat().st_mode):
                raise NotADirectory(f"{path!r} is not a folder")
            return await asyncio.to_thread(snapshot.pack, folder)

    async def import_tar(self, path: str, tar: bytes) -> None:
        with self._file(path, follow=True) as folder:
            if folder.exists() and not folder.is_dir():
                raise NotADirectory(f"{path!r} is not a folder")
            await asyncio.to_thread(snapshot.unpack, tar, folder)

    async def url(self, port: int) -> str:
        self._alive()
        return f"http://127.0.0.1:{port}"

    async def desktop_url(self) -> str:
        if self.desktop is None:
            raise FileMissing("the box has no desktop")
        return f"{await self.url(self.desktop.port)}/vnc.html"

    async def info(self) -> BoxInfo:
        self._alive()
        memory = self._request.needs.get("memory_mb")
        return BoxInfo(
            id=self._id,
            provider=self._provider,
            labels=dict(self._request.labels),
            started_at=self._started,
            ends_at=self._ends,
            cpu=os.cpu_count() or 1,
            memory_mb=memory if isinstance(memory, int) else 512,
        )

    async def metrics(self) -> BoxMetrics:
        self._alive()
        alive = await asyncio.to_thread(tree.members, [f"{_BOX_MARK}={self._id}"], [])
        now, ticks = time.monotonic(), sum(proc.ticks for proc in alive)
        then, before = self._sampled
        self._sampled = (now, ticks)
        seconds = max(0, ticks - before) / os.sysconf("SC_CLK_TCK")
        return BoxMetrics(
            ts=time.time(),
            cpu_percent=100 * seconds / max(now - then, 0.01),
            memory_bytes=sum(proc.pages for proc in alive) * os.sysconf("SC_PAGE_SIZE"),
            disk_bytes=await asyncio.to_thread(_usage, self._root),
        )

    async def set_timeout(self, seconds: float) -> None:
        self._alive()
        self._timer.cancel()
        self._arm(seconds)

    async def kill(self) -> bool:
        if self._gone:
            return False
        processes = list(self._processes)
        self.end()
        for process in processes:
            await process.stop()
        return True

    def end(self) -> None:
        """Free the box at once: its processes are killed and its folder is deleted."""
        if self._gone:
            return
        self._gone = True
        self._timer.cancel()
        self._cloud.boxes.pop(self._id, None)
        roots = [process.pid for process in self._processes if process.running]
        tree.kill([f"{_BOX_MARK}={self._id}"], roots)
        with contextlib.suppress(RuntimeError):  # no loop: the program is ending, and nobody waits
            for process in self._processes:
                process.cut()
        shutil.rmtree(self._root, ignore_errors=True)

    def _arm(self, seconds: float) -> None:
        self._ends = time.time() + seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def _alive(self) -> None:
        if self._gone:
            raise BoxGone(f"the box {self._id} is gone: it was killed or ran past its time")

    async def _spawn(self, command: Command, on_output: OnOutput | None, *, interactive: bool) -> FakeProcess:
        self._alive()
        env = {
            "PATH": _PATH,
            "HOME": str(self._home),
            "USER": "user",
            "LOGNAME": "user",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self._tmp),
            **self._request.env,
            **command.env,
            _BOX_MARK: self._id,
        }
        cwd = self._home / (command.cwd or ".")
        if command.keep and (keeping := self.keeping) is not None:
            command = replace(command, text=wrapped(command.text, keeping.folder(command.keep)))
        process = await spawn(command, cwd, env, interactive=interactive, gone=lambda: self._gone)
        self._processes = [other for other in self._processes if other.running]
        self._processes.append(process)
        process.follow(command, on_output)
        return process

    @contextmanager
    def _file(self, path: str, *, follow: bool = False) -> Iterator[Path]:
        """The host path of a path in the box, with `follow` where a link leads to; what goes wrong with it
        becomes a BoxFileError.
        """
        self._alive()
        if "\0" in path:
            raise RequestRefused("a path cannot hold a NUL character")
        full = Path(posixpath.normpath(self._home / path))
        real = Path(os.path.realpath(full) if follow else os.path.realpath(full.parent), "" if follow else full.name)
        if not real.is_relative_to(self._root):
            raise RequestRefused(
                f"{path!r} lies outside the fake box", "A fake box is a folder without isolation: use relative paths."
            )
        try:
            yield real
        except FileNotFoundError as exc:
            self._alive()
            raise FileMissing(f"there is no {path!r} in the box") from exc
        except IsADirectoryError as exc:
            raise IsADirectory(f"{path!r} is a folder") from exc
        except NotADirectoryError as exc:
            raise NotADirectory(f"{path!r}: a file stands where a folder should be") from exc
        except FileExistsError as exc:
            raise FileExists(f"{path!r} exists already") from exc
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise BoxDiskFull(f"no space left in the box for {path!r}") from exc
            raise RequestRefused(f"{path!r}: {exc.strerror}") from exc


def _write(file: Path, data: bytes) -> None:
    # mkdir says "exists" of a file in the way of a folder; the kernel's own word for it fits better.
    with contextlib.suppress(FileExistsError):
        file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def _info(file: Path) -> FileInfo:
    status = file.lstat()
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    return FileInfo(
        name=file.name,
        path=str(file),
        kind=kind,  # type: ignore[arg-type]
        size=status.st_size,
        mode=stat.S_IMODE(status.st_mode),
        mtime=status.st_mtime,
    )


def _usage(folder: Path) -> int:
    total = 0
    for top, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += Path(top, name).lstat().st_blocks * 512
    return total
