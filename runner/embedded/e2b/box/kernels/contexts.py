"""Contexts: kernels with a name, a language and a folder, one of them the default of its language."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from . import jupyter
from .kernel import Kernel, KernelFailed
from .node import NodeKernel
from .results import Line

HOME = "/home/user"
_ALIASES = {"js": "javascript", "ts": "typescript", "sh": "bash", "py": "python"}
#: Seconds that a kernel has to break off before it is started anew.
_INTERRUPT_SECONDS = 5.0


class NoContext(Exception):
    """A context that cannot be made; the text is what the client sees."""


def languages() -> dict[str, Callable[[str], Kernel]]:
    """What makes a kernel, for each language that this box has."""
    environment = dict(os.environ)
    programs = Path(__file__).parent
    found: dict[str, Callable[[str], Kernel]] = {
        "python": lambda cwd: jupyter.python(str(programs / "python_kernel.py"), cwd, environment, sys.executable),
        "bash": lambda cwd: jupyter.bash(str(programs / "quick_bash.py"), cwd, environment, sys.executable),
    }
    node = shutil.which("node")
    if node is not None:
        program: str = node
        found["javascript"] = found["typescript"] = lambda cwd: NodeKernel(program, cwd, environment)
    return found


class Context:
    """A kernel by name. It starts on first use, or when `warm` is called, and anew after it has died."""

    def __init__(self, language: str, cwd: str, make: Callable[[str], Kernel]) -> None:
        self.id = str(uuid.uuid4())
        self.language = language
        self.cwd = cwd
        self._make = make
        self._kernel = self._made()
        self._turn = asyncio.Lock()
        self._starting: asyncio.Future[None] | None = None

    def _made(self) -> Kernel:
        return self._make(self.cwd if Path(self.cwd).is_dir() else HOME)

    def as_json(self) -> dict[str, str]:
        """As the vendor writes it."""
        return {"id": self.id, "language": self.language, "cwd": self.cwd}

    async def warm(self) -> None:
        """Start the kernel, or wait until it has started. Raises KernelFailed."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._kernel.start())
        await asyncio.shield(self._starting)

    async def run(self, code: str, env: Mapping[str, str]) -> AsyncGenerator[Line, None]:
        """Run code when those before it are done. Left early, it interrupts the kernel. Raises KernelFailed."""
        async with self._turn:
            if self._starting is not None and self._starting.done() and not self._kernel.alive:
                await self._renew()
            await self.warm()
            kernel = self._kernel
            if env:
                await kernel.set_environment(env, [])
            lines: asyncio.Queue[Line | None] = asyncio.Queue()
            # In a task of its own: who listens may be cancelled, and the kernel's answer must be read to its end.
            work = asyncio.ensure_future(_into(lines, kernel.execute(code)))
            try:
                while (line := await lines.get()) is not None:
                    yield line
            finally:
                if not work.done():
                    await asyncio.shield(self._break_off(kernel, work))
                if env and kernel is self._kernel and kernel.alive:
                    before = {name: os.environ[name] for name in env if name in os.environ}
                    await asyncio.shield(kernel.set_environment(before, [name for name in env if name not in before]))

    async def _break_off(self, kernel: Kernel, work: asyncio.Future[None]) -> None:
        kernel.interrupt()
        await asyncio.wait({work}, timeout=_INTERRUPT_SECONDS)
        if not work.done():
            work.cancel()
            if kernel is self._kernel:
                await self._renew()

    async def restart(self) -> None:
        """Forget all state; what runs ends with an error."""
        await self._renew()
        await self.warm()

    async def _renew(self) -> None:
        old, self._kernel, self._starting = self._kernel, self._made(), None
        await old.stop()

    async def stop(self) -> None:
        """End it."""
        if self._starting is not None:
            with suppress(KernelFailed):
                await asyncio.shield(self._starting)
        await self._kernel.stop()


class Contexts:
    """All contexts of the box."""

    def __init__(self) -> None:
        self._languages = languages()
        self._all: dict[str, Context] = {}
        self._defaults: dict[str, str] = {}
        for name in ("python", "javascript"):
            if name in self._languages:
                self._default(name)

    def all(self) -> list[Context]:
        """All of them, the oldest first."""
        return list(self._all.values())

    def get(self, name: str) -> Context | None:
        """The context of this id."""
        return self._all.get(name)

    def default(self, language: str | None) -> Context:
        """The default context of a language. Raises NoContext."""
        return self._default(_named(language))

    def _default(self, language: str) -> Context:
        found = self._all.get(self._defaults.get(language, ""))
        if found is None:
            found = self._add(language, HOME)
            self._defaults[language] = found.id
        return found

    async def create(self, language: str | None, cwd: str) -> Context:
        """Make a context and start its kernel. Raises NoContext."""
        plain = _named(language)
        # As at the vendor's: Python says nothing of a folder that is not there, and stays in the home folder.
        if plain != "python" and not await asyncio.to_thread(Path(cwd).is_dir):
            raise NoContext("Failed to set working directory")
        context = self._add(plain, cwd)
        try:
            await context.warm()
        except KernelFailed as error:
            del self._all[context.id]
            raise NoContext(f"Failed to create context: {error}") from error
        return context

    def _add(self, language: str, cwd: str) -> Context:
        make = self._languages.get(language)
        if make is None:
            known = ", ".join(sorted(self._languages))
            raise NoContext(f"Failed to create context: no kernel for {language!r}; this box has {known}")
        context = Context(language, cwd, make)
        self._all[context.id] = context
        return context

    async def remove(self, context: Context) -> None:
        """End a context."""
        del self._all[context.id]
        await context.stop()


async def _into(lines: asyncio.Queue[Line | None], said: AsyncIterator[Line]) -> None:
    try:
        async for line in said:
            lines.put_nowait(line)
    finally:
        lines.put_nowait(None)


def _named(language: str | None) -> str:
    plain = (language or "python").lower().strip()
    return _ALIASES.get(plain, plain)
