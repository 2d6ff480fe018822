"""WebContainers on the local engine: making, starting, files in and out, many at once, memory."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import psutil

from benchmarks.harness import BenchmarkFailed, Case, Section, Timing, interleaved, span, table, times
from runner.run.ports import BoxRequest, Command
from runner.sandbox import webcontainer_ready
from runner.sandbox.webcontainer import Host, WebContainerSandbox, opened
from runner.sandbox.webcontainer_box import WebContainerBox
from runner.sandbox.webcontainer_engine import Choice

FULL, QUICK = 15, 3
#: What is mounted and exported: so many files of so many bytes, 10.5 MB in all.
FILES, SIZE = 1_000, 10_500
#: Containers that live at the same time.
MANY = 5
NODE, CAT, TAR = "node -e on this machine", "tar -xf of the same files", "tar -cf of the same files"
#: operation → (baseline on the bare machine, budget in seconds or None)
OPERATIONS: dict[str, tuple[str, float | None]] = {
    "page + boot": (NODE, 1.4),
    "spawn to its end": (NODE, 0.020),
    "run (bash)": (NODE, None),
    "write 1 KiB": (NODE, None),
    "mount 1,000 files": (CAT, 0.200),
    "import of 1,000 files with modes and times": (CAT, None),
    "export of 1,000 files": (TAR, None),
    "5 containers at once": (NODE, None),
}
T = TypeVar("T")


def run(work: Path, quick: bool) -> Section:
    """Time the operations and their baselines in turns, in one browser that is up beforehand."""
    lacking = webcontainer_ready.lacking(os.environ)
    if lacking:
        raise BenchmarkFailed(lacking)
    with asyncio.Runner() as runner:
        opening = opened(Choice("local", "the local engine"))
        host = runner.run(opening.__aenter__())
        try:
            containers = _Containers(runner, host, work)
            timings = interleaved([*containers.cases(), *_baselines(work)], QUICK if quick else FULL)
            memory = containers.memory()
        finally:
            runner.run(opening.__aexit__(None, None, None))
    return _section(timings, memory)


class _Containers:
    """One container that stays for most; fresh ones to be made and killed."""

    def __init__(self, runner: asyncio.Runner, host: Host, work: Path) -> None:
        self._runner, self._host = runner, host
        self._sandbox = WebContainerSandbox(host)
        self._stay = self._create()
        self._tar = _files(work / "files")

    def cases(self) -> list[Case]:
        """The operations, each checked by what it leaves behind."""
        return [
            Case("page + boot", self._create, check=self._check_created),
            Case("spawn to its end", self._spawn, check=_check_output),
            Case("run (bash)", lambda: self._do(self._stay.run(Command("echo hi"))), check=_check_output),
            Case("write 1 KiB", lambda: self._do(self._stay.write("note", b"x" * 1024)), check=self._check_written),
            Case("mount 1,000 files", self._mount, prepare=self._clear, check=self._check_files, most=10),
            Case(
                "import of 1,000 files with modes and times",
                lambda: self._do(self._stay.import_tar("many", self._tar)),
                prepare=self._clear,
                check=self._check_files,
                most=10,
            ),
            Case(
                "export of 1,000 files",
                lambda: self._do(self._stay.export_tar("many")),
                prepare=self._fill,
                check=lambda tar: _same("an export", tar == self._tar, True),
                most=10,
            ),
            Case("5 containers at once", self._create_many, check=self._check_many, most=5),
        ]

    def memory(self) -> tuple[int, int]:
        """Bytes of the browser's processes, proportionally shared, with one container, and with `MANY` more."""
        alone = _resident()
        boxes = self._create_many()
        more = _resident()
        for box in boxes:
            self._do(box.kill())
        return alone, more

    def _do(self, work: Awaitable[T]) -> T:
        async def done() -> T:
            return await work

        return self._runner.run(done())

    def _create(self) -> WebContainerBox:
        return self._do(self._sandbox.create(BoxRequest(timeout=600)))

    def _create_many(self) -> list[WebContainerBox]:
        async def all_() -> list[WebContainerBox]:
            return await asyncio.gather(*(self._sandbox.create(BoxRequest(timeout=600)) for _ in range(MANY)))

        return self._runner.run(all_())

    def _check_created(self, box: object) -> None:
        assert isinstance(box, WebContainerBox)
        _check_output(self._do(box.run(Command("echo hi"))))
        self._do(box.kill())

    def _check_many(self, boxes: object) -> None:
        assert isinstance(boxes, list)
        _same("containers at once", len({box.id for box in boxes}), MANY)
        for box in boxes:
            self._check_created(box)

    def _spawn(self) -> object:
        return self._do(self._stay.execute(["node", "-e", "console.log('hi')"]))

    def _check_written(self, _: object) -> None:
        _same("a written file", self._do(self._stay.read("note")), b"x" * 1024)

    def _clear(self) -> None:
        self._do(self._stay.run(Command("rm -rf many")))

    def _fill(self) -> None:
        self._clear()
        self._do(self._stay.import_tar("many", self._tar))

    def _mount(self) -> None:
        self._do(self._stay.mount_tar("many", self._tar))

    def _check_files(self, _: object) -> None:
        _same("files", len(self._do(self._stay.list("many"))), FILES)


def _check_output(result: object) -> None:
    _same("a command", getattr(result, "stdout", None), "hi\n")


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise BenchmarkFailed(f"{what} gave {str(found)[:80]!r}, not {str(wanted)[:80]!r}")


def _files(folder: Path) -> bytes:
    """The files as a tar in the normal form."""
    from runner.sandbox import snapshot

    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:04}").write_bytes(number.to_bytes(2, "big") * (SIZE // 2))
        os.utime(folder / f"{number:04}", (1_700_000_000, 1_700_000_000))
    return snapshot.pack(folder)


def _baselines(work: Path) -> list[Case]:
    node = shutil.which("node")
    if node is None:
        raise BenchmarkFailed("node is not installed: apt-get install nodejs")
    packed, target = work / "files.tar", work / "unpacked"

    def unpack() -> None:
        target.mkdir()
        subprocess.run(["tar", "-xf", str(packed), "-C", str(target)], check=True)

    def pack() -> None:
        subprocess.run(["tar", "-cf", str(packed), "-C", str(work / "files"), "."], check=True)

    pack()
    return [
        Case(NODE, lambda: subprocess.run([node, "-e", "console.log('hi')"], check=True, capture_output=True)),
        Case(CAT, unpack, prepare=lambda: shutil.rmtree(target, ignore_errors=True)),
        Case(TAR, pack),
    ]


def _resident() -> int:
    """Proportional memory of every process of a Chromium that this user runs for WebContainers."""
    total = 0
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any("--max-old-space-size" in word or word.startswith("--type=") for word in line):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
    return total


def _section(timings: dict[str, Timing], memory: tuple[int, int]) -> Section:
    rows = []
    for name, (baseline, budget) in OPERATIONS.items():
        ours, bare = timings[name], timings[baseline]
        verdict = "" if budget is None else f"{span(budget)}: {'held' if ours.median <= budget else 'MISSED'}"
        p95 = sorted(ours.seconds)[int(ours.count * 0.95)]
        rows.append(
            [name, span(ours.median), span(p95), baseline, span(bare.median), times(ours.median / bare.median), verdict]
        )
    section = Section("webcontainer", "WebContainers on the local engine")
    alone, more = memory
    section.markdown = [
        *table(["operation", "median", "95 %", "on the bare machine", "its median", "ratio", "budget"], rows),
        "",
        f"{timings['page + boot'].count} repetitions, {timings['5 containers at once'].count} of the last.",
        f"Memory of the browser with one container: {alone / 2**20:.0f} MiB; each of {MANY} more takes",
        f"{(more - alone) / MANY / 2**20:.0f} MiB (shares of what processes have in common counted once).",
    ]
    section.raw = {name: timing.to_json() for name, timing in timings.items()}
    section.raw["memory"] = {"one_bytes": alone, "each_more_bytes": (more - alone) // MANY}
    return section
