"""A page of somebody's own, served by vite with our plugin, boots a container on an endpoint by `WebContainerTool`."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.embedded.webcontainer import pages
from runner.embedded.webcontainer.launch import launch
from runner.embedded.webcontainer.standing import settings_for

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.integration

CONFIG = """
import { isolation } from "./vite.js";
export default { plugins: [isolation()], clearScreen: false, optimizeDeps: { noDiscovery: true } };
"""
MAIN = """
import { WebContainerTool } from "./tool.js";
const told = [];
const tool = await WebContainerTool.boot(
  { engine: location.hash.slice(1), workdirName: "mine", timeoutMs: 20000 },
  (events) => told.push(...events),
);
await tool.writeFile("hello.js", "console.log('hello from', process.cwd())");
await tool.spawn("first", { command: "node", args: ["hello.js"] });
while (!told.some((event) => event.kind === "exit")) await new Promise((resolve) => setTimeout(resolve, 20));
globalThis.told = told.filter((event) => event.kind === "output" || event.kind === "exit");
document.title = "done";
"""


@contextmanager
def vite(root: Path, folder: Path, port: int) -> Iterator[str]:
    """A development server for the folder; yields its address."""
    program = root / "web" / "node_modules" / "vite" / "bin" / "vite.js"
    process = subprocess.Popen(
        ["node", str(program), "--host", "127.0.0.1", "--port", str(port), "--strictPort"],
        cwd=folder, env={**os.environ, "NO_COLOR": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                return
        pytest.fail(f"vite did not start: {said}")
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_page_that_vite_serves_boots_a_container(
    root: Path,
    tmp_path: Path,
    missing: Callable[[str], None],
    free_port: int,
    loop: asyncio.Runner,
    browser: Browser,
) -> None:
    if not (root / "web" / "node_modules" / "vite").is_dir() or shutil.which("node") is None:
        missing("node and the packages of web/: make setup")
    for name in ("tool.js", "vite.js"):
        shutil.copy(pages.built() / "lib" / name, tmp_path)
    (tmp_path / "vite.config.mjs").write_text(CONFIG)
    (tmp_path / "main.js").write_text(MAIN)
    (tmp_path / "index.html").write_text('<!doctype html><body><script type="module" src="/main.js"></script>')

    async def told(address: str) -> object:
        async with launch(settings_for(0, [])) as endpoint:
            page = await browser.new_page()
            await page.goto(f"{address}/#{endpoint.container().engine_origin}")
            await page.wait_for_function("document.title === 'done'", timeout=30_000)
            found = await page.evaluate("globalThis.told")
            await page.context.close()
            return found

    with vite(root, tmp_path, free_port) as address:
        seen = loop.run(told(address))
    assert seen == [
        {"kind": "output", "id": "first", "data": "hello from /home/mine\n"},
        {"kind": "exit", "id": "first", "code": 0},
    ]
