"""Installations for containers, each done once: what the same files came to is kept in the user's cache folder."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgpack

from runner.embedded.webcontainer.npm import program, request, tree
from runner.embedded.webcontainer.npm.reach import Reach
from runner.embedded.webcontainer.npm.refused import Refused
from runner.embedded.webcontainer.settings import Network

_SECONDS = 300.0
_AT_ONCE = 2
_FORMAT = 1
_FRESH_SECONDS = 3600.0  # for which `install` without a lock file stays good: registries get new versions
_STALE_SECONDS = 3600.0  # after which no installation can still be going on in a folder
_MOST_BYTES = 1_500_000_000  # of the whole cache
# A browser loads no native code: packages that come in several forms are to come in the one for WebAssembly.
_ALWAYS = (
    "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--logs-max=0", "--cpu=wasm32",
    # What a package of a registry asks for is checked when it is there. An npm that knows these does not even fetch it.
    "--allow-git=none", "--allow-file=none", "--allow-directory=none",
    "--install-links=false", "--global=false", "--dry-run=false", "--color=false", "--no-progress",
)  # fmt: skip


class Installs:
    """Answers what engines post to `/__runner/npm`. `cache` is a folder of this user's."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._npm: program.Npm | None = None
        self._under_way: dict[str, asyncio.Task[bytes]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def answer(self, body: bytes, network: Network) -> bytes:
        """What a container's request comes to, as msgpack: `ok`, `stdout`, `stderr`, `exit_code`, and where npm was
        called `lock`, `package` and `tree`. With `ok` false nothing was installed, and `message` says why.
        """
        try:
            if network == "none":
                Reach(network, frozenset()).check_registry()
            if self._npm is None:
                await asyncio.to_thread(_sweep)
                self._npm = await program.find(os.environ)
            reach = Reach(network, self._npm.registries)
            wanted = request.read(body, reach)
            return await self._once(wanted, reach, self._npm)
        except Refused as error:
            return _refusal(str(error))
        except RecursionError:
            return _refusal("what is to be installed is nested too deeply")
        except OSError as error:
            return _refusal(f"the machine of this sandbox could not install: {error.strerror}")

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _once(self, wanted: request.Request, reach: Reach, npm: program.Npm) -> bytes:
        """Do what is wanted, or wait for who is doing just that."""
        key = _key(wanted, reach, npm)
        kept = await asyncio.to_thread(self._kept, key, wanted)
        if kept is not None:
            return kept
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._install(key, wanted, reach, npm))
            task.add_done_callback(lambda done: self._is_done(key, done))
        return await asyncio.shield(task)

    def _is_done(self, key: str, task: asyncio.Task[bytes]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # asked for here: whoever wanted it may be gone

    async def _install(self, key: str, wanted: request.Request, reach: Reach, npm: program.Npm) -> bytes:
        async with self._room:
            with tempfile.TemporaryDirectory(prefix=program.PREFIX, ignore_cleanup_errors=True) as name:
                folder = Path(name) / "project"
                folder.mkdir()
                for file, text in wanted.files.items():
                    (folder / file).write_text(text)
                words = [wanted.command, *_ALWAYS, *wanted.args]
                outcome = await npm.call(words, folder, self._cache / "fetched", _SECONDS)
                warnings = "".join(f"npm warn {each}\n" for each in wanted.warnings)
                said = {"stdout": outcome.stdout, "stderr": warnings + outcome.stderr, "exit_code": outcome.exit_code}
                data = await asyncio.to_thread(_answered, folder, said, reach)
                if outcome.exit_code == 0:
                    await asyncio.to_thread(self._keep, key, data)
                return data

    def _kept(self, key: str, wanted: request.Request) -> bytes | None:
        path = self._cache / "answers" / key
        try:
            age = time.time() - path.stat().st_mtime
            if wanted.command == "install" and age > _FRESH_SECONDS:
                return None
            return path.read_bytes()
        except OSError:
            return None

    def _keep(self, key: str, data: bytes) -> None:
        """Keep an answer; a cache that cannot be written is no cache. The oldest go when it is too large."""
        folder = self._cache / "answers"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as draft:
                draft.write(data)
            Path(draft.name).replace(folder / key)
            _make_room(folder)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where installations are kept: `runner/npm` in the user's cache folder.

    It is never among the temporary files: there anybody could have laid answers ready for us.
    """
    base = environ.get("XDG_CACHE_HOME") or ""
    if not Path(base).is_absolute():
        base = str(Path(environ.get("HOME") or "~").expanduser() / ".cache")
    return Path(base, "runner", "npm")


def _sweep() -> None:
    """Remove the temporary folders of installations whose runner was killed in the middle."""
    for each in Path(tempfile.gettempdir()).glob(f"{program.PREFIX}*"):
        with contextlib.suppress(OSError):
            about = each.lstat()
            if about.st_uid == os.getuid() and time.time() - about.st_mtime > _STALE_SECONDS:
                shutil.rmtree(each, ignore_errors=True)


def _key(wanted: request.Request, reach: Reach, npm: program.Npm) -> str:
    """What decides what an installation comes to, and who may have it."""
    parts = [_FORMAT, npm.version, npm.settings, sorted(npm.registries), wanted.command, wanted.args, reach.network]
    text = json.dumps([*parts, sorted(wanted.files.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def _answered(folder: Path, said: Mapping[str, object], reach: Reach) -> bytes:
    """The answer with what npm has made. Raises Refused when a package has brought something from elsewhere along."""
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    text = lock.read_text() if lock.is_file() else None
    for each in (text, _text(modules / ".package-lock.json")):
        request.check_lock(each or "{}", reach)
    package = _text(folder / "package.json") or "{}"
    contents = {"node_modules": tree.of(modules)} if modules.is_dir() else {}
    return _packed({"ok": True, **said, "lock": text, "package": package, "tree": {"d": contents}})


def _text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _make_room(folder: Path) -> None:
    found = []
    for each in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # other processes keep and make room here too
            found.append((each.stat(), each))
    files = sorted(found, key=lambda pair: pair[0].st_mtime)
    total = sum(about.st_size for about, _ in files)
    for about, path in files[:-1]:
        if total <= _MOST_BYTES:
            break
        path.unlink(missing_ok=True)
        total -= about.st_size


def _refusal(why: str) -> bytes:
    return _packed({"ok": False, "message": why, "stdout": "", "stderr": f"npm error {why}\n", "exit_code": 1})


def _packed(value: dict[str, Any]) -> bytes:
    data: bytes = msgpack.packb(value)
    return data
