"""A snapshot goes from a WebContainer to a box of E2B's and back: the same bytes, so the same tree."""

from __future__ import annotations

import asyncio
import io
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from runner.run.ports import BoxRequest, Command
from runner.sandbox.e2b import E2BSandbox
from runner.sandbox.webcontainer import WebContainerSandbox

if TYPE_CHECKING:
    from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration

#: Names, modes, times, bytes and links that a careless way would change.
MAKE = """
const fs = require('fs');
fs.mkdirSync('tree/deep/er', { recursive: true });
fs.mkdirSync('tree/empty');
fs.writeFileSync('tree/grüße.txt', 'hallo\\n');
fs.writeFileSync('tree/deep/bytes.bin', Buffer.from([0, 255, 10, 13, 128]));
fs.writeFileSync('tree/deep/er/run.sh', '#!/bin/sh\\necho ran\\n');
fs.writeFileSync('tree/none', '');
fs.chmodSync('tree/deep/er/run.sh', 0o750);
fs.chmodSync('tree/none', 0o600);
fs.symlinkSync('deep/er/run.sh', 'tree/link');
fs.symlinkSync('../nowhere', 'tree/deep/dangling');
for (const name of ['grüße.txt', 'deep/bytes.bin', 'deep/er/run.sh', 'none', 'empty', 'deep/er', 'deep']) {
  fs.utimesSync('tree/' + name, 1700000000, 1700000000 + name.length);
}
"""


def members(tar: bytes) -> dict[str, tuple[int, int, str]]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as source:
        return {each.name: (each.mode, int(each.mtime), each.linkname) for each in source.getmembers()}


def test_a_tree_is_the_same_in_either_provider(webcontainers: Any, embedded_e2b: Endpoint) -> None:
    runner, host = webcontainers

    async def through(first: Any, second: Any) -> None:
        one, two, three = [await provider.create(BoxRequest(timeout=120)) for provider in (first, second, first)]
        try:
            await one.write("make.js", MAKE.encode())
            done = await one.run(Command("node make.js"))
            assert done.exit_code == 0, done.stdout + done.stderr
            made = await one.export_tar("tree")
            shown = members(made)
            assert shown["deep/er/run.sh"] == (0o750, 1700000000 + len("deep/er/run.sh"), "")
            assert shown["none"][0] == 0o600
            assert (shown["link"][2], shown["deep/dangling"][2]) == ("deep/er/run.sh", "../nowhere")
            assert shown["empty"][1] == 1700000000 + len("empty")
            await two.import_tar("there", made)
            carried = await two.export_tar("there")
            assert members(carried) == shown
            assert carried == made, "the bytes too"
            ran = await two.run(Command("cd there && ./link && cat none"))
            assert (ran.exit_code, ran.stdout) == (0, "ran\n")
            await three.import_tar("back", carried)
            assert await three.export_tar("back") == made
        finally:
            await asyncio.gather(*(box.kill() for box in (one, two, three)))

    async def both_ways() -> None:
        e2b = E2BSandbox(embedded_e2b.api_key, embedded_e2b.api_url, embedded_e2b.sandbox_url)
        try:
            await through(WebContainerSandbox(host), e2b)
            await through(e2b, WebContainerSandbox(host))
        finally:
            await e2b.close()

    runner.run(both_ways())
