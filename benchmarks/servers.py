"""Servers that a benchmark starts beforehand, untimed, and stops by their own process id."""

from __future__ import annotations

import json
import queue
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import BenchmarkFailed, process, tool

#: What an endpoint for boxes must export.
NEEDED = {"E2B_API_URL", "E2B_SANDBOX_URL", "E2B_API_KEY"}
_EXPORT = re.compile(r"^export ([A-Z0-9_]+)=(.*)$")


@contextmanager
def prefect(work: Path, env: Mapping[str, str]) -> Iterator[str]:
    """A tuned Prefect server by `runner up`, with a state folder of its own; gives the address of its API."""
    state = ["--state", str(work / "prefect-state")]
    up = process([tool("runner"), "up", "--json", *state], cwd=work, env=env)
    try:
        yield str(json.loads(up.stdout)["api_url"])
    finally:
        process([tool("runner"), "down", *state], cwd=work, env=env)


@contextmanager
def e2b_endpoint(work: Path, env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """`runner endpoint e2b`, ready; gives what it exports."""
    argv = [tool("runner"), "endpoint", "e2b", "--port", "0"]
    log = work / "endpoint.log"
    with log.open("w") as errors:
        child = subprocess.Popen(
            argv, cwd=work, env=dict(env), stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1
        )
    try:
        yield _exports(child, log)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _exports(child: subprocess.Popen[str], log: Path) -> dict[str, str]:
    lines: queue.Queue[str] = queue.Queue()
    assert child.stdout is not None
    source = child.stdout
    threading.Thread(target=lambda: deque(map(lines.put, source), maxlen=0), daemon=True).start()
    found: dict[str, str] = {}
    deadline = time.monotonic() + 30
    while missing := NEEDED - found.keys():
        try:
            match = _EXPORT.match(lines.get(timeout=0.2).strip())
        except queue.Empty:
            if child.poll() is not None or time.monotonic() > deadline:
                said = log.read_text().strip()[-800:] or "nothing"
                raise BenchmarkFailed(
                    f"`runner endpoint e2b` did not export {', '.join(sorted(missing))}; it said: {said}"
                ) from None
            continue
        if match:
            found[match[1]] = match[2].strip("'\"")
    return found
