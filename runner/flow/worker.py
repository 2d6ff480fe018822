"""A process worker of Prefect's whose flow runs start at once; polling, states and cancellation are Prefect's own."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import AwaitingRetry
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from runner.errors import EngineUnavailable, RunnerError
from runner.flow.prefork import launch

#: Seconds that a worker which is being stopped waits for its server to take the end of a run.
_LAST_WORD = 10.0
#: How often it is looked whether a run was cut off.
_LOOKS = 12
#: How often a flow run is started again at most.
_TRIES = 10
_command: list[str] = []


class PreforkConfiguration(ProcessJobConfiguration):
    """The job of a process worker; without a command of its own it is the launcher."""

    def prepare_for_flow_run(self, *about: Any, **more: Any) -> None:
        if self.command is None and _command:
            self.command = shlex.join(_command)
        super().prepare_for_flow_run(*about, **more)


with warnings.catch_warnings():
    # It takes the place of Prefect's own in this process: Prefect says so, and it is meant.
    warnings.simplefilter("ignore", UserWarning)

    class PreforkWorker(ProcessWorker):
        """Serves work pools of the type `process`."""

        job_configuration = PreforkConfiguration
        #: Whether the run of a flow run was cut off: its id, and when it was created.
        cut_off: Callable[[str, datetime | None], Awaitable[bool]]

        async def run(self, flow_run: FlowRun, *about: Any, **more: Any) -> ProcessWorkerResult:
            try:
                result = await super().run(flow_run, *about, **more)
            except asyncio.CancelledError:
                # Prefect would show it as running for ever: the worker that knows better is about to end.
                with anyio.move_on_after(_LAST_WORD, shield=True):
                    await self._let_go_on(flow_run, "The worker was stopped")
                raise
            if result.status_code and await self._let_go_on(flow_run, "Its process was killed"):
                # A failed result would make Prefect call the flow run crashed, over what was just decided.
                return ProcessWorkerResult(identifier=result.identifier, status_code=0)
            return result

        async def _let_go_on(self, flow_run: FlowRun, why: str) -> bool:
            """Have a flow run whose run was cut off started again, by this worker or the next; whether it was."""
            # A server or a store that is away: the run waits for `runner resume`.
            with contextlib.suppress(RunnerError, OSError, httpx.HTTPError, PrefectHTTPStatusError):
                if flow_run.run_count < _TRIES and await self._is_cut_off(flow_run):
                    again: State[Any] = AwaitingRetry(
                        message=f"{why}; the run goes on, and repeats no step that has succeeded."
                    )
                    await self.client.set_flow_run_state(flow_run.id, again, force=True)
                    return True
            return False

        async def _is_cut_off(self, flow_run: FlowRun) -> bool:
            """Its process follows its launcher into death a moment later."""
            for _ in range(_LOOKS):
                if await self.cut_off(str(flow_run.id), flow_run.created):
                    return True
                await asyncio.sleep(0.25)
            return False


async def work(
    pool: str,
    *,
    limit: int | None,
    name: str | None,
    cut_off: Callable[[str, datetime | None], Awaitable[bool]],
    ready: Callable[[], None],
) -> None:
    """Serve the work pool until SIGTERM or SIGINT, which end the processes of flow runs that are going on; `ready` is
    called once. A flow run whose process ends before its run, as `cut_off` tells, is started again.

    The pool is made where it is missing. Raises EngineUnavailable when no zygote can be had.
    """
    with zygote() as socket:
        _command[:] = [sys.executable, "-I", "-S", str(Path(launch.__file__)), str(socket)]
        worker = PreforkWorker(work_pool_name=pool, limit=limit, name=name)
        worker.cut_off = cut_off
        ready()
        serving = asyncio.ensure_future(worker.start())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@contextlib.contextmanager
def zygote() -> Iterator[Path]:
    """A zygote that serves at the socket that is given, until the block ends. Blocks for its imports, about 3 s."""
    with tempfile.TemporaryDirectory(prefix="runner-worker-") as folder:
        path = Path(folder) / "zygote"
        command = [sys.executable, "-m", "flows.zygote", str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:  # its end waits for the process, which ends with its standard input
            if process.stdout is None or process.stdout.readline().strip() != b"ready":
                raise EngineUnavailable("the process that flow runs are copied from did not start", "see above why")
            yield path
