"""E2B boxes through the vendor's own SDK: the hosted service, or the embedded endpoint that speaks its protocol.

There is one code path for both; only the addresses differ. This is the one file that knows the SDK, and it loads
it on first use, in a thread: the import takes about a second.

Choices made here, from the SDK's behaviour (e2b 2.63):

- A command always runs in the background with `timeout=0`, and its time is kept here: the SDK's own timeout only
  ends the stream and may leave the processes running. On timeout or cancellation a script in the
  box kills the command's whole tree (runner.sandbox.tree) before anything is raised.
- While a command runs, the box is asked every 10 s whether it lives: a broken network never hangs a run.
- Control calls are repeated by the SDK twice (429, 502, 503, 504), with an idempotency key for `create`.
- A call that fails as "invalid argument" says little; what is at the path says whether it is a folder or a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import posixpath
import shlex
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from runner.errors import (
    BoxDiskFull,
    BoxError,
    BoxFileError,
    BoxGone,
    CredentialRefused,
    FileExists,
    FileMissing,
    IsADirectory,
    NotADirectory,
    RequestRefused,
    SandboxMissing,
)
from runner.records import dataclass
from runner.run.ports import BoxInfo, BoxMetrics, BoxRequest, Command, CommandResult, Desktop, FileInfo, OnOutput
from runner.sandbox import snapshot, tree
from runner.sandbox.calls import finished, to_its_end
from runner.sandbox.e2b_errors import translated
from runner.sandbox.e2b_process import GUARD, E2BProcess, outcome
from runner.sandbox.keeping import Keeping, wrapped

if TYPE_CHECKING:
    from e2b import AsyncSandbox, EntryInfo, SandboxInfo

HOME = "/home/user"
DOMAIN = "e2b.app"
_PROVIDER = "e2b"
_RETRIES = 2
_REQUEST_TIMEOUT = 30.0
_TRANSFER_RATE = 500_000  # bytes per second below which an upload is given up
_CLEANUP = 30.0
#: Where boxes keep commands that outlive this process.
_KEPT = "/tmp/.runner-kept"  # noqa: S108 - of the box
#: Metadata by which a box is found again when its maker was cancelled before it heard the id.
_TAG = "runner-create"


class E2BSandbox:
    """`Sandbox` of runner.run.ports on the E2B protocol.

    Without addresses it is the hosted service. `api_url` and `sandbox_url` lead to another endpoint on plain HTTP or
    HTTPS; `domain` names another hosted installation. `template` is the template of boxes that ask for none;
    `provider` is the name to go by, where a run has several endpoints.
    """

    def __init__(
        self,
        api_key: str,
        api_url: str | None = None,
        sandbox_url: str | None = None,
        domain: str | None = None,
        template: str | None = None,
        provider: str = _PROVIDER,
    ) -> None:
        self._api_key, self._template = api_key, template
        self._known = _Known(api_key, sandbox_url, provider, lasting=True)
        self._where = api_url or f"https://api.{domain or DOMAIN}"
        self._options: dict[str, Any] = {
            "api_key": api_key,
            "domain": domain or DOMAIN,
            "api_url": self._where,
            "sandbox_url": sandbox_url,
            "debug": False,
            "retries": _RETRIES,
            "request_timeout": _REQUEST_TIMEOUT,
        }
        self._bound: type[AsyncSandbox] | None = None

    def passing(self) -> E2BSandbox:
        """The same, of an endpoint that ends with this process and takes its boxes along: they keep nothing."""
        self._known = replace(self._known, lasting=False)
        return self

    @property
    def provider(self) -> str:
        return self._known.provider

    async def create(self, request: BoxRequest) -> E2BBox:
        sdk = await self._sdk()
        tag = uuid.uuid4().hex
        desktop = bool(request.needs.get("desktop"))
        template = request.needs.get("template") or ("desktop" if desktop else self._template)
        wanted: dict[str, Any] = {
            "template": template if isinstance(template, str) else None,
            "timeout": math.ceil(request.timeout),
            "metadata": {**request.labels, _TAG: tag},
            "envs": dict(request.env),
            **_network(request.needs.get("network")),
        }
        if desktop:
            return await self._with_desktop(sdk, wanted)
        call = sdk.create(idempotency_key=tag, **wanted)
        with self._errors("cannot make a box"):
            made = await finished(call, lambda sandbox: sandbox.kill())
        return E2BBox(made, self._known)

    async def _with_desktop(self, sdk: type[AsyncSandbox], wanted: dict[str, Any]) -> E2BBox:
        from runner.sandbox import desktop

        call = asyncio.to_thread(desktop.create, self._options, wanted)
        with self._errors("cannot make a box with a desktop"):
            box_id, opened = await finished(call, lambda made: sdk.kill(made[0]))
            made = await finished(sdk.connect(box_id), lambda sandbox: sandbox.kill())
        return E2BBox(made, self._known, opened)

    async def connect(self, box_id: str) -> E2BBox:
        sdk = await self._sdk()
        with self._errors(f"cannot connect to the box {box_id}"):
            made = await sdk.connect(box_id)
        return E2BBox(made, self._known)

    async def list(self, labels: Mapping[str, str]) -> list[BoxInfo]:
        sdk = await self._sdk()
        from e2b import SandboxQuery, SandboxState

        found: list[BoxInfo] = []
        with self._errors("cannot list boxes"):
            # A paused one is somebody's too: it lives as soon as it is connected to.
            states = [SandboxState.RUNNING, SandboxState.PAUSED]
            pages = sdk.list(SandboxQuery(metadata=dict(labels) or None, state=states))
            while pages.has_next:
                found += [_box_info(info, self._known.provider) for info in await pages.next_items()]
        # The service matches metadata by its own rules; exact equality is ours.
        return [info for info in found if labels.items() <= info.labels.items()]

    async def close(self) -> None:
        """Nothing to do: the SDK's connections belong to the process and are shared by all its objects."""

    async def warm(self) -> None:
        """Load the SDK now, while something else is waited for. Raises CredentialRefused, SandboxMissing."""
        await self._sdk()

    async def _sdk(self) -> type[AsyncSandbox]:
        if not self._api_key:
            # The SDK would look into the environment instead.
            raise CredentialRefused("there is no E2B API key", "Set E2B_API_KEY, or use the embedded endpoint.")
        if self._bound is None:
            self._bound = await asyncio.to_thread(self._bind)
        return self._bound

    def _bind(self) -> type[AsyncSandbox]:
        try:
            from e2b import E2B
        except ImportError as exc:
            raise SandboxMissing("the E2B SDK is not installed", "Install it: pip install 'runner[e2b]'") from exc
        return E2B(**self._options).AsyncSandbox

    def _errors(self, what: str) -> contextlib.AbstractContextManager[None]:
        return translated(f"E2B at {self._where}: {what}", (self._api_key,))


@dataclass(frozen=True, slots=True)
class _Known:
    """What all boxes of an endpoint have in common. Those that are `lasting` outlive this process."""

    api_key: str
    sandbox_url: str | None
    provider: str
    lasting: bool


class E2BBox:
    """`Box` of runner.run.ports on one sandbox of the SDK, and `Keeper` of runner.run.rejoin."""

    def __init__(self, sdk: AsyncSandbox, known: _Known, desktop: Desktop | None = None) -> None:
        self._sdk, self._known, self._desktop = sdk, known, desktop
        self._keeping, self._outliving = Keeping(self, _KEPT), set[str]()
        self._secrets = (
            known.api_key,
            sdk.connection_config.sandbox_headers.get("X-Access-Token", ""),
            sdk.traffic_access_token or "",
        )

    @property
    def id(self) -> str:
        return self._sdk.sandbox_id

    @property
    def provider(self) -> str:
        return self._known.provider

    @property
    def keeping(self) -> Keeping | None:
        """Where the box outlives this process: its commands that do."""
        return self._keeping if self._known.lasting else None

    @property
    def home(self) -> str:
        return HOME

    @property
    def desktop(self) -> Desktop | None:
        return self._desktop

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        process = await self._launch(command, on_output, interactive=False)
        return await to_its_end(process)

    async def start(self, command: Command, on_output: OnOutput | None = None) -> E2BProcess:
        return await self._launch(command, on_output, interactive=True)

    async def read(self, path: str) -> bytes:
        async with self._file(path) as full:
            stream = await self._sdk.files.read(full, format="stream")
            async with stream:
                return b"".join([piece async for piece in stream])

    async def write(self, path: str, data: bytes) -> None:
        limit = _REQUEST_TIMEOUT + len(data) / _TRANSFER_RATE
        async with self._file(path) as full:
            await self._sdk.files.write(full, data, request_timeout=limit, use_octet_stream=True)

    async def list(self, path: str) -> list[FileInfo]:
        async with self._file(path) as full:
            entries = await self._sdk.files.list(full)
        return sorted((_file_info(entry) for entry in entries), key=lambda info: info.name)

    async def stat(self, path: str) -> FileInfo:
        async with self._file(path) as full:
            return _file_info(await self._sdk.files.get_info(full))

    async def mkdir(self, path: str) -> None:
        async with self._file(path) as full:
            # "Exists already" is also said of a file that is in the way.
            if (
                not await self._sdk.files.make_dir(full)
                and _file_info(await self._sdk.files.get_info(full)).kind == "file"
            ):
                raise NotADirectory(f"{path!r} is a file, not a folder")

    async def move(self, source: str, target: str) -> None:
        async with self._file(source) as old:
            await self._sdk.files.rename(old, self._full(target))

    async def remove(self, path: str) -> None:
        async with self._file(path) as full:
            # The vendor's agent says nothing of a path that is not there.
            await self._sdk.files.get_info(full)
            await self._sdk.files.remove(full)

    async def export_tar(self, path: str) -> bytes:
        full = self._full(path)
        name = f".runner-{uuid.uuid4().hex}.tar"
        file = f"/tmp/{name}"  # noqa: S108 - in the box
        folder, archive = shlex.quote(full), shlex.quote(file)
        try:
            # 1 means that a file changed while it was read: its newest state is as good.
            await self._tar(path, f"cd -- {folder} || exit 90; tar -cf {archive} . || [ $? = 1 ]")
            return await asyncio.to_thread(snapshot.normalise, await self.read(file), name)
        finally:
            with contextlib.suppress(BoxError):
                await self.remove(file)

    async def import_tar(self, path: str, tar: bytes) -> None:
        await asyncio.to_thread(snapshot.check, tar)
        full = self._full(path)
        file = f"/tmp/.runner-{uuid.uuid4().hex}.tar"  # noqa: S108 - in the box
        await self.mkdir(full)
        await self.write(file, tar)
        folder, archive = shlex.quote(full), shlex.quote(file)
        try:
            await self._tar(path, f"cd -- {folder} || exit 90; tar -xpf {archive} --no-same-owner")
        finally:
            with contextlib.suppress(BoxError):
                await self.remove(file)

    async def url(self, port: int) -> str:
        if not await self.lives():
            raise BoxGone(f"the box {self.id} is gone: it was killed or ran past its time")
        if (url := self._known.sandbox_url) is None:
            return f"https://{self._sdk.get_host(port)}"
        # One address serves all boxes, and a plain HTTP client cannot be asked to send the SDK's routing headers:
        # the embedded endpoint takes the box and the port from the path.
        return f"{url.rstrip('/')}/box/{self.id}/{port}"

    async def desktop_url(self) -> str:
        from runner.sandbox import desktop

        port, path = desktop.stream(await self.read(desktop.NOTE))
        return await self.url(port) + path

    async def info(self) -> BoxInfo:
        with self.errors("cannot be asked about"):
            return _box_info(await self._sdk.get_info(), self.provider)

    async def metrics(self) -> BoxMetrics | None:
        with self.errors("has no metrics"):
            samples = await self._sdk.get_metrics()
        if not samples:
            return None
        newest = max(samples, key=lambda sample: sample.timestamp)
        return BoxMetrics(
            ts=_unix(newest.timestamp),
            # The service counts all CPUs together as 100.
            cpu_percent=newest.cpu_used_pct * max(1, newest.cpu_count),
            memory_bytes=newest.mem_used,
            disk_bytes=newest.disk_used,
        )

    async def set_timeout(self, seconds: float) -> None:
        with self.errors("cannot get another time to live"):
            await self._sdk.set_timeout(math.ceil(seconds))

    async def kill(self) -> bool:
        with self.errors("cannot be freed"):
            return await self._sdk.kill()

    async def lives(self) -> bool:
        """Whether the box answers; False when the provider says that it is gone. Raises ProviderOffline, BoxGone."""
        with self.errors("does not answer"):
            return await self._sdk.is_running(request_timeout=GUARD)

    async def kill_tree(self, command_id: str, root: int, name: str = "SIGKILL") -> bool:
        """Signal the tree of a command; False when nobody was left. Raises BoxGone, ProviderOffline."""
        if self._keeping.is_let_go and command_id in self._outliving:
            return False
        script = tree.script(command_id, root, name)
        if name != "SIGKILL":
            return (await self._plain(script)).exit_code != 1
        try:
            result = await self._plain(script)
        except RequestRefused:
            # The box has no room for another process; the agent needs none to end the command.
            await self._end(root)
            result = await self._plain(script)
        # The agent knows of this command what no search does once its shell has gone.
        await self._end(root)
        return result.exit_code != 1

    async def _end(self, root: int) -> None:
        with self.errors("cannot end the command"):
            await self._sdk.commands.kill(root)

    def errors(self, what: str) -> contextlib.AbstractContextManager[None]:
        """The translation of what the SDK raises about this box."""
        return translated(f"the box {self.id} {what}", self._secrets)

    async def _launch(self, command: Command, on_output: OnOutput | None, *, interactive: bool) -> E2BProcess:
        command_id, text = uuid.uuid4().hex, command.text
        if command.keep and (keeping := self.keeping) is not None:
            command_id, text = command.keep, wrapped(text, keeping.folder(command.keep))
            self._outliving.add(command_id)
        hear = on_output or (lambda _stream, _text: None)
        cwd = HOME if command.cwd is None else self._full(command.cwd)
        call = self._sdk.commands.run(
            text,
            background=True,
            envs={**command.env, tree.MARK: command_id},
            cwd=cwd,
            on_stdout=lambda text: hear("stdout", text),
            on_stderr=lambda text: hear("stderr", text),
            stdin=interactive or command.stdin is not None,
            timeout=0,
        )
        try:
            with self.errors("cannot start the command"):
                handle = await finished(call, lambda handle: self.kill_tree(command_id, handle.pid))
        except RequestRefused as exc:
            missing = FileMissing(f"the working folder {cwd!r} does not exist", "Make it in a step before this one.")
            raise await self._why(cwd, missing, exc) from exc.__cause__
        return E2BProcess(self, handle, command, command_id)

    async def _plain(self, text: str) -> CommandResult:
        """Run a helper's command: no mark, no guard, a short time."""
        with self.errors("cannot run a helper command"):
            handle = await self._sdk.commands.run(text, background=True, timeout=_CLEANUP)
            return await outcome(handle)

    async def _tar(self, path: str, text: str) -> None:
        result = await self.run(Command(text, timeout=None))
        said = " ".join(result.stderr.split())[-300:]
        if result.exit_code == 90:
            if (await self.stat(path)).kind == "dir":
                raise BoxFileError(f"{path!r} cannot be entered: {said}")
            raise NotADirectory(f"{path!r} is not a folder")
        if "No space left" in said:
            raise BoxDiskFull(f"no space left in the box for {path!r}", "Write less, or ask for a larger disk.")
        if result.exit_code != 0 and any(word in said for word in ("exists", "Is a directory", "Not a directory")):
            raise FileExists(f"the archive cannot be unpacked over what is at {path!r}: {said}")
        if result.exit_code != 0:
            raise BoxFileError(f"tar failed for {path!r} with exit code {result.exit_code}: {said}")

    def _full(self, path: str) -> str:
        if "\0" in path:
            raise RequestRefused("a path cannot hold a NUL character")
        return posixpath.normpath(posixpath.join(HOME, path))

    @asynccontextmanager
    async def _file(self, path: str) -> AsyncIterator[str]:
        """The absolute path; what fails inside becomes a BoxFileError where the path is to blame."""
        full = self._full(path)
        try:
            with self.errors(f"cannot use {path!r}"):
                yield full
        except RequestRefused as exc:
            raise await self._why(full, exc, exc) from exc.__cause__

    async def _why(self, full: str, missing: BoxError, other: BoxError) -> BoxError:
        """What is wrong with a path for which the agent only said "invalid": `missing` when nothing is there
        and nothing is in the way, `other` when the path is not to blame.
        """
        place = full
        while (entry := await self._entry(place)) is None and place != "/":
            place = posixpath.dirname(place)
        kind = None if entry is None else entry.kind
        if kind == "file":
            return NotADirectory(f"{place!r} is a file, not a folder")
        if place != full:
            return missing
        return IsADirectory(f"{place!r} is a folder") if kind == "dir" and missing is other else other

    async def _entry(self, full: str) -> FileInfo | None:
        try:
            with self.errors(f"cannot look at {full!r}"):
                return _file_info(await self._sdk.files.get_info(full))
        except (FileMissing, RequestRefused):
            return None


def _network(wanted: object) -> dict[str, Any]:
    """A need for a network as options of `create`. None is asked for unless the need says otherwise, as the language
    promises; the service's own default is everything.
    """
    allow = wanted.get("allow") if isinstance(wanted, dict) else wanted
    if allow == "*":
        return {}
    if isinstance(allow, list) and allow:
        return {"network": {"allow_out": [str(host) for host in allow], "deny_out": ["0.0.0.0/0"]}}
    return {"allow_internet_access": False}


def _box_info(info: SandboxInfo, provider: str) -> BoxInfo:
    return BoxInfo(
        id=info.sandbox_id,
        provider=provider,
        labels={name: value for name, value in info.metadata.items() if name != _TAG},
        started_at=_unix(info.started_at),
        ends_at=_unix(info.end_at),
        cpu=info.cpu_count,
        memory_mb=info.memory_mb,
    )


def _file_info(entry: EntryInfo) -> FileInfo:
    kinds: dict[str, Literal["file", "dir", "symlink"]] = {"file": "file", "dir": "dir", "symlink": "symlink"}
    return FileInfo(
        name=entry.name,
        path=entry.path,
        kind=kinds.get(entry.type.value, "other") if entry.type else "other",
        size=entry.size,
        mode=entry.mode & 0o7777,
        mtime=_unix(entry.modified_time),
    )


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
