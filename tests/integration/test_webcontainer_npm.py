"""Installations for containers by the npm of this machine."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from runner.embedded.webcontainer.npm.installs import Installs

pytestmark = pytest.mark.integration


def test_what_is_installed_can_be_installed_again_from_its_lock_file(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    if shutil.which("npm") is None:
        missing("npm is not installed: apt-get install npm")

    async def ask(command: str, files: dict[str, str], *args: str) -> dict[str, Any]:
        installs = Installs(tmp_path / "cache")
        wish = json.dumps({"command": command, "args": args, "cwd_files": files}).encode()
        answer: dict[str, Any] = msgpack.unpackb(await installs.answer(wish, "*"))
        return answer

    async def go() -> None:
        first = await ask("install", {"package.json": '{"name": "mine"}'}, "semver@7.6.0", "--save-exact")
        if "network" in first["stderr"]:
            missing(f"npm cannot reach its registry: {first['stderr'][-200:]}")
        assert (first["ok"], first["exit_code"]) == (True, 0), first
        assert json.loads(first["package"])["dependencies"] == {"semver": "7.6.0"}
        modules = first["tree"]["d"]["node_modules"]["d"]
        assert modules[".bin"]["d"]["semver"] == {"f": {"l": "../semver/bin/semver.js"}}
        assert modules["semver"]["d"]["bin"]["d"]["semver.js"]["f"]["x"] is True
        again = await ask("ci", {"package.json": first["package"], "package-lock.json": first["lock"]})
        assert again["tree"]["d"]["node_modules"]["d"]["semver"] == modules["semver"]
        absent = await ask("install", {"package.json": "{}"}, "@runner-of-workflows/there-is-no-such-package")
        assert (absent["ok"], absent["exit_code"]) == (True, 1)
        assert "404" in absent["stderr"]
        assert str(tmp_path) not in absent["stderr"]

    asyncio.run(go())
