"""How things are timed: interleaved repetitions, medians, and checks outside the timed part."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALL = (
    "UV_PROJECT_ENVIRONMENT=.cache/bench-venv uv sync --frozen --all-extras --group bench"
    " && .cache/bench-venv/bin/python -m benchmarks"
)


class BenchmarkFailed(Exception):
    """A benchmark cannot give a figure; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to time.

    `run` is timed; what it returns goes to `check`, which raises BenchmarkFailed when the work was not
    really done. `prepare` and `check` are not timed. `most` caps the repetitions of a slow peer.
    """

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object] | None = None
    check: Callable[[object], None] | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """The repetitions of one case, in seconds of wall clock."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the repetitions."""
        return statistics.median(self.seconds)

    @property
    def count(self) -> int:
        """How many repetitions there were."""
        return len(self.seconds)

    def to_json(self) -> dict[str, object]:
        """Median, spread and count, rounded to the microsecond."""
        return {
            "median_s": round(self.median, 6),
            "min_s": round(min(self.seconds), 6),
            "max_s": round(max(self.seconds), 6),
            "repetitions": self.count,
        }


@dataclass(slots=True)
class Section:
    """What one benchmark has to say: Markdown for people, raw medians for machines."""

    name: str
    title: str
    markdown: list[str] = field(default_factory=list)
    raw: dict[str, object] = field(default_factory=dict)


def interleaved(cases: Sequence[Case], repetitions: int) -> dict[str, Timing]:
    """Time all cases side by side: each round runs every case once, starting with another one each time.

    A machine that slows down for a while then slows down everybody, so ratios stay honest.
    """
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    for round_ in range(repetitions):
        start = round_ % len(cases)
        for case in [*cases[start:], *cases[:start]]:
            if len(seconds[case.name]) < min(repetitions, case.most or repetitions):
                seconds[case.name].append(_once(case))
    return {name: Timing(name, tuple(values)) for name, values in seconds.items()}


def _once(case: Case) -> float:
    if case.prepare is not None:
        case.prepare()
    started = time.perf_counter()
    result = case.run()
    elapsed = time.perf_counter() - started
    if case.check is not None:
        case.check(result)
    return elapsed


def tool(name: str) -> str:
    """The program `name` from the folder of the running Python. Raises BenchmarkFailed when it is not there."""
    path = Path(sys.executable).parent / name
    if not path.is_file():
        raise BenchmarkFailed(f"`{name}` is not installed beside this Python. Install the peers: {INSTALL}")
    return str(path)


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment with its own home folder and this Python's programs first; nothing else is passed on."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        **(extra or {}),
    }


def process(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], expect: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Raises BenchmarkFailed when it exits other than `expect` (None: anything goes)."""
    try:
        done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed(f"{shown(argv)} did not end within 300 s") from error
    if expect is not None and done.returncode != expect:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise BenchmarkFailed(f"{shown(argv)} ended with {done.returncode}, expected {expect}:\n{tail}")
    return done


def shown(argv: Sequence[str]) -> str:
    """A command line for people: the program without its folder, and the first few arguments."""
    words = [Path(argv[0]).name, *argv[1:]]
    return " ".join(words[:6]) + (f" … ({len(words) - 6} more)" if len(words) > 6 else "")


def cpu_of_children() -> float:
    """CPU seconds used so far by ended child processes of this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns line up in a terminal, too; all columns but the first are right-aligned."""
    body = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in body) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.ljust(widths[0]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(row)]
        return "| " + " | ".join(cells) + " |"

    ruler = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [line(body[0]), "| " + " | ".join(ruler) + " |", *(line(row) for row in body[1:])]


def span(seconds: float) -> str:
    """A duration for people: about three digits, in s, ms or µs."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        value = seconds * factor
        if value >= 1:
            digits = 0 if value >= 100 else 1 if value >= 10 else 2
            return f"{value:.{digits}f} {unit}"
    return f"{seconds * 1e6:.0f} µs"


def times(value: float) -> str:
    """A ratio for people."""
    return f"{value:.0f} ×" if value >= 100 else f"{value:.1f} ×" if value >= 10 else f"{value:.2f} ×"
