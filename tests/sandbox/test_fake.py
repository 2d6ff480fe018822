from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from runner.errors import BoxGone, FileMissing, NoCapacity, QuotaExhausted, RequestRefused
from runner.run.ports import BoxRequest, Command
from runner.sandbox import fake
from runner.sandbox.fake import FAULTS, FakeCloud, FakeSandbox, declared_fault


def test_it_says_loudly_that_it_isolates_nothing() -> None:
    for place in (fake, FakeSandbox):
        assert "WITHOUT" in (place.__doc__ or "")
        assert "ISOLATION" in (place.__doc__ or "")


def test_declared_faults_come_first_and_in_order() -> None:
    async def scenario() -> None:
        sandbox = FakeSandbox(faults=[declared_fault("quota_exhausted"), declared_fault("no_capacity")])
        for wanted in (QuotaExhausted, NoCapacity):
            with pytest.raises(wanted, match="declared by the test"):
                await sandbox.create(BoxRequest())
        box = await sandbox.create(BoxRequest())
        assert (await box.run(Command("echo ok"))).stdout == "ok\n"
        await sandbox.close()

    asyncio.run(scenario())


def test_every_provider_failure_can_be_declared() -> None:
    assert set(FAULTS) == {
        "quota_exhausted", "provider_blocked", "credential_refused", "no_capacity", "provider_offline",
    }  # fmt: skip
    with pytest.raises(KeyError):
        declared_fault("full_moon")


def test_it_goes_by_the_name_it_is_given_and_lists_only_its_own() -> None:
    async def scenario() -> None:
        cloud = FakeCloud()
        one, two = FakeSandbox(cloud, provider="e2b"), FakeSandbox(cloud, provider="webcontainer")
        box = await one.create(BoxRequest())
        assert (box.provider, (await box.info()).provider) == ("e2b", "e2b")
        assert await two.list({}) == []
        cloud.free_all()

    asyncio.run(scenario())


def test_closing_frees_boxes_that_nobody_else_can_reach() -> None:
    async def scenario() -> tuple[Path, int]:
        sandbox = FakeSandbox()
        box = await sandbox.create(BoxRequest())
        process = await box.start(Command("sleep 600", timeout=None))
        await sandbox.close()
        with pytest.raises(BoxGone):
            await process.wait()
        return Path(box.home), process.pid

    home, pid = asyncio.run(scenario())
    assert not home.parent.exists()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_file_calls_do_not_leave_the_box(tmp_path: Path) -> None:
    async def scenario() -> None:
        sandbox = FakeSandbox()
        box = await sandbox.create(BoxRequest())
        await box.run(Command(f"ln -s {tmp_path} door; ln -s {tmp_path}/file key"))
        (tmp_path / "file").write_text("the host's")
        for path in (f"{tmp_path}/file", "../../../../etc/passwd", "door/file", "key", "/etc"):
            with pytest.raises(RequestRefused, match="outside"):
                await box.read(path)
            with pytest.raises((RequestRefused, FileMissing)):
                await box.write(path, b"x")
        with pytest.raises(RequestRefused):
            await box.remove("door/file")
        await box.remove("door")
        await sandbox.close()

    asyncio.run(scenario())
    assert (tmp_path / "file").read_text() == "the host's"


def test_what_bash_cannot_be_given_is_refused_in_words() -> None:
    async def scenario() -> None:
        sandbox = FakeSandbox()
        box = await sandbox.create(BoxRequest())
        for command in (Command("echo \0"), Command("true", env={"A": "x" * 3_000_000})):
            with pytest.raises(RequestRefused, match="cannot be started"):
                await box.run(command)
        with pytest.raises(RequestRefused, match="NUL"):
            await box.read("a\0b")
        with pytest.raises(RequestRefused):
            await box.write("n" * 300, b"")
        await sandbox.close()

    asyncio.run(scenario())
