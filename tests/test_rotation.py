"""The files behind a pipe: whole lines, none lost, none too many; whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runner import rotation
from runner.cli.stack.output import Output

LIMIT, KEPT = 10_000, 3
PRINTS = "import sys\nfor n in range({first}, {last}): print(f'line {{n:06}}', flush=n % 7 == 0)"


def printed(output: Output, first: int, last: int) -> None:
    """A process that prints numbered lines into it, to its end."""
    words = [sys.executable, "-c", PRINTS.format(first=first, last=last)]
    subprocess.run(words, stdout=output.fd, check=True, timeout=60)


def files(path: Path) -> list[Path]:
    """The oldest first."""
    before = sorted(path.parent.glob(f"{path.name}.*"), key=lambda each: int(each.suffix[1:]), reverse=True)
    return [*before, path]


def lines(path: Path) -> list[str]:
    return [line for each in files(path) for line in each.read_text().splitlines()]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def test_files_are_changed_while_a_service_prints_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    path = tmp_path / "box.log"
    output = Output(path, 1_000_000, 30)
    printed(output, 0, 300_000)
    output.close()

    assert lines(path) == [f"line {number:06}" for number in range(300_000)]
    assert len(files(path)) > 3
    for each in files(path)[:-1]:
        assert each.read_bytes().endswith(b"\n")
        assert 1_000_000 <= each.stat().st_size < 1_100_000


def test_they_do_not_grow_for_ever_and_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "box.log"
    output = Output(path, LIMIT, KEPT)
    for round_ in range(20):
        printed(output, round_ * 1000, round_ * 1000 + 1000)
    output.close()

    assert len(files(path)) == KEPT + 1
    assert sum(each.stat().st_size for each in files(path)) < (KEPT + 1) * (LIMIT + 65_536)
    found = lines(path)
    assert found[-1] == "line 019999"
    assert found == [f"line {number:06}" for number in range(20_000 - len(found), 20_000)]


def test_a_start_begins_a_new_file_and_keeps_those_before(tmp_path: Path) -> None:
    path = tmp_path / "box.log"
    for start in range(6):
        output = Output(path, LIMIT, KEPT)
        printed(output, start, start + 1)
        output.close()
    assert [each.read_text() for each in files(path)] == [f"line {number:06}\n" for number in (2, 3, 4, 5)]


def test_a_writer_that_is_killed_is_replaced_and_its_service_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "box.log"
    output = Output(path, LIMIT, 100)
    printed(output, 0, 1000)
    output.drain()
    before = output.writer
    os.kill(before, signal.SIGKILL)
    printed(output, 1000, 1100)  # into the pipe, which nobody reads
    until(lambda: output.look() or output.writer != before)
    printed(output, 1100, 2000)
    output.close()
    assert lines(path) == [f"line {number:06}" for number in range(2000)]


def test_a_line_without_an_end_is_seen_at_once_and_a_very_long_one_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "box.log"
    output = Output(path, LIMIT, 100)
    os.write(output.fd, b"50 % ...")
    output.drain()
    until(lambda: path.read_bytes() == b"50 % ...")
    os.write(output.fd, b"x" * 60_000)
    output.close()
    assert b"".join(each.read_bytes() for each in files(path)) == b"50 % ..." + b"x" * 60_000
    assert len(files(path)) > 1


def test_a_file_that_somebody_removes_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "box.log"
    output = Output(path, LIMIT, KEPT)
    printed(output, 0, 1)
    output.drain()
    until(lambda: path.read_text() == "line 000000\n")
    path.unlink()
    printed(output, 1, 2)
    output.close()
    assert path.read_text() == "line 000001\n"


def test_a_disk_that_is_full_holds_up_nobody(tmp_path: Path, missing: Callable[[str], None]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        missing("there is no /dev/full, which Linux has")
    path = tmp_path / "box.log"
    path.symlink_to(full)
    reads, writes = os.pipe()
    writer = rotation.writer(path, reads, LIMIT, KEPT)
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-c", PRINTS.format(first=0, last=50_000)], stdout=writes, check=False, timeout=60
    )
    os.close(writes)
    assert (done.returncode, writer.wait(30)) == (0, 0)
