"""Checks of a box's life: making, finding, ending."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

from runner.errors import BoxGone, FileMissing
from runner.run.ports import Box, BoxRequest, Command
from runner.sandbox import snapshot
from runner.sandbox.conformance.check import Check, Lab, expect, on_box, refused, same, sh
from runner.sandbox.conformance.commands import until_exists


async def _isolated(lab: Lab) -> None:
    async with lab.box() as one, lab.box() as two:
        expect(one.id != two.id, "two boxes share an id")
        await one.write("secret", b"1")
        with refused(FileMissing):
            await two.read("secret")
        same((await sh(two, "ls -A ~ | grep -c secret || true")).stdout, "0\n", "the file in the other box")


async def _labels(lab: Lab) -> None:
    tag = uuid.uuid4().hex
    labels = {"run": f"r-{tag}", "sandbox": "py & co=ä/?"}
    async with lab.box(BoxRequest(timeout=300, labels=labels)) as box, lab.sandbox() as sandbox:
        found = await sandbox.list({"run": f"r-{tag}"})
        same([info.id for info in found], [box.id], "boxes by one label")
        same(dict(found[0].labels), labels, "labels")
        same([info.id for info in await sandbox.list(labels)], [box.id], "boxes by all labels")
        same(await sandbox.list({**labels, "other": "x"}), [], "boxes with one label more")
        same(await sandbox.list({"run": "r-"}), [], "boxes by a part of a label")


async def _connect(lab: Lab) -> None:
    async with lab.box() as box, lab.sandbox() as other:
        await box.write("file", b"1")
        await box.start(Command("echo $$ > pid; sleep 600", timeout=None))
        await until_exists(box, "pid")
        again = await other.connect(box.id)
        same((again.id, again.provider, again.home), (box.id, box.provider, box.home), "the box")
        same(await again.read("file"), b"1")
        await sh(again, "kill -0 $(cat pid)")
        await again.write("file", b"2")
        same(await box.read("file"), b"2", "through the first handle")


async def _close_keeps(lab: Lab) -> None:
    async with lab.sandbox() as keeper:
        async with lab.sandbox() as maker:
            box = await maker.create(BoxRequest(timeout=300))
        again = await keeper.connect(box.id)
        same((await sh(again, "echo alive")).stdout, "alive\n")
        await again.kill()


async def _connect_unknown(lab: Lab) -> None:
    async with lab.sandbox() as sandbox:
        with refused(BoxGone):
            await sandbox.connect("i0000000000000000000")


async def _info(box: Box) -> None:
    info = await box.info()
    same((info.id, info.provider), (box.id, box.provider))
    expect(abs(info.started_at - time.time()) < 120, "started_at is not in Unix seconds")
    expect(100 < info.ends_at - info.started_at < 400, f"ends {info.ends_at - info.started_at} s after its start")
    expect(info.cpu >= 1 and info.memory_mb >= 64, f"{info.cpu} CPUs, {info.memory_mb} MiB")


async def _set_timeout(box: Box) -> None:
    await box.set_timeout(900)
    left = (await box.info()).ends_at - time.time()
    expect(700 < left < 1100, f"{left} s left after asking for 900")
    await box.set_timeout(30)
    left = (await box.info()).ends_at - time.time()
    expect(left < 100, f"{left} s left after asking for 30")


async def _metrics(box: Box) -> None:
    await box.start(Command("sleep 600", timeout=None))
    for _ in range(100):
        sample = await box.metrics()
        if sample is not None and sample.memory_bytes > 0:
            expect(abs(sample.ts - time.time()) < 120, "ts is not in Unix seconds")
            expect(sample.cpu_percent >= 0 and sample.disk_bytes >= 0, "a negative sample")
            return
        await asyncio.sleep(0.1)
    expect(False, "no sample within 10 s")


async def _env(lab: Lab) -> None:
    async with lab.box(BoxRequest(timeout=300, env={"BOX_WIDE": "yes", "BOTH": "box"})) as box:
        result = await box.run(Command("echo $BOX_WIDE $BOTH", env={"BOTH": "command"}))
        same(result.stdout, "yes command\n")


async def _kill_twice(lab: Lab) -> None:
    async with lab.sandbox() as sandbox:
        box = await sandbox.create(BoxRequest(timeout=300))
        same(await box.kill(), True, "the first kill")
        same(await box.kill(), False, "the second kill")
        expect(box.id not in {info.id for info in await sandbox.list({})}, "a killed box is still listed")


async def _dead(lab: Lab) -> None:
    async with lab.box() as box:
        process = await box.start(Command("cat", timeout=None))
        await box.kill()
        tar = snapshot.normalise(b"\0" * 10240)
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: box.run(Command("true")),
            lambda: box.start(Command("true")),
            lambda: box.read("x"),
            lambda: box.write("x", b""),
            lambda: box.list("."),
            lambda: box.stat("x"),
            lambda: box.mkdir("x"),
            lambda: box.move("x", "y"),
            lambda: box.remove("x"),
            lambda: box.export_tar("."),
            lambda: box.import_tar(".", tar),
            lambda: box.url(80),
            lambda: box.info(),
            lambda: box.metrics(),
            lambda: box.set_timeout(60),
            lambda: process.wait(),
            lambda: process.write(b"x"),
            lambda: process.close_stdin(),
            lambda: process.signal("SIGTERM"),
        ]
        for number, call in enumerate(calls):
            try:
                with refused(BoxGone):
                    await call()
            except AssertionError as exc:
                raise AssertionError(f"call {number} of the list: {exc}") from exc


async def _dies_running(lab: Lab) -> None:
    async with lab.box() as box:
        running = asyncio.create_task(box.run(Command("touch ready; sleep 600", timeout=None)))
        process = await box.start(Command("sleep 600", timeout=None))
        waiting = asyncio.create_task(process.wait())
        await until_exists(box, "ready")
        await box.kill()
        done, pending = await asyncio.wait([running, waiting], timeout=40)
        expect(not pending, "a command of a dead box was still waited for")
        for task in done:
            error = task.exception()
            expect(isinstance(error, BoxGone), f"expected BoxGone, got {type(error).__name__}: {error}")


async def _expires(lab: Lab) -> None:
    async with lab.box(BoxRequest(timeout=2)) as box:
        with refused(BoxGone):
            await box.run(Command("sleep 600", timeout=50))
        with refused(BoxGone):
            await box.read("x")
        with refused(BoxGone):
            await box.info()


LIFE_CHECKS = (
    Check("two boxes", "Boxes shared a folder.", _isolated),
    Check("labels", "A later process could not find the boxes of its run, or found others.", _labels),
    Check("connect", "Another process could not go on in a live box.", _connect),
    Check("close keeps boxes", "Closing a client killed the boxes of a run that goes on.", _close_keeps),
    Check("connect to nothing", "An unknown box surfaced as a vendor's error.", _connect_unknown),
    Check("info", "Times came in other units or other zones.", on_box(_info)),
    Check("time to live", "A longer run could not keep its box.", on_box(_set_timeout)),
    Check("metrics", "No sample ever came, or its units differed.", on_box(_metrics)),
    Check("box environment", "Variables of the box were lost or could not be overridden.", _env),
    Check("kill twice", "Freeing a freed box failed, so clean-up stopped half way.", _kill_twice),
    Check("dead box", "Each call to a dead box failed in another way, or hung.", _dead),
    Check("death while running", "A command of a dead box was waited for until its timeout.", _dies_running),
    Check("end of life", "A box past its time looked like a command timeout.", _expires),
)
