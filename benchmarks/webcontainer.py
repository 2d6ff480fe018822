"""WebContainers on the local engine: making, starting, files in and out, many at once, memory."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar, cast

import psutil

from benchmarks.harness import BenchmarkFailed, Case, Section, Timing, interleaved, span, table, times
from runner.run.ports import BoxRequest, Command, CommandResult
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
    "spawn to first byte, in the page": (NODE, 0.020),
    "spawn to first byte": (NODE, None),
    "spawn to its end": (NODE, None),
    "run (bash)": (NODE, None),
    "write 1 KiB": (NODE, None),
    "mount 1,000 files": (CAT, 0.200),
    "import of 1,000 files with modes and times": (CAT, None),
    "export of 1,000 files": (TAR, None),
    "5 containers at once": (NODE, None),
}
#: Seconds between commands, in which the engine replaces the Workers that were taken: people type no faster.
REST = 0.5
WORDS = ["node", "-e", "console.log('hi')"]
#: Milliseconds from the client's `spawn` to the first piece of output and to the exit, as the page hears of them.
IN_PAGE = """async ([command, ...args]) => {
  const emit = globalThis.runnerEmit, began = performance.now();
  try {
    return await new Promise((resolve, reject) => {
      let first = 0, text = "";
      globalThis.runnerEmit = async (events) => {
        for (const event of events.filter((each) => each.id === "bench")) {
          if (event.kind === "output") { first ||= performance.now() - began; text += event.data; }
          if (event.kind === "exit") resolve({ first, end: performance.now() - began, text });
        }
      };
      globalThis.runnerHost.spawn("bench", { command, args }, "").catch(reject);
    });
  } finally {
    globalThis.runnerEmit = emit;
  }
}"""
T = TypeVar("T")


def run(work: Path, quick: bool) -> Section:
    """Time the operations and their baselines in turns, in one browser that is up beforehand."""
    lacking = webcontainer_ready.lacking(os.environ)
    if lacking:
        raise BenchmarkFailed(lacking)
    began = time.time()
    with asyncio.Runner() as runner:
        opening = opened(Choice("local", "the local engine"))
        host = runner.run(opening.__aenter__())
        try:
            containers = _Containers(runner, host, work)
            timings = interleaved([*containers.cases(), *_baselines(work)], QUICK if quick else FULL)
            timings["spawn to first byte, in the page"] = containers.in_page()
            memory = containers.memory(began)
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
        self._firsts: list[float] = []

    def cases(self) -> list[Case]:
        """The operations, each checked by what it leaves behind."""
        return [
            Case("page + boot", self._create, check=self._check_created),
            Case("spawn to first byte, in the page", self._spawn_in_page, _rest, self._check_in_page),
            Case("spawn to first byte", self._first_byte, _rest, self._check_first),
            Case("spawn to its end", lambda: self._do(self._stay.execute(WORDS)), _rest, _check_output),
            Case("run (bash)", lambda: self._do(self._stay.run(Command("echo hi"))), _rest, _check_output),
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

    def in_page(self) -> Timing:
        """What the page itself has measured, without the way there and back."""
        return Timing("spawn to first byte, in the page", tuple(self._firsts))

    def memory(self, since: float) -> tuple[dict[str, int], dict[str, int]]:
        """Bytes of the browser's processes by kind, proportionally shared, with one container, and with `MANY` more."""
        alone = _resident(since)
        boxes = self._create_many()
        more = _resident(since)
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

    def _spawn_in_page(self) -> object:
        # Past the adapter on purpose: the client is what is measured.
        page = cast("Any", self._stay)._tab._page
        return self._do(page.evaluate(IN_PAGE, WORDS))

    def _check_in_page(self, told: object) -> None:
        assert isinstance(told, dict)
        _same("a command", told["text"], "hi\n")
        self._firsts.append(told["first"] / 1000)

    def _first_byte(self) -> asyncio.Task[CommandResult]:
        async def heard() -> asyncio.Task[CommandResult]:
            first = asyncio.Event()
            task = asyncio.ensure_future(self._stay.execute(WORDS, on_output=lambda _stream, _text: first.set()))
            waiting = asyncio.ensure_future(first.wait())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            return task

        return self._runner.run(heard())

    def _check_first(self, task: object) -> None:
        _check_output(self._do(cast("Any", task)))

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


def _rest() -> None:
    time.sleep(REST)


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


def _resident(since: float) -> dict[str, int]:
    """Proportional memory of the browser that was started since then, by kind of process; nothing where an older one
    serves, which has others' pages too.
    """
    found: dict[str, int] = {}
    for main in psutil.process_iter(["cmdline", "create_time"]):
        line = main.info["cmdline"] or []
        ours = any("--max-old-space-size" in word for word in line) and main.info["create_time"] >= since - 1
        if not ours or _kind(line) != "browser":
            continue
        for process in [main, *main.children(recursive=True)]:
            try:
                kind = _kind(process.cmdline())
                found[kind] = found.get(kind, 0) + process.memory_full_info().pss
            except psutil.Error:
                continue
    return found


def _kind(line: list[str]) -> str:
    types = [word.removeprefix("--type=") for word in line if word.startswith("--type=")]
    return "pages" if types == ["renderer"] else "browser" if not types else "services"


def _section(timings: dict[str, Timing], memory: tuple[dict[str, int], dict[str, int]]) -> Section:
    rows = []
    for name, (baseline, budget) in OPERATIONS.items():
        ours, bare = timings[name], timings[baseline]
        verdict = "" if budget is None else f"{span(budget)}: {'held' if ours.median <= budget else 'MISSED'}"
        p95 = sorted(ours.seconds)[int(ours.count * 0.95)]
        rows.append(
            [name, span(ours.median), span(p95), baseline, span(bare.median), times(ours.median / bare.median), verdict]
        )
    section = Section("webcontainer", "WebContainers on the local engine")
    alone, more = (sum(each.values()) for each in memory)
    parts = ", ".join(f"{kind} {size / 2**20:.0f} MiB" for kind, size in sorted(memory[0].items()))
    told = (
        f"Memory of the browser with one container: {alone / 2**20:.0f} MiB ({parts}); each of {MANY} more takes",
        f"{(more - alone) / MANY / 2**20:.0f} MiB (shares of what processes have in common counted once).",
    )
    section.markdown = [
        *table(["operation", "median", "95 %", "on the bare machine", "its median", "ratio", "budget"], rows),
        "",
        f"{timings['page + boot'].count} repetitions, {timings['5 containers at once'].count} of the last.",
        *(told if parts else ("Memory was not measured: the browser served others before.",)),
    ]
    section.raw = {name: timing.to_json() for name, timing in timings.items()}
    section.raw["memory"] = {"one_bytes": alone, "each_more_bytes": (more - alone) // MANY, "one_by_kind": memory[0]}
    return section
