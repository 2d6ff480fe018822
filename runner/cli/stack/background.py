"""A stack in the background: its supervisor is a process of its own, waited for until all is healthy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from runner.cli.stack import record
from runner.cli.stack.keeper import tail
from runner.cli.stack.output import Output
from runner.cli.stack.record import Stack
from runner.cli.stack.services import Wishes
from runner.errors import ServiceError
from runner.flow import server

_TICK = 0.1


def begin(wishes: Wishes, seconds: float = 180.0) -> tuple[Stack, bool]:
    """The stack that is settled, and whether it was up before. Raises UsageError when the port asked for is taken,
    ServiceError when the supervisor ends, with the last lines of its log, or nothing is settled in so many seconds.
    """
    before = record.read(wishes.state)
    if before is not None and before.lives:
        return _settled(wishes.state, None, None, seconds), True
    if wishes.port is not None and server.running(wishes.state) is None:
        server.port_for(wishes.port)
    log = record.log_path(wishes.state, "supervisor")
    log.parent.mkdir(parents=True, exist_ok=True)
    words = ["up", "--all", "--state", str(wishes.state.absolute())]
    words += [] if wishes.port is None else ["--port", str(wishes.port)]
    words += ["--silence", f"{wishes.silence:g}"]
    words += [word for name in sorted(wishes.without) for word in ("--without", name)]
    places = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[3])]
    output = Output(log)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner", *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
            stdin=subprocess.DEVNULL, stdout=output.fd, stderr=output.fd, start_new_session=True,
        )  # fmt: skip
    finally:
        output.let_go()
    return _settled(wishes.state, process, output, seconds), False


def _settled(state: Path, process: subprocess.Popen[bytes] | None, output: Output | None, seconds: float) -> Stack:
    deadline = time.monotonic() + seconds
    log = record.log_path(state, "supervisor")
    while time.monotonic() < deadline:
        ended = process is not None and process.poll() is not None
        stack = record.read(state)
        if stack is not None and stack.lives:
            if stack.is_settled:
                return stack
        elif ended or process is None:
            if output is not None:
                output.wait()
            raise ServiceError(f"the stack has ended; the log of its supervisor ends with:\n{tail(log)}", f"less {log}")
        time.sleep(_TICK)
    raise ServiceError(f"the stack is not healthy after {seconds:g} s", f"runner up --all says what is; less {log}")
