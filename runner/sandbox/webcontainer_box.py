"""A box that is a WebContainer: the `Box` port over the functions of a host page.

Choices made here, from what the genuine client (1.6.4) can do:

- Contents of files go by the client; what it knows nothing of (metadata, links, times, paths outside of the work
  folder) goes by one small Node program in the container, many paths at once (webcontainer_node).
- Large contents travel as requests of the page to a server on loopback, never as an argument of a call.
- A box lives as long as its page: a crash, a closed tab, an ended browser or its time to live end everything that
  is under way with BoxGone and the reason.
"""

from __future__ import annotations

import asyncio
import base64
import json
import posixpath
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from runner.errors import (
    BoxCrashed,
    BoxError,
    BoxFileError,
    BoxGone,
    CommandTimeout,
    FileExists,
    FileMissing,
    IsADirectory,
    NotADirectory,
    RequestRefused,
)
from runner.run.ports import BoxInfo, BoxMetrics, BoxRequest, Command, CommandResult, Desktop, FileInfo, OnOutput
from runner.sandbox import snapshot, webcontainer_node, webcontainer_tree
from runner.sandbox.calls import finished, to_its_end
from runner.sandbox.webcontainer_browser import Tab, sample
from runner.sandbox.webcontainer_process import WebContainerProcess
from runner.sandbox.webcontainer_streams import FRAMED, WRAPPER

PROVIDER = "webcontainer"
#: The name of the work folder below /home, so that a box's home is called as in every other provider's boxes.
WORKDIR = "user"
#: Bytes above which a file is mounted rather than handed over in a call.
_INLINE = 512 * 1024
#: Seconds that the helper program has for all paths that it was asked for: many thousands, on a busy machine.
_HELPER = 300.0
#: Seconds that a sample of memory is waited for; after that the last one counts.
_SAMPLING = 1.0
_GONE_HINT = "Give the sandbox a longer timeout, or look for what ended it."


class Ticket(Protocol):
    """What is used of the server's addresses of one container."""

    def offer(self, data: bytes) -> str: ...
    def expect(self) -> tuple[str, asyncio.Future[bytes]]: ...
    def preview(self, port: int) -> str: ...
    def close(self) -> None: ...


class WebContainerBox:
    """`Box` of runner.run.ports. `native` says whether the engine frames the streams of commands by itself; `shell` is
    the program of its commands.
    """

    def __init__(self, request: BoxRequest, ticket: Ticket, tab: Tab, *, native: bool) -> None:
        self._request, self._ticket, self._tab, self._native = request, ticket, tab, native
        self._id = uuid.uuid4().hex[:20]
        self._home = f"/home/{WORKDIR}"
        self._started = time.time()
        self._ends_at = self._started
        self._timer: asyncio.TimerHandle | None = None
        self._processes: dict[str, WebContainerProcess] = {}
        self._number = 0
        self._why, self._crashed = "", False
        self._ports: dict[int, str] = {}
        self._left: list[Callable[[], None]] = [ticket.close]
        self._sampling: asyncio.Future[int | None] | None = None
        self._sample: int | None = None
        self._closing: asyncio.Future[None] | None = None
        tab.on_lost(self._lost)

    # ------------------------------------------------------------ its life

    @property
    def id(self) -> str:
        return self._id

    @property
    def provider(self) -> str:
        return PROVIDER

    @property
    def home(self) -> str:
        return self._home

    @property
    def desktop(self) -> Desktop | None:
        return None

    @property
    def labels(self) -> dict[str, str]:
        """What the box was labelled with."""
        return dict(self._request.labels)

    @property
    def open_ports(self) -> frozenset[int]:
        """The ports on which programs in it listen now."""
        return frozenset(self._ports)

    @property
    def alive(self) -> bool:
        """Whether its page lives."""
        return not self._why

    def begin(self, workdir: str, leave: Callable[[], None]) -> None:
        """The container has booted in `workdir`; its time begins. `leave` is called once when it is gone."""
        self._home = workdir.rstrip("/")
        self._left.append(leave)
        if self._why:
            leave()
        else:
            self._arm(self._request.timeout)

    def hear(self, events: list[dict[str, Any]]) -> None:
        """Take the page's events."""
        for event in events:
            kind = event.get("kind")
            process = self._processes.get(str(event.get("id")))
            if kind == "output" and process is not None:
                process.output(str(event["data"]))
            elif kind == "exit" and process is not None:
                del self._processes[process.key]
                process.exited(int(event["code"]))
            elif kind == "port":
                self._heard_port(event)
            elif kind == "state" and event.get("state") == "gone":
                self._lost(str(event.get("reason") or "the container was torn down"))

    async def kill(self) -> bool:
        if self._why:
            return False
        await self.end("it was killed")
        return True

    async def end(self, reason: str, *, crashed: bool = False) -> None:
        """End it, whatever is under way."""
        self._lost(reason, crashed=crashed)
        await self._tab.close()

    async def info(self) -> BoxInfo:
        self._check()
        memory = self._request.needs.get("memory_mb")
        return BoxInfo(
            id=self._id,
            provider=PROVIDER,
            labels=self.labels,
            started_at=self._started,
            ends_at=self._ends_at,
            cpu=1,
            memory_mb=int(memory) if isinstance(memory, int | float) else 1024,
        )

    async def metrics(self) -> BoxMetrics | None:
        self._check()
        if self._sampling is None or self._sampling.done():
            self._sampling = asyncio.ensure_future(self._tab.memory())
        await asyncio.wait({self._sampling}, timeout=_SAMPLING)
        if self._sampling.done():
            self._sample = self._sampling.result()
        return None if self._sample is None else sample(self._sample, self._started)

    async def set_timeout(self, seconds: float) -> None:
        self._check()
        self._arm(seconds)

    async def url(self, port: int) -> str:
        """Browsers, curl and whoever else takes `*.localhost` for this machine (RFC 6761) reach it there."""
        self._check()
        return self._ports.get(port, self._ticket.preview(port) if self._native else "") or self._no_port(port)

    async def desktop_url(self) -> str:
        self._check()
        raise FileMissing("a WebContainer has no desktop: there is no screen inside a browser tab")

    async def answers(self, seconds: float) -> None:
        """Raises BoxGone unless the engine gives an answer in so many seconds; then the box is gone for good."""
        self._check()
        try:
            async with asyncio.timeout(seconds):
                # The page's own patience is the longer one: here it is known what its end means.
                await self.call("the engine does not answer", "ping", (seconds + 1) * 1000)
        except TimeoutError:
            await self.end(f"its engine gave no answer for {seconds:g} s", crashed=True)
            self._check()

    async def call(self, what: str, method: str, *arguments: object) -> Any:
        """A function of the host page. Raises BoxGone, or the error of what the page said."""
        self._check()
        try:
            return await self._tab.call(what, method, *arguments)
        except BoxGone:
            self._lost(self._tab.lost or "its engine ended")
            self._check()
            raise

    # ------------------------------------------------------------ commands

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        process = await self._launch(command, on_output, interactive=False)
        return await to_its_end(process)

    async def start(self, command: Command, on_output: OnOutput | None = None) -> WebContainerProcess:
        return await self._launch(command, on_output, interactive=True)

    async def execute(
        self, words: list[str], seconds: float = 60.0, on_output: OnOutput | None = None
    ) -> CommandResult:
        """Run a program of the container by its name and arguments, without a shell, to its end."""
        hear = on_output or (lambda _stream, _text: None)
        process = await self._spawn(words, self._home, {}, Command("", timeout=seconds), hear)
        return await to_its_end(process)

    async def _launch(self, command: Command, on_output: OnOutput | None, *, interactive: bool) -> WebContainerProcess:
        self._check()
        cwd = self._home if command.cwd is None else self._full(command.cwd)
        if cwd != self._home:
            await self._folder(cwd)
        env = {"HOME": self._home, **self._request.env, **command.env}
        shell = ["bash", "-l", "-c", command.text] if self._native else ["jsh", "-c", command.text]
        hear = on_output or (lambda _stream, _text: None)
        return await self._spawn(shell, cwd, env, command, hear, interactive=interactive)

    async def _spawn(
        self,
        words: list[str],
        cwd: str,
        env: dict[str, str],
        command: Command,
        hear: OnOutput,
        *,
        interactive: bool = False,
    ) -> WebContainerProcess:
        self._number += 1
        process = WebContainerProcess(self, self._number, command, hear)
        given = process.at_once(interactive)
        self._processes[process.key] = process
        if self._native:
            env = {**env, **FRAMED}
        else:
            words, env = ["node", "-e", WRAPPER, *words], {**env, "RUNNER_STDIN": "framed"}
        request = {"command": words[0], "args": words[1:], "cwd": self._relative(cwd), "env": env}
        try:
            starting = self.call("the command cannot be started", "spawn", process.key, request, *given)
            await finished(starting, lambda _: process.abandon())
        except BaseException:
            self._processes.pop(process.key, None)
            raise
        process.follow()
        return process

    async def _folder(self, cwd: str) -> None:
        """Raises FileMissing, NotADirectory unless a command can begin there."""
        try:
            if self._inside(cwd):
                await self._file(cwd, "readdir", self._relative(cwd))
            else:
                await self._ask({"task": "enter", "path": cwd})
        except FileMissing as exc:
            missing = f"the working folder {cwd!r} does not exist"
            raise FileMissing(missing, "Make it in a step before this one.") from exc

    # ------------------------------------------------------------ files

    async def read(self, path: str) -> bytes:
        full = self._full(path)
        if not self._inside(full):
            return base64.b64decode(await self._ask({"task": "read", "path": full}))
        said: str | None = await self._file(path, "readFile", self._relative(full), _INLINE)
        return base64.b64decode(said) if said is not None else await self._sent(path, full)

    async def write(self, path: str, data: bytes) -> None:
        full = self._full(path)
        text = base64.b64encode(data).decode() if len(data) <= _INLINE else ""
        if not self._inside(full) and text:
            await self._ask({"task": "write", "path": full, "data": text})
        elif len(data) <= _INLINE:
            await self._write_inline(path, full, text)
        else:
            await self._write_mounted(path, full, data)

    async def list(self, path: str) -> list[FileInfo]:
        found = await self._ask({"task": "list", "path": self._full(path)})
        return sorted((webcontainer_node.info(each) for each in found), key=lambda info: info.name)

    async def stat(self, path: str) -> FileInfo:
        return webcontainer_node.info(await self._ask({"task": "stat", "path": self._full(path)}))

    async def mkdir(self, path: str) -> None:
        full = self._full(path)
        if self._inside(full):
            await self._make_folders(path, full)
        else:
            await self._ask({"task": "mkdir", "path": full})

    async def move(self, source: str, target: str) -> None:
        old, new = self._full(source), self._full(target)
        if not (self._inside(old) and self._inside(new)):
            await self._ask({"task": "move", "path": old, "target": new})
            return
        try:
            await self._file(source, "rename", self._relative(old), self._relative(new))
        except FileMissing:
            # The source, or the folder of the target: making that shows which.
            await self._make_folders(target, posixpath.dirname(new))
            await self._file(source, "rename", self._relative(old), self._relative(new))

    async def remove(self, path: str) -> None:
        full = self._full(path)
        if self._inside(full):
            await self._file(path, "rm", self._relative(full), {"recursive": True})
        else:
            await self._ask({"task": "remove", "path": full})

    async def export_tar(self, path: str) -> bytes:
        full = self._full(path)
        if self._described(full):
            data = await self._exported(path, full, "described")
            return await asyncio.to_thread(webcontainer_tree.described_tar, data)
        found = await self._ask({"task": "walk", "path": full})
        copy = None if self._inside(full) else await self._copied(full)
        try:
            data = await self._exported(path, copy or full, "binary")
        finally:
            if copy is not None:
                await self.remove(copy)
        return await asyncio.to_thread(webcontainer_tree.listed_tar, data, found)

    async def import_tar(self, path: str, tar: bytes) -> None:
        await asyncio.to_thread(snapshot.check, tar)
        tree, entries = await asyncio.to_thread(webcontainer_tree.from_tar, tar)
        full = self._full(path)
        if self._described(full):
            described = await asyncio.to_thread(webcontainer_tree.described, tree, entries)
            await self._mount(path, described, self._relative(full))
            return
        listed = [[each.path, each.kind, each.mode, each.mtime] for each in entries]
        await self._ask({"task": "clear", "path": full, "entries": listed})
        if not listed:
            return
        place = full if self._inside(full) else f"{self._home}/.runner-{uuid.uuid4().hex}"
        await self._mount(path, webcontainer_tree.below(self._relative(place), tree))
        if place != full:
            await self._ask({"task": "copy", "path": place, "target": full})
            await self.remove(place)
        await self._ask({"task": "apply", "path": full, "entries": listed})

    async def mount_tar(self, path: str, tar: bytes) -> None:
        """Unpack a tar in one request, contents only: for a new folder, where neither modes nor times matter."""
        await asyncio.to_thread(snapshot.check, tar)
        tree, _ = await asyncio.to_thread(webcontainer_tree.from_tar, tar)
        await self._mount(path, webcontainer_tree.below(self._relative(self._full(path)), tree))

    # ------------------------------------------------------------ inside

    async def _write_inline(self, path: str, full: str, text: str) -> None:
        try:
            await self._file(path, "writeFile", self._relative(full), text)
        except FileMissing:
            await self._make_folders(path, posixpath.dirname(full))
            await self._file(path, "writeFile", self._relative(full), text)

    async def _make_folders(self, path: str, full: str) -> None:
        await self._file(path, "mkdir", self._relative(full), {"recursive": True})

    async def _sent(self, path: str, full: str) -> bytes:
        """A large file by a request of the page."""
        address, arriving = self._ticket.expect()
        try:
            await self._file(path, "sendFile", self._relative(full), address)
            return await arriving
        finally:
            arriving.cancel()

    async def _write_mounted(self, path: str, full: str, data: bytes) -> None:
        """Through a new file, so that what is at the path is written over as any write does, links followed."""
        fresh = f".runner-{uuid.uuid4().hex}"
        await self._write_inline(path, full, "")
        await self._mount(path, webcontainer_tree.file_at(fresh, data))
        await self._ask({"task": "put", "path": f"{self._home}/{fresh}", "target": full})

    async def _mount(self, path: str, tree: webcontainer_tree.Tree, *folder: str) -> None:
        """Put a tree into the work folder, or into a folder below it that is made. Raises the errors of files."""
        packed = await asyncio.to_thread(webcontainer_tree.packed, tree)
        await self._file(path, "mount", self._ticket.offer(packed), *folder)

    def _described(self, full: str) -> bool:
        """Whether snapshots of a folder come and go with modes and times: our own engine can, in the work folder."""
        return self._native and self._inside(full)

    async def _exported(self, path: str, full: str, form: str) -> bytes:
        """A folder of the work folder as the engine gives it."""
        address, arriving = self._ticket.expect()
        try:
            await self._file(path, "exportTo", self._relative(full), address, {"format": form})
            return await arriving
        finally:
            arriving.cancel()

    async def _copied(self, full: str) -> str:
        """A copy of a folder outside of the work folder, inside of it: the client exports nothing else."""
        copy = f"{self._home}/.runner-{uuid.uuid4().hex}"
        await self._ask({"task": "copy", "path": full, "target": copy})
        return copy

    async def _file(self, path: str, method: str, *arguments: object) -> Any:
        try:
            return await self.call(f"{path!r} cannot be used", method, *arguments)
        except (FileMissing, IsADirectory, NotADirectory, FileExists) as exc:
            raise type(exc)(exc.message.partition(": ")[2] or exc.message, exc.hint) from exc

    async def _ask(self, request: dict[str, Any]) -> Any:
        """Let the helper program do a task with paths. Raises the errors of files."""
        text = json.dumps(request, ensure_ascii=False)
        if len(text.encode("utf-8", "surrogatepass")) > webcontainer_node.ARGUMENT:
            name = f".runner-{uuid.uuid4().hex}.json"
            await self._mount(str(request["path"]), webcontainer_tree.file_at(name, text.encode()))
            text = f"@{self._home}/{name}"
        words = ["node", "-e", webcontainer_node.PROGRAM, text]
        try:
            result = await self.execute(words, _HELPER)
        except CommandTimeout as exc:
            raise BoxFileError(f"{request['path']!r} cannot be used: the box was not done in {_HELPER:g} s") from exc
        if result.exit_code != 0 and not result.stdout:
            raise BoxFileError(f"{request['path']!r} cannot be used: {' '.join(result.stderr.split())[-300:]}")
        return webcontainer_node.answered(result.stdout, str(request["path"]))

    def _heard_port(self, event: dict[str, Any]) -> None:
        if event.get("state") == "open":
            self._ports[int(event["port"])] = str(event["url"]).rstrip("/")
        else:
            self._ports.pop(int(event["port"]), None)

    def _no_port(self, port: int) -> str:
        raise BoxError(
            f"nothing listens on port {port} of the box", "The hosted engine names a port's address once it is open."
        )

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ends_at = time.time() + seconds
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, lambda: self._lost("it ran past its time to live", crashed=False))

    def _lost(self, reason: str, *, crashed: bool = True) -> None:
        """Take note that it is gone: by itself, or because somebody ended it."""
        if self._why:
            return
        self._why, self._crashed = reason, crashed
        if self._timer is not None:
            self._timer.cancel()
        error = self._gone()
        for process in list(self._processes.values()):
            process.lost(error)
        self._processes.clear()
        for leave in self._left:
            leave()
        # Also a page that crashed, or whose engine died, holds its context in the browser until it is closed.
        self._closing = asyncio.ensure_future(self._tab.close())

    def _gone(self) -> BoxGone:
        kind = BoxCrashed if self._crashed else BoxGone
        return kind(f"the WebContainer {self._id} is gone: {self._why}", _GONE_HINT)

    def _check(self) -> None:
        if self._why:
            raise self._gone()

    def _full(self, path: str) -> str:
        if "\0" in path:
            raise RequestRefused("a path cannot hold a NUL character")
        return posixpath.normpath(posixpath.join(self._home, path))

    def _inside(self, full: str) -> bool:
        return full == self._home or full.startswith(f"{self._home}/")

    def _relative(self, full: str) -> str:
        return posixpath.relpath(full, self._home)
