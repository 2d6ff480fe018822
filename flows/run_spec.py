"""Every spec as a Prefect flow: `flows/run_spec.py:<spec name>` is the entrypoint of the spec with that name.

For workers, `prefect.yaml`, `flow.serve` and a call from Python alike. Specs are looked for in the folder RUNNER_SPECS,
else `specs`; state is kept in RUNNER_STATE, else `.runner`. Other than `runner run`, this imports
Prefect first and asks questions later: Prefect is the caller.

`flows.run_spec.<spec name>@<digest>` is the entrypoint that `runner deploy` writes down: the flow of the texts with
that digest, from the state folder or the store that it stands for. Files that steps copy into boxes are taken from the
folder RUNNER_PROJECT, else the working folder.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prefect import Flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Failed

from runner import wiring
from runner.compiler.canonical import Json
from runner.compiler.compile import compile_plan, workflow_names
from runner.compiler.diagnostic import Severity
from runner.compiler.plan.model import Plan
from runner.compiler.surroundings import Surroundings
from runner.errors import RunnerError, SpecError, UsageError
from runner.flow.build import build_flow
from runner.flow.deploy import shelf
from runner.flow.engine import CurrentFlow
from runner.flow.legs import current_flow_run, run_state
from runner.flow.pages.pages import Pages
from runner.flow.taking import taking
from runner.project.bundle import Bundle
from runner.project.reader import reader
from runner.records import dataclass
from runner.run import support
from runner.run.clock import SystemClock
from runner.run.execute import Report, Setup, execute
from runner.run.interrupt import Control
from runner.run.kept import Kept, family
from runner.run.prepare import prepare
from runner.run.prior import Prior
from runner.run.rerun import Choice, Rerun
from runner.run.shipper import shipped
from runner.run.snapshots import Beginning, Snapshots

#: Seconds that the boxes of a process which has just died are waited for.
_PATIENCE = 60.0


def __getattr__(name: str) -> Flow[..., Any]:
    """The flow of the spec with that name. Raises AttributeError, as modules do, when there is none."""
    if name.startswith("_"):
        raise AttributeError(name)
    return load(name)


def load(name: str) -> Flow[..., Any]:
    """The flow of the spec called `name`, or of the deployed texts `name@digest`.

    Raises AttributeError when no spec has that name, SpecError when the one that has it has errors, StoreError when
    the texts are not to be had.
    """
    name, deployed, digest = name.partition("@")
    return _flow(_deployed(digest) if deployed else _from_folder(name))


@dataclass(frozen=True, slots=True)
class _Spec:
    """What a flow is compiled from, each time it runs: `path` is shown, `folder` is what files are relative to."""

    data: bytes
    path: str
    folder: Path
    name: str | None
    around: Surroundings


def _from_folder(name: str) -> _Spec:
    folder = Path(os.environ.get("RUNNER_SPECS", "specs"))
    # A file is usually called as its spec: try that one first, the others cost a look inside.
    for path in sorted(folder.glob("*.yaml"), key=lambda path: (path.stem != name, path.name)):
        names = workflow_names(path.read_bytes(), str(path))
        if name in names or (path.stem == name and names == [""]):
            path = path.resolve()
            around = Surroundings(read=reader(str(path)))
            return _Spec(path.read_bytes(), str(path), path.parent, name if name in names else None, around)
    raise AttributeError(f"no spec in {folder} is called {name}")


def _deployed(digest: str) -> _Spec:
    state = _state()
    bundle = shelf.find(state, digest)
    if bundle is None:
        with ThreadPoolExecutor(1) as thread:  # whoever asks for a flow may be in an event loop
            bundle = thread.submit(asyncio.run, _fetched(state, digest)).result()
        shelf.keep(state, [bundle])
    folder = Path(os.environ.get("RUNNER_PROJECT", ".")).resolve() / Path(bundle.path).parent
    return _Spec(bundle.data, bundle.path, folder, bundle.name, bundle.around)


async def _fetched(state: Path, digest: str) -> Bundle:
    store = wiring.open_store(state, read_only=True)
    await store.open()
    try:
        return await shelf.fetch(store, digest)
    finally:
        await store.close()


def _state() -> Path:
    return Path(os.environ.get("RUNNER_STATE", ".runner"))


def _flow(spec: _Spec) -> Flow[..., Any]:
    async def body(inputs: dict[str, Json]) -> State[Any]:
        try:
            report = await _run(spec, inputs)
        except RunnerError as error:
            return Failed(message=f"{error.message}. {error.hint}".rstrip(". ") + ".")
        return run_state(report.state, [message] if (message := str(report.document["message"])) else [])

    return build_flow(_plan(spec, None), body)


async def _run(spec: _Spec, inputs: dict[str, Json]) -> Report:
    """Compile again, with the inputs of this run, and execute inside the flow run that is current: from where an
    earlier process of it has left the run, or, of one that failed, what failed.
    """
    plan = _plan(spec, inputs)
    state, tell = _state(), get_run_logger().info
    secrets, children = prepare(plan, os.environ)
    store = wiring.open_store(state)
    await store.open()
    try:
        taken = await taking(store, *current_flow_run(), tell)
        prior: Prior = Prior()
        begins: Mapping[str, Beginning] = {}
        if taken.before is not None:
            prior, begins = await asyncio.to_thread(_again, plan, taken.before, state, tell)
        elif taken.kept is not None:
            tell(f"going on with run {taken.kept.run}")
        pages = Pages(await family(store, taken.kept) if taken.kept is not None else (), state)
        needed = support.needs_boxes(plan, children.values())
        # Boxes of a run that was cut off rest in its folder; its endpoint may be at it still.
        rest = wiring.Rest(state / "boxes" / taken.id, _PATIENCE if taken.kept else 0.0)
        async with wiring.open_providers(os.environ, needed=needed, tell=tell, rest=rest) as provision:
            setup = Setup(
                store=store,
                engine=CurrentFlow(pages),
                providers=provision.providers,
                clock=SystemClock(),
                id=taken.id,
                state=state,
                spec=spec.folder,
                facts=provision.facts,
                secrets=secrets,
                children=children,
                groups=wiring.groups_folder(os.environ),
                snapshots=Snapshots(beginnings=begins),
                prior=prior,
                on_event=pages.event,
                on_text=pages.text,
            )
            async with shipped(store, wiring.open_audit(os.environ), SystemClock(), tell):
                return await execute(plan, setup, Control(), taken.kept)
    finally:
        await store.close()


def _again(plan: Plan, before: Kept, state: Path, tell: Callable[[str], None]) -> tuple[Prior, Mapping[str, Beginning]]:
    """What is taken over from a run that failed; nothing where that cannot be: then all of it is made again."""
    try:
        prior, begins = Rerun(plan, before, state).prepare(Choice("failed"))
    except UsageError as error:
        tell(f"all of run {before.run} is made again: {error.message}")
        return Prior(), {}
    tell(f"what failed in run {before.run} is made again; taken over: {', '.join(prior.legs) or 'nothing'}")
    return prior, begins


def _plan(spec: _Spec, inputs: dict[str, Json] | None) -> Plan:
    """The plan of the spec. Raises SpecError when it has errors, by now too."""
    found = compile_plan(spec.data, spec.path, inputs, spec.around, spec.name)
    if found.plan is None:
        first = next(finding for finding in found.diagnostics if finding.severity is Severity.ERROR)
        raise SpecError(f"{spec.path} has errors: {first.message}", found.diagnostics, f"runner validate {spec.path}")
    return found.plan
