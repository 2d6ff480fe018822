"""Every spec as a Prefect flow: `flows/run_spec.py:<spec name>` is the entrypoint of the spec with that name.

For workers, `prefect.yaml`, `flow.serve` and a call from Python alike. Specs are looked for in the folder RUNNER_SPECS,
else `specs`; state is kept in RUNNER_STATE, else `.runner`. Other than `runner run`, this imports
Prefect first and asks questions later: Prefect is the caller.
"""

from __future__ import annotations

import os
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
from runner.errors import RunnerError, SpecError
from runner.flow.build import build_flow
from runner.flow.engine import CurrentFlow
from runner.flow.legs import run_state
from runner.project.reader import reader
from runner.run import support
from runner.run.clock import SystemClock
from runner.run.execute import Report, Setup, execute
from runner.run.interrupt import Control
from runner.run.prepare import prepare
from runner.run.shipper import shipped


def __getattr__(name: str) -> Flow[..., Any]:
    """The flow of the spec with that name. Raises AttributeError, as modules do, when there is none."""
    if name.startswith("_"):
        raise AttributeError(name)
    return load(name)


def load(name: str) -> Flow[..., Any]:
    """The flow of the spec called `name`.

    Raises AttributeError when no spec has that name, SpecError when the one that has it has errors.
    """
    folder = Path(os.environ.get("RUNNER_SPECS", "specs"))
    # A file is usually called as its spec: try that one first, the others cost a look inside.
    for path in sorted(folder.glob("*.yaml"), key=lambda path: (path.stem != name, path.name)):
        names = workflow_names(path.read_bytes(), str(path))
        if name in names or (path.stem == name and names == [""]):
            return _flow(path.resolve(), _plan(path, None, name if name in names else None))
    raise AttributeError(f"no spec in {folder} is called {name}")


def _flow(path: Path, plan: Plan) -> Flow[..., Any]:
    async def body(inputs: dict[str, Json]) -> State[Any]:
        try:
            report = await _run(path, inputs, plan.name)
        except RunnerError as error:
            return Failed(message=f"{error.message}. {error.hint}".rstrip(". ") + ".")
        return run_state(report.state, [message] if (message := str(report.document["message"])) else [])

    return build_flow(plan, body)


async def _run(path: Path, inputs: dict[str, Json], name: str) -> Report:
    """Compile again, with the inputs of this run, and execute inside the flow run that is current."""
    plan = _plan(path, inputs, name)
    state = Path(os.environ.get("RUNNER_STATE", ".runner"))
    secrets, children = prepare(plan, os.environ)
    store = wiring.open_store(state)
    needed = support.needs_boxes(plan, children.values())
    async with wiring.open_providers(os.environ, needed=needed, tell=get_run_logger().info) as provision:
        await store.open()
        try:
            setup = Setup(
                store=store,
                engine=CurrentFlow(),
                providers=provision.providers,
                clock=SystemClock(),
                state=state,
                spec=path.parent,
                facts=provision.facts,
                secrets=secrets,
                children=children,
                groups=wiring.groups_folder(os.environ),
            )
            log = wiring.open_audit(os.environ)
            async with shipped(store, log, SystemClock(), get_run_logger().info):
                return await execute(plan, setup, Control())
        finally:
            await store.close()


def _plan(path: Path, inputs: dict[str, Json] | None, name: str | None) -> Plan:
    """The plan of the workflow called `name`. Raises SpecError when the spec has errors, by now too."""
    around = Surroundings(read=reader(str(path)))
    found = compile_plan(path.read_bytes(), str(path), inputs, around, name)
    if found.plan is None:
        first = next(finding for finding in found.diagnostics if finding.severity is Severity.ERROR)
        raise SpecError(f"{path} has errors: {first.message}", found.diagnostics, f"runner validate {path}")
    return found.plan
