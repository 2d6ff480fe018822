"""The conformance suite on `e2b`: the genuine SDK against the embedded endpoint, real boxes."""

from __future__ import annotations

import asyncio
import os

import psutil
import pytest

from runner.embedded.e2b.launch import Endpoint, launch
from runner.errors import (
    BoxDiskFull,
    BoxFileError,
    BoxGone,
    CommandTimeout,
    CredentialRefused,
    FileExists,
    ProviderOffline,
    RequestRefused,
)
from runner.run.ports import BoxRequest, Command
from runner.sandbox.conformance import CHECKS, Check, Lab
from runner.sandbox.conformance.commands import until_exists
from runner.sandbox.e2b import E2BSandbox

pytestmark = pytest.mark.integration


@pytest.fixture
def lab(embedded_e2b: Endpoint) -> Lab:
    return Lab(lambda: E2BSandbox(embedded_e2b.api_key, embedded_e2b.api_url, embedded_e2b.sandbox_url))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_e2b_behaves_as_a_provider(check: Check, lab: Lab) -> None:
    asyncio.run(check.run(lab))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_e2b_behaves_as_a_provider_when_reached_as_the_hosted_service_is(check: Check, named_e2b: Endpoint) -> None:
    asyncio.run(check.run(Lab(lambda: E2BSandbox(named_e2b.api_key, domain=named_e2b.domain))))


def test_no_process_of_a_box_shows_the_hosts_environment(lab: Lab) -> None:
    async def scenario() -> str:
        async with lab.box() as box:
            return (await box.run(Command("cat /proc/[0-9]*/environ | tr '\\0' '\\n'"))).stdout

    seen = set(asyncio.run(scenario()).splitlines())
    common = ("PATH=", "HOME=", "LANG=", "LC_ALL=", "USER=", "LOGNAME=", "SHELL=", "TERM=", "PWD=", "SHLVL=", "_=")
    assert (
        seen & {f"{name}={value}" for name, value in os.environ.items() if not f"{name}=".startswith(common)} == set()
    )


@pytest.mark.parametrize("shell", ["sleep 600", "true"], ids=["shell lives", "shell is gone"])
def test_a_timeout_finds_who_has_left_session_parent_and_environment(lab: Lab, shell: str) -> None:
    """The second has only the command's output, which it keeps open, in common with it."""

    async def scenario() -> str:
        async with lab.box() as box:
            hide = "env -i setsid bash -c 'sleep 4005 & sleep 0.1'"
            with pytest.raises(CommandTimeout):
                await box.run(Command(f"{hide}; {shell}", timeout=2))
            return (await box.run(Command("ps -eo args"))).stdout

    seen = asyncio.run(scenario())
    assert "COMMAND" in seen
    assert "sleep 4005" not in seen


def test_a_command_that_takes_all_processes_of_its_box_ends_in_time(lab: Lab) -> None:
    few = "import resource; resource.prlimit(1, resource.RLIMIT_NPROC, (40, 40))"
    many = "for i in $(seq 60); do sleep 600 & done 2>/dev/null; sleep 600"

    async def scenario() -> None:
        async with lab.box() as box, lab.box() as other:
            await box.run(Command(f"python3 -c '{few}'"))
            with pytest.raises(CommandTimeout):
                await box.run(Command(many, timeout=3))
            assert (await other.run(Command("echo other"))).stdout == "other\n"
            assert (await box.run(Command("echo usable; pgrep -c sleep"))).stdout == "usable\n0\n"

    asyncio.run(scenario())


def test_an_endpoint_that_is_killed_ends_its_commands_promptly() -> None:
    async def scenario() -> None:
        before = {child.pid for child in psutil.Process().children()}
        async with launch() as own:
            (pid,) = {child.pid for child in psutil.Process().children()} - before
            sandbox = E2BSandbox(own.api_key, own.api_url, own.sandbox_url)
            box = await sandbox.create(BoxRequest(timeout=300))
            running = asyncio.create_task(box.run(Command("touch ready; sleep 600", timeout=None)))
            await until_exists(box, "ready")
            psutil.Process(pid).kill()
            with pytest.raises((BoxGone, ProviderOffline)):
                await running
            with pytest.raises(ProviderOffline):
                await sandbox.create(BoxRequest())

    asyncio.run(scenario())


def test_a_cancelled_create_leaves_no_box(lab: Lab) -> None:
    async def scenario() -> None:
        async with lab.sandbox() as sandbox:
            labels = {"test": "cancelled create"}
            for wait in (0.0, 0.005, 0.05):
                task = asyncio.create_task(sandbox.create(BoxRequest(timeout=300, labels=labels)))
                await asyncio.sleep(wait)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
            assert await sandbox.list(labels) == []

    asyncio.run(scenario())


def test_a_wrong_key_is_said(embedded_e2b: Endpoint) -> None:
    with pytest.raises(CredentialRefused):
        asyncio.run(E2BSandbox("e2b_wrong", embedded_e2b.api_url, embedded_e2b.sandbox_url).create(BoxRequest()))


def test_a_template_that_is_not_there_is_said(lab: Lab) -> None:
    async def scenario() -> None:
        async with lab.box(BoxRequest(needs={"template": "no-such-template"})):
            pass

    with pytest.raises(RequestRefused, match="no-such-template"):
        asyncio.run(scenario())


def test_all_boxes_of_a_label_are_listed(lab: Lab) -> None:
    async def scenario() -> None:
        async with lab.sandbox() as sandbox:
            labels = {"test": "pages"}
            boxes = [await sandbox.create(BoxRequest(timeout=120, labels=labels)) for _ in range(4)]
            try:
                assert {info.id for info in await sandbox.list(labels)} == {box.id for box in boxes}
            finally:
                await asyncio.gather(*(box.kill() for box in boxes))

    asyncio.run(scenario())


def test_a_full_disk_while_unpacking_is_said(lab: Lab) -> None:
    """A stand-in: the box's tar is replaced by one that fails as tar does on a full disk."""

    async def scenario() -> None:
        async with lab.box() as box:
            await box.write("tree/file", b"data")
            tar = await box.export_tar("tree")
            text = "#!/bin/bash\necho 'tar: file: Cannot write: No space left on device' >&2\nexit 2\n"
            await box.write(".local/bin/tar", text.encode())
            await box.run(Command("chmod +x .local/bin/tar"))
            with pytest.raises(BoxDiskFull, match="copy"):
                await box.import_tar("copy", tar)

    asyncio.run(scenario())


def test_a_snapshot_never_leaves_out_silently_what_cannot_be_read(lab: Lab) -> None:
    async def scenario() -> None:
        async with lab.box() as box:
            await box.run(Command("mkdir tree && echo x > tree/shut && chmod 000 tree/shut"))
            with pytest.raises(BoxFileError, match="Permission denied"):
                await box.export_tar("tree")
            assert (await box.run(Command("ls -A /tmp | wc -l"))).stdout == "0\n", "the half archive is gone"

    asyncio.run(scenario())


def test_a_file_in_the_way_of_a_snapshot_is_said(lab: Lab) -> None:
    async def scenario() -> None:
        async with lab.box() as box:
            await box.write("tree/name", b"a file")
            tar = await box.export_tar("tree")
            await box.write("copy/name/inner", b"a folder of the same name")
            with pytest.raises(FileExists):
                await box.import_tar("copy", tar)

    asyncio.run(scenario())
