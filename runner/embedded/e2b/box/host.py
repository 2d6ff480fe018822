"""What the vendor's agent says of its machine and lets be set: `/health`, `/metrics`, `/envs`, `/init`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from . import tree, users
from .commands import Commands
from .connect import CallError, Message, decode
from .http1 import Exchange

_MIB = 1024 * 1024
#: Where programs find what box they are in, also those that started without the environment of commands.
_TOLD = Path("/run/e2b")
_TELLING = ("E2B_SANDBOX", "E2B_SANDBOX_ID", "E2B_TEMPLATE_ID")


class Host:
    """The box as a machine."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._before = (time.monotonic(), 0.0)

    async def health(self, exchange: Exchange) -> None:
        """Say that the box lives."""
        await exchange.reply(204)

    async def metrics(self, exchange: Exchange) -> None:
        """CPU seconds used so far by all that ever ran here and percent since the last look, bytes resident now and
        there are, bytes of files in home and tmp and there may be.
        """
        table = tree.processes()
        spent = sum(entry.ticks for entry in table) / os.sysconf("SC_CLK_TCK")
        used = sum(entry.pages for entry in table) * os.sysconf("SC_PAGESIZE")
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
        disk = await asyncio.to_thread(lambda: _usage("/home/user") + _usage("/tmp"))  # noqa: S108 - the box's own
        space = os.statvfs("/home/user")
        (then, before), now = self._before, time.monotonic()
        self._before = (now, spent)
        await exchange.json(
            200,
            {
                "ts": time.time(),
                "cpu_count": os.cpu_count() or 1,
                "cpu_seconds": spent,
                "cpu_used_pct": round(100 * max(0.0, spent - before) / max(0.001, now - then), 2),
                "mem_used": used,
                "mem_total": total,
                "mem_used_mib": used // _MIB,
                "mem_total_mib": total // _MIB,
                "disk_used": disk,
                "disk_total": space.f_blocks * space.f_frsize,
            },
        )

    async def environment(self, exchange: Exchange) -> None:
        """The environment that every command gets."""
        await exchange.json(200, self._commands.environment)

    async def init(self, exchange: Exchange) -> None:
        """Set what commands get from now on: environment, default user and folder. Raises CallError.

        The access token is the edge's affair and is not changed.
        """
        settings = decode(await exchange.body.read(_MIB))
        added = settings.get("envVars") or {}
        if not isinstance(added, dict) or not all(isinstance(value, str) for value in added.values()):
            raise CallError("invalid_argument", "envVars must map names to strings")
        settle(settings)
        self._commands.environment.update(added)
        await exchange.reply(204)


def tell(environment: Mapping[str, str]) -> None:
    """Write into files what box this is, as the vendor's agent does: `/run/e2b/.E2B_SANDBOX_ID` and the like."""
    with suppress(OSError):  # a volume may be mounted there
        _TOLD.mkdir(mode=0o755, exist_ok=True)
        for name in _TELLING:
            (_TOLD / f".{name}").write_text(environment.get(name, ""))


def settle(settings: Message) -> None:
    """Take over the default user and folder. Raises CallError."""
    user, workdir = settings.get("defaultUser"), settings.get("defaultWorkdir")
    for value in (user, workdir):
        if value is not None and (not isinstance(value, str) or "\0" in value):
            raise CallError("invalid_argument", f"{value!r} is neither a user nor a folder")
    users.defaults.user = user or users.defaults.user
    users.defaults.workdir = workdir or users.defaults.workdir


def _usage(folder: str) -> int:
    total, todo = 0, [folder]
    while todo:  # not os.walk, which recurses: a box may make folders of any depth
        with suppress(OSError), os.scandir(todo.pop()) as found:  # it may go away while we look
            for each in found:
                if each.is_dir(follow_symlinks=False):
                    todo.append(each.path)
                else:
                    total += each.stat(follow_symlinks=False).st_blocks * 512
    return total
