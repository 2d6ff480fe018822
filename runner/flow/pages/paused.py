"""Flow runs that stand for questions: paused ones, which nobody executes, with a form behind *Resume*.

A pause of the run's own flow run would not do: Prefect starts no task run in a flow run that is paused, and the run
goes on with whatever does not wait for the answer. Each question has a flow run of its own for that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.input.run_input import keyset_from_base_key
from prefect.states import to_state_create

from runner.compiler.canonical import Json
from runner.flow.pages.slip import Slip, description, schema
from runner.records import dataclass

#: The flow that questions are runs of.
FLOW = "approval"
#: An answer needs so many seconds from the page to the run: the page takes none that would come too late.
_WAY = timedelta(seconds=2)
_MOST = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """How a question stands in the pages; `since` is when its flow run got its state, `parent` the task run that it is
    shown below.
    """

    id: UUID
    key: str
    parent: UUID | None
    state: str
    since: datetime

    @property
    def open(self) -> bool:
        """Whether the page has the form."""
        return self.state == "PAUSED"

    @property
    def over(self) -> bool:
        """Whether the flow run has ended, so that nobody can answer."""
        return self.state in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


async def exists(task_run: UUID) -> bool:
    """Whether the server has that task run by now: it writes them down a moment after they were told."""
    async with get_client() as client:
        try:
            await client.request("GET", "/task_runs/{id}", path_params={"id": task_run})
        except PrefectHTTPStatusError as error:
            if error.response.status_code == 404:
                return False
            raise
    return True


async def make(slip: Slip, parent: UUID | None) -> Standing:
    """The flow run of a question, which is made unless it is there: below the task run `parent`, if any."""
    async with get_client() as client:
        flow = (await client.request("POST", "/flows/", json={"name": FLOW})).json()["id"]
        new = {
            "flow_id": flow,
            "name": f"{slip.run} {slip.path}",
            "idempotency_key": slip.key,
            "parent_task_run_id": None if parent is None else str(parent),
            "tags": ["runner", *([f"owner:{slip.owner}"] if slip.owner else [])],
            "state": _as_json(_paused(slip, 1, [])),
        }
        row = (await client.request("POST", "/flow_runs/", json=new)).json()
        found = _standing(row)
        if found.open:
            await _write_form(client, found.id, slip, 1, [])
        return found


async def standings(*, ids: Sequence[UUID] = (), keys: Sequence[str] = ()) -> list[Standing]:
    """How these questions stand, by the ids of their flow runs, or by their own keys, but for those that are gone."""
    found: list[Standing] = []
    async with get_client() as client:
        for at in range(0, len(ids or keys), _MOST):
            wanted = {"id": {"any_": [str(each) for each in ids[at : at + _MOST]]}}
            if not ids:
                wanted = {"idempotency_key": {"any_": [*keys[at : at + _MOST]]}}
            answer = await client.request("POST", "/flow_runs/filter", json={"flow_runs": wanted, "limit": _MOST})
            found += [_standing(row) for row in answer.json()]
    return found


async def response(flow_run: UUID) -> tuple[int, Json]:
    """How often the form was shown, and what was filled into it the last time; None for nothing."""
    async with get_client() as client:
        wanted = {"prefix": "paused-", "limit": _MOST}
        answer = await client.request("POST", "/flow_runs/{id}/input/filter", path_params={"id": flow_run}, json=wanted)
    kept = {str(row["key"]): row["value"] for row in answer.json()}
    times = max((int(key.split("-")[1]) for key in kept), default=1)
    value = kept.get(_keyset(times)["response"])
    return times, None if value is None else json.loads(value)


async def ask_again(flow_run: UUID, slip: Slip, times: int, wrong: list[str]) -> None:
    """Show the form once more, the `times`th time, with what was wrong above it."""
    async with get_client() as client:
        await _write_form(client, flow_run, slip, times, wrong)
        await client.set_flow_run_state(flow_run, _paused(slip, times, wrong), force=True)


async def end(flow_run: UUID, type_: str, name: str, message: str) -> None:
    """The question is asked no more; a flow run that somebody has deleted is fine."""
    state: State[Any] = State(type=StateType(type_), name=name, message=message)
    async with get_client() as client:
        with suppress(ObjectNotFound):
            await client.set_flow_run_state(flow_run, state, force=True)


# ---------------------------------------------------------------- inside


def _keyset(times: int) -> dict[str, str]:
    return {str(name): key for name, key in keyset_from_base_key(f"paused-{times}").items()}


def _paused(slip: Slip, times: int, wrong: list[str]) -> State[Any]:
    until = None if slip.until is None else datetime.fromtimestamp(slip.until, UTC) - _WAY
    details: Any = {"pause_timeout": until, "pause_key": str(times), "run_input_keyset": _keyset(times)}
    message = f"{slip.prompt} (not answered: {'; '.join(wrong)})" if wrong else slip.prompt
    return State(
        type=StateType.PAUSED, name="Paused", message=message, state_details=StateDetails.model_validate(details)
    )


async def _write_form(client: PrefectClient, flow_run: UUID, slip: Slip, times: int, wrong: list[str]) -> None:
    keys = _keyset(times)
    until = "" if slip.until is None else datetime.fromtimestamp(slip.until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    texts: dict[str, Json] = {keys["schema"]: schema(slip), keys["description"]: description(slip, until, wrong)}
    for key, value in texts.items():
        new = {"key": key, "value": json.dumps(value)}
        try:
            await client.request("POST", "/flow_runs/{id}/input", path_params={"id": flow_run}, json=new)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != 409:  # it is there, from a process before this one
                raise


def _as_json(state: State[Any]) -> dict[str, Any]:
    return to_state_create(state).model_dump(mode="json", serialize_as_any=True)


def _standing(row: dict[str, Any]) -> Standing:
    state = row["state"] or {}
    since = datetime.fromisoformat(str(state.get("timestamp") or row["created"]))
    parent = None if row["parent_task_run_id"] is None else UUID(row["parent_task_run_id"])
    return Standing(UUID(row["id"]), str(row["idempotency_key"]), parent, str(state.get("type")), since)
