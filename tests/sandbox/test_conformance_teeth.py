"""The suite can fail: providers broken in one way each, and the check that says so."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from runner.run.ports import BoxRequest, Command
from runner.sandbox import fake_process, snapshot, tree
from runner.sandbox.conformance import CHECKS, Lab
from runner.sandbox.fake import FakeBox, FakeCloud, FakeSandbox

Break = Callable[[pytest.MonkeyPatch], None]


def only_the_session_dies(patch: pytest.MonkeyPatch) -> None:
    def kill(_marks: object, roots: list[int], signum: signal.Signals = signal.SIGKILL) -> bool:
        for root in roots:
            os.killpg(root, signum)
        return bool(roots)

    patch.setattr(tree, "kill", kill)


def host_environment(patch: pytest.MonkeyPatch) -> None:
    spawn = fake_process.spawn

    async def leaky(command: Command, cwd: Any, env: Any, **more: Any) -> Any:
        return await spawn(command, cwd, {**os.environ, **env}, **more)

    patch.setattr("runner.sandbox.fake.spawn", leaky)


def split_characters(patch: pytest.MonkeyPatch) -> None:
    class Careless:
        def __init__(self, errors: str) -> None: ...
        def decode(self, data: bytes, final: bool = False) -> str:
            return data.decode(errors="replace")

    patch.setattr(codecs, "getincrementaldecoder", lambda _name: Careless)


def trusting_archives(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(snapshot, "_hostile", lambda _member, _links: "")
    patch.setattr(snapshot, "_on_disk", lambda member, _folder: member if member.isfile() else None)


def unsorted(patch: pytest.MonkeyPatch) -> None:
    original = FakeBox.list

    async def backwards(self: FakeBox, path: str) -> Any:
        return (await original(self, path))[::-1]

    patch.setattr(FakeBox, "list", backwards)


def forgotten_labels(patch: pytest.MonkeyPatch) -> None:
    original = FakeSandbox.create

    async def create(self: FakeSandbox, request: BoxRequest) -> FakeBox:
        return await original(self, BoxRequest(timeout=request.timeout))

    patch.setattr(FakeSandbox, "create", create)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (only_the_session_dies, "timeout kills the tree"),
        (host_environment, "host environment"),
        (split_characters, "characters in pieces"),
        (trusting_archives, "hostile archive"),
        (unsorted, "list is sorted"),
        (forgotten_labels, "labels"),
        (forgotten_labels, "box environment"),
    ],
)
def test_a_broken_provider_is_caught(fault: Break, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (check,) = [check for check in CHECKS if check.name == name]
    cloud, ids = FakeCloud(), []
    make = FakeBox.__init__

    def remember(self: FakeBox, *given: Any) -> None:
        make(self, *given)
        ids.append(self.id)

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(FakeBox, "__init__", remember)
            fault(patch)
            try:
                with pytest.raises(AssertionError):
                    await check.run(Lab(lambda: FakeSandbox(cloud)))
            finally:
                patch.undo()
                tree.kill([f"RUNNER_BOX_ID={box}" for box in ids], [])
                await asyncio.sleep(0.1)

    asyncio.run(scenario())
    cloud.free_all()
