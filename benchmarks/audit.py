"""The audit log: how fast events reach Weaviate, and how long a search takes among many, there and in the journal."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import subprocess
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.harness import ROOT, BenchmarkFailed, Section, span, table
from runner.run.audit_port import AuditHit, AuditQuery
from runner.run.clock import SystemClock
from runner.run.event import EventDraft
from runner.run.shipper import Shipper
from runner.store.audit import WeaviateLog
from runner.store.audit_index import JournalIndex
from runner.store.audit_settings import audit_settings
from runner.store.memory import MemoryStore

FULL, QUICK = 100_000, 3_000
_RUN = 500
_REPEATS = 15
_WHY = ("no space left on device", "connection refused", "out of memory", "killed by signal 9", "certificate expired")
_QUERIES = {
    "three words, one rare": AuditQuery("refused by nozzle42", limit=20),
    "two frequent words": AuditQuery("step failed", limit=20),
    "words + severity + time": AuditQuery(
        "memory", severities=("error",), since="2026-01-31T02:00:00.000000Z", limit=20
    ),
    "words of one run": AuditQuery("memory", run="run-0003", limit=20),
    "newest errors, no words": AuditQuery("", severities=("error",), limit=20),
}


def run(work: Path, quick: bool) -> Section:
    """Ship the same events to a real Weaviate, index them locally, then ask both the same questions in turns."""
    count = QUICK if quick else FULL
    with _server(work) as environ:
        return asyncio.run(_measured(work, environ, count))


async def _measured(work: Path, environ: dict[str, str], count: int) -> Section:
    store = MemoryStore()
    await store.open()
    for number in range(count // _RUN):
        await store.commit(f"run-{number:04}", [], list(_drafts(number)))
    settings = audit_settings(environ)
    if settings is None:
        raise BenchmarkFailed("the server has no address")
    log, index = WeaviateLog(settings), JournalIndex(work / "index.sqlite")
    try:
        await log.open()
        shipping = await _took(lambda: Shipper(store, log, SystemClock()).drain())
        if sum((await log.counts()).values()) != count:
            raise BenchmarkFailed("Weaviate has not got every event")
        indexing = await _took(lambda: index.update(store))
        answers = {name: await _asked(store, log, index, query) for name, query in _QUERIES.items()}
    finally:
        await log.close()
        index.close()
    size = (work / "index.sqlite").stat().st_size
    return _section(count, shipping, indexing, size, answers)


def _drafts(number: int) -> Iterator[EventDraft]:
    chance = random.Random(number)
    for place in range(_RUN):
        type_ = chance.choice(("step.started", "step.failed", "step.succeeded", "step.ready", "box.created"))
        rare = f" by nozzle{chance.randrange(2000)}"
        data = {
            "message": f"command exited with {chance.randrange(9)}: {chance.choice(_WHY)}{rare}",
            "provider": chance.choice(("e2b", "webcontainer")),
            "outputs": {"bytes": chance.randrange(10**6), "file": f"dist/page-{place}.html"},
        }
        ts = f"2026-01-31T{number % 24:02}:{place % 60:02}:{place // 60:02}.{place:06}Z"
        yield EventDraft(type_, ts, f"step-{place % 40}[shard={place % 4}]", 1, data)


async def _took(work: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


async def _asked(store: MemoryStore, log: WeaviateLog, index: JournalIndex, query: AuditQuery) -> tuple[float, float]:
    """Median seconds of Weaviate and of the journal for one question; both have to give the same scores."""
    there, here = await log.search(query), await index.search(store, query)
    _agree(query, there, here)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_REPEATS):
        times[0].append(await _took(lambda: log.search(query)))
        times[1].append(await _took(lambda: index.search(store, query)))
    return median(times[0]), median(times[1])


def _agree(query: AuditQuery, there: Sequence[AuditHit], here: Sequence[AuditHit]) -> None:
    pairs = list(zip(there, here, strict=False))
    apart = [one for one, other in pairs if abs((one.score or 0) - (other.score or 0)) > 0.01 * (other.score or 1)]
    if len(there) != len(here) or apart or not here:
        raise BenchmarkFailed(f"Weaviate and the journal answer {query.words!r} differently")


def _section(
    count: int, shipping: float, indexing: float, size: int, answers: dict[str, tuple[float, float]]
) -> Section:
    section = Section("audit", "The audit log")
    rows = [[name, span(there), span(here)] for name, (there, here) in answers.items()]
    section.markdown = [
        f"**{count:,} events**, shipped to a real Weaviate in batches of 200 by the genuine client: "
        f"{count / shipping:,.0f} events/s. The journal's own index takes {count / indexing:,.0f} events/s and "
        f"{size / 1e6:,.0f} MB. The same questions, with the same answers:",
        "",
        *table(["question (20 best)", "Weaviate", "the journal, no server"], rows),
    ]
    section.raw = {
        "events": count,
        "shipped_per_s": round(count / shipping),
        "indexed_per_s": round(count / indexing),
        "index_bytes": size,
        "search_s": {name: [round(one, 6) for one in times] for name, times in answers.items()},
    }
    return section


@contextmanager
def _server(work: Path) -> Iterator[dict[str, str]]:
    """A Weaviate with a key, on ports that were free."""
    script, key = ROOT / "scripts" / "weaviate.sh", secrets.token_hex(16)
    found = subprocess.run(["sh", str(script), "path"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise BenchmarkFailed(f"there is no Weaviate: {found.stderr}")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = 20000 + held.getsockname()[1] % 20000
    env = {
        **os.environ,
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": key,
        "AUTHENTICATION_APIKEY_USERS": "admin",
    }
    command = ["sh", str(script), "serve", str(work / "weaviate"), str(port), str(port + 5)]
    with (work / "weaviate.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(process, port)
        yield {
            "RUNNER_AUDIT_URL": f"http://127.0.0.1:{port}",
            "RUNNER_AUDIT_GRPC": str(port + 5),
            "RUNNER_AUDIT_API_KEY": key,
        }
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/.well-known/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise BenchmarkFailed("Weaviate did not start")
