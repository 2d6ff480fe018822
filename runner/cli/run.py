"""`runner run`: compile a spec, run it, show how it went."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.options import AT_THE_END, ENGINE, EVENTS, NO_WAIT, QUIET, EngineChoice
from runner.cli.preview import Wanted, serving, wanted
from runner.cli.progress import LiveTable, Progress, make_progress, show_line
from runner.cli.shipping import shipped
from runner.cli.specfile import STDIN, compiled
from runner.cli.state import STATE
from runner.compiler.canonical import Json
from runner.compiler.plan.model import Plan
from runner.compiler.surroundings import ALONE, Settings
from runner.errors import UsageError
from runner.records import dataclass
from runner.run.interrupt import Control

if TYPE_CHECKING:
    from runner.cli.prompting import AskingTable
    from runner.run.event import Event
    from runner.run.execute import Report, Setup
    from runner.run.ports import StateStore
    from runner.run.prior import Prior
    from runner.run.snapshots import Snapshots

#: Seconds that a run which is gone on with waits for its boxes to have come to rest.
_REST_PATIENCE = 20.0
#: How many steps may run at the same time, where nobody says it.
PARALLEL = 8
#: What stops a run, and how it is called.
_SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP (its terminal was closed)"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for, beside the spec and its inputs."""

    engine: EngineChoice
    state: Path
    as_json: bool
    events: bool
    max_parallel: int
    quiet: bool
    preview: Wanted | None
    snapshots: bool
    from_snapshot: tuple[str, ...]
    wait: bool = True
    take_over: bool = False


def run(  # noqa: PLR0913 - one parameter per option
    spec: str = typer.Argument(
        ..., metavar="SPEC", help="The spec to run (FILE#NAME where it holds several), or - for standard input."
    ),
    inputs: list[str] = typer.Option(
        [], "--input", "-i", metavar="KEY=VALUE", help="An input of the spec; may be given often."
    ),
    engine: EngineChoice = ENGINE,
    state: Path = STATE,
    as_json: bool = AT_THE_END,
    events: bool = EVENTS,
    max_parallel: int = typer.Option(
        PARALLEL, "--max-parallel", min=1, help="How many steps may run at the same time."
    ),
    quiet: bool = QUIET,
    preview: str | None = typer.Option(
        None,
        "--preview",
        metavar="[HOST:]PORT",
        help="While the run goes on, show the servers in its boxes at this port; 0 takes a free one.",
    ),
    snapshots: bool = typer.Option(
        False, "--snapshots", help="Keep the files of each step's box after it succeeded; see `runner snapshot`."
    ),
    from_snapshot: list[str] = typer.Option(
        [],
        "--from-snapshot",
        metavar="[SANDBOX=]RUN:STEP|FILE.tar",
        help="Begin the boxes of a sandbox with the files of a snapshot; may be given often.",
    ),
    no_wait: bool = NO_WAIT,
) -> None:
    """Run a spec, each step in a sandbox.

    Exit code 1 if the spec has errors or the run fails, 130 if it is interrupted.
    """
    if events and not as_json:
        raise UsageError("--events needs --json", "For people: `runner logs RUN` and `runner status RUN`.")
    plan = compiled(spec, inputs, complete=True)
    shown = None if preview is None else wanted(preview, os.environ)
    options = Options(
        engine, state, as_json, events, max_parallel, quiet, shown, snapshots, tuple(from_snapshot), not no_wait
    )
    begins = _beginnings(plan, options)
    code = asyncio.run(Session(plan, options, os.environ, begins).run())
    raise typer.Exit(code)


def _beginnings(plan: Plan, options: Options) -> Snapshots:
    """What becomes of boxes' files."""
    from runner.run.snapshots import Snapshots

    if not options.from_snapshot:
        return Snapshots(options.snapshots)
    from runner.cli.beginnings import beginnings

    return Snapshots(options.snapshots, beginnings(plan, options.state, options.from_snapshot))


def _resumable(store: StateStore, opening: asyncio.Future[None]) -> Callable[[str], Awaitable[bool]]:
    """Whether a run can still be gone on with, as soon as the store is open."""
    from runner.run.kept import resumable

    async def asked(run: str) -> bool:
        await asyncio.wait({opening})
        return await resumable(store, run)

    return asked


def exit_code(report: Report) -> int:
    """0 for success, 130 for a run that was stopped, 4 where nothing but providers of boxes failed, else 1: a paused
    run too has not reached its end.
    """
    if report.state != "failed":
        return {"succeeded": 0, "cancelled": 130}.get(report.state, 1)
    failures = [step.get("error_class") for step in report.steps.values() if step.get("state") == "failed"]
    return 4 if failures and set(failures) == {"provider"} else 1


class Session:
    """One run from the command line: the engine, the store, the boxes, the signals. `run` is the id of one to go on
    with, None for a new one, which takes over what `prior` says.
    """

    def __init__(
        self,
        plan: Plan,
        options: Options,
        environ: Mapping[str, str],
        snapshots: Snapshots,
        run: str | None = None,
        prior: Prior | None = None,
    ) -> None:
        self._plan = plan
        self._options = options
        self._environ = environ
        self._snapshots = snapshots
        self._id = run
        self._prior = prior
        self._control = Control()
        self._started = False
        self._pressed = False
        self._asking: AskingTable | None = None

    async def run(self) -> int:
        """The exit code. Raises RunnerError for what kept the run from starting or from being written down."""
        task = asyncio.ensure_future(self._run())
        loop = asyncio.get_running_loop()
        # A run under `nohup` goes on when its terminal is closed.
        heard = {number: name for number, name in _SIGNALS.items() if signal.getsignal(number) != signal.SIG_IGN}
        for number, name in heard.items():
            loop.add_signal_handler(number, self._stop, task, name)
        try:
            return await task
        except asyncio.CancelledError:
            return 130
        finally:
            for number in heard:
                loop.remove_signal_handler(number)

    def _stop(self, task: asyncio.Task[int], name: str) -> None:
        if not self._started:
            task.cancel()
            return
        self._control.stop(f"stopped by {name}")
        if not self._pressed:
            words = "commands are killed, boxes freed (again: without waiting for `finally`)"
            start = "\n" if self._asking is not None and self._asking.asking else ""
            show_line(f"{start}stopping after {name}: {words}", err=True)
        self._pressed = True

    async def _run(self) -> int:
        from runner import wiring
        from runner.run import support
        from runner.run.clock import SystemClock, new_run_id
        from runner.run.execute import Setup
        from runner.run.prepare import prepare
        from runner.run.prior import Prior

        options, plan, clock = self._options, self._plan, SystemClock()
        run = self._id or new_run_id(clock.now(), clock.random())
        secrets, children = prepare(plan, self._environ, self._settings())
        engine, sentence = await wiring.choose_engine(options.engine.value, options.state)
        self._tell(sentence)
        progress = self._shown()
        async with AsyncExitStack() as stack:
            store = wiring.open_store(options.state)
            stack.push_async_callback(store.close)
            # Store and endpoint open at the same time: each takes a tenth of a second or two.
            opening = asyncio.ensure_future(store.open())
            try:
                provision = await stack.enter_async_context(
                    wiring.open_providers(
                        self._environ,
                        needed=support.needs_boxes(plan, children.values()),
                        wanted=support.candidates(plan, children.values()),
                        tell=self._tell,
                        rest=wiring.Rest(options.state / "boxes" / run, _REST_PATIENCE if self._id else 0.0),
                        spared=_resumable(store, opening),
                    )
                )
            finally:
                await asyncio.gather(opening, return_exceptions=True)
            opening.result()
            self._tell(provision.sentence)
            setup = Setup(
                store=store,
                engine=engine,
                providers=provision.providers,
                clock=clock,
                id=run,
                state=options.state,
                spec=self._folder(),
                facts=provision.facts,
                secrets=secrets,
                children=children,
                groups=wiring.groups_folder(self._environ),
                snapshots=self._snapshots,
                prior=self._prior or Prior(),
                max_parallel=options.max_parallel,
                wait=options.wait,
                on_event=self._observer(progress),
                on_text=progress.text,
            )
            setup = await self._accompanied(stack, setup)
            report = await self._lived(setup, progress)
        return self._show(report)

    def _shown(self) -> Progress:
        """How the run is shown; on a terminal that somebody sits at, with the questions that it asks."""
        options, plan = self._options, self._plan
        quiet = options.quiet or options.as_json
        found = make_progress(plan.title or plan.name, options.state, quiet=quiet, terminal=sys.stdout.isatty())
        if isinstance(found, LiveTable) and options.wait and sys.stdin is not None and sys.stdin.isatty():
            from runner.cli.prompting import AskingTable
            from runner.cli.terminal import Terminal

            self._asking = AskingTable(found, Terminal(sys.stdin.fileno()), options.state)
        return self._asking or found

    async def _lived(self, setup: Setup, progress: Progress) -> Report:
        """The run to its end, from where another process left it if there is one."""
        from runner.cli.takeable import refuse
        from runner.flow.engine import in_pages
        from runner.run.execute import execute
        from runner.run.kept import family, load

        kept = None if self._id is None else await load(setup.store, self._id)
        if kept is not None:  # somebody may have been quicker since the run was looked at
            found = kept.tables["run"][kept.run]
            refuse(self._options.state, found, kept.lease, take_over=self._options.take_over)
        if self._id is not None and self._asking is not None:
            from runner.cli.asking import open_questions

            self._asking.still_open(await open_questions(setup.store, self._id))
        setup = in_pages(setup, () if kept is None else await family(setup.store, kept))
        self._started = True
        progress.start()
        try:
            return await execute(self._plan, setup, self._control, kept)
        finally:
            progress.stop()

    async def _accompanied(self, stack: AsyncExitStack, setup: Setup) -> Setup:
        """The setup of a run with what goes on beside it: previews, the delivery of its events."""
        setup = await stack.enter_async_context(self._previewed(setup))
        return await stack.enter_async_context(shipped(setup, self._environ))

    def _show(self, report: Report) -> int:
        from runner.cli.run_table import as_json_document, page

        if self._options.as_json:
            show_line(json.dumps(as_json_document(report), ensure_ascii=False))
        else:
            show_line(page(report, self._options.state))
        return exit_code(report)

    def _tell(self, sentence: str) -> None:
        if not self._options.as_json:
            show_line(sentence)

    def _settings(self) -> Settings:
        """What the workflows that steps run are checked with: the same as the spec."""
        from runner.project.check import Checker
        from runner.project.settings import Projects

        path = self._plan.source.get("path", STDIN)
        return Checker(Projects(), shellcheck=False).around(path).settings if self._plan.workflows else ALONE.settings

    def _folder(self) -> Path:
        path = self._plan.source.get("path", STDIN)
        return Path.cwd() if path == STDIN else Path(path).resolve().parent

    @asynccontextmanager
    async def _previewed(self, setup: Setup) -> AsyncIterator[Setup]:
        """The setup of a run whose boxes can be looked into, where that is wanted."""
        if self._options.preview is None:
            yield setup
            return
        async with serving(self._options.preview) as previews:

            def heard(event: Event) -> None:
                previews.hear(event)
                if event.type == "run.created" and "parent" not in event.data:
                    where = previews.address("<port>", event.run)
                    show_line(f"previews of this run's boxes: {where}", err=self._options.as_json)
                if setup.on_event is not None:
                    setup.on_event(event)

            yield replace(setup, live=previews.live, on_event=heard)

    def _observer(self, progress: Progress) -> Callable[[Event], None]:
        def both(event: Event) -> None:
            progress.event(event)
            if self._options.events:
                body: dict[str, Json] = event.to_json()
                show_line(json.dumps(body, ensure_ascii=False))

        return both
