"""`runner explain RUN STEP`: why a step was run or not, in plain words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import typer

from runner.cli.reasons import changed, key_of, reasons
from runner.cli.snapshot import find_leg
from runner.cli.state import find_run, local, reading, span
from runner.cli.table import one_line
from runner.compiler.canonical import Json
from runner.errors import StoreError, UsageError
from runner.run.kept import Kept, load, load_plan
from runner.run.ports import StateStore

Document = Mapping[str, Json]
#: How many runs before this one are asked for a key of the same step.
_RUNS = 50
_PAST = {"cancelled": "was cancelled", "skipped": "was skipped", "succeeded": "succeeded", "failed": "failed"}


def explain_step(state: Path, run: str, step: str, *, as_json: bool) -> None:
    """Say why a step of a run was run or not. Raises UsageError for an unknown run or step, StoreError."""
    found = asyncio.run(_reasons(state, run, step))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    parts = [list(part) for part in (_head(found), _before(found), _cache(found), _attempts(found), _box(found))]
    typer.echo("\n\n".join("\n".join(part) for part in parts if part))


async def _reasons(state: Path, name: str, step: str) -> dict[str, Json]:
    async with reading(state) as store:
        record = await find_run(store, state, name)
        if store is None:  # find_run raised already
            raise UsageError(f"no runs in {state}")
        leg = await find_leg(store, record.key, step)
        kept = await load(store, record.key)
        try:
            plan = await asyncio.to_thread(load_plan, state, kept)
        except StoreError:
            plan = None
        found = reasons(kept, leg.key, plan)
        cache = found["cache"]
        if isinstance(cache, dict):
            cache["compared"] = await _compared(store, kept, leg.key, cache)
        return found


async def _compared(store: StateStore, kept: Kept, leg: str, now: Document) -> dict[str, Json] | None:
    """The key that the same step had in the newest run before this one, and in what it differs."""
    mine = kept.document
    for other in await store.runs(limit=_RUNS):
        older = str(other.data["created_at"]) < str(mine["created_at"])
        if older and other.data.get("name") == mine.get("name"):
            before = key_of(await store.events(other.key), leg)
            if before is not None:
                return {"run": other.key, "changed": changed(now, before)}
    return None


# ---------------------------------------------------------------- for people


def _dict(value: Json) -> Document:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Document]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _head(found: Document) -> Iterator[str]:
    state, message = str(found["state"]), one_line(found["message"], 300)
    past = _PAST.get(state, f"is {state}")
    yield f"{found['step']} of run {found['run']} ({found['workflow']}) {past}{f': {message}' if message else ''}"
    taken = _dict(found["reused"])
    if taken:
        yield f"  it did not run here: its end was taken over from {taken['leg']} of run {taken['run']}"
    again = _dict(found["rerun_of"])
    if again and not taken:
        yield f"  the run makes run {again['run']} again ({again['mode']})"
    if found["seconds"] is not None:
        usd = found["usd"]
        cost = f", cost about ${usd:.4f}" if isinstance(usd, float) and usd else ""
        yield f"  it took {span(cast('float', found['seconds']))}{cost}"
    for at in cast("list[str]", found["resumed"]):
        yield f"  another process went on with the run at {local(at)}"


def _before(found: Document) -> Iterator[str]:
    upstream, condition = _list(found["upstream"]), _dict(found["condition"])
    if upstream or condition:
        yield "before it"
    for each in upstream:
        yield f"  {each['step']}: {', '.join(cast('list[str]', each['states']))}"
    if condition:
        value = {True: "true", False: "false", None: "not asked"}[cast("bool | None", condition["value"])]
        alone = "; it alone decides, also after a failure" if condition["guards_failure"] else ""
        yield f"  condition `{condition['expression']}`: {value}{alone}"
    for each in _list(found["decisions"]):
        by = f" by {each['by']}" if each.get("by") else ""
        yield f"  decision: {each['decision']}{by}"
    for each in _list(found["waits"]):
        yield f"  waited: {one_line(each.get('reason') or _group(each), 200)}"


def _group(wait: Document) -> str:
    holders = cast("list[str]", wait.get("holders") or [])
    return f"the concurrency group {wait.get('group')} was full: {', '.join(holders)}"


def _cache(found: Document) -> Iterator[str]:
    cache = _dict(found["cache"])
    if not cache:
        return
    yield "cache"
    yield f"  key `{one_line(cache.get('expression'), 200)}` = {one_line(cache['key'], 200)}"
    if cache["hit"]:
        yield f"  hit: the outputs are those of {cache['leg']} of run {cache['run']}, which ended {local(cache['at'])}"
    else:
        yield f"  miss: {one_line(cache['reason'], 300)}"
    compared = _dict(cache["compared"])
    if not compared:
        yield "  no run before this one had a key of this step"
    elif not (differences := _list(compared["changed"])):
        yield f"  the same as in run {compared['run']}"
    else:
        yield f"  other than in run {compared['run']}:"
        for each in differences:
            yield f"    {each['part']}: {_part(each['was'])} → {_part(each['is'])}"
    for name, value in _dict(cache.get("parts")).items():
        yield f"  {name} = {_part(value)}"
    kept = _dict(cache["kept"])
    if kept:
        yield "  kept for later runs" if kept["kept"] else f"  not kept for later runs: {kept['reason']}"


def _part(value: Json) -> str:
    return "nothing" if value is None else one_line(value, 110)


def _attempts(found: Document) -> Iterator[str]:
    attempts = _list(found["attempts"])
    if attempts:
        yield "attempts"
    for each in attempts:
        yield f"  {each['number']}  {local(each['started_at'])}  {_ended(each)}"
    for each in _list(found["policies"]):
        yield f"  policy {each['policy']}: {each['do']}: {one_line(each['message'], 200)}"


def _ended(attempt: Document) -> str:
    if "seconds" not in attempt:
        return "has no end yet"
    words = f"{attempt['ended']} after {span(cast('float', attempt['seconds']))}"
    if "box_after" in attempt:
        words += f", {span(cast('float', attempt['box_after']))} of it until its box was there"
    if attempt.get("child"):
        words += f", as run {attempt['child']}"
    if attempt.get("message"):
        class_ = f" ({attempt['class']})" if attempt.get("class") else ""
        words += f": {one_line(attempt['message'], 200)}{class_}"
    if attempt.get("again_after") is not None:
        words += f"; again after {span(cast('float', attempt['again_after']))}"
    return words


def _box(found: Document) -> Iterator[str]:
    box = _dict(found["box"])
    if not box:
        return
    yield f"sandbox {box['sandbox']}"
    for each in _list(box["candidates"]):
        yield f"  {each['provider']}: {'' if each['accepted'] else 'no: '}{one_line(each['reason'], 200)}"
    for each in _list(box["changes"]):
        words = "another provider" if each["what"] == "sandbox.fallback" else "moved"
        yield f"  {words}: {each['from']} → {each['to']}: {one_line(each['reason'], 200)}"
    if box["box"] is not None:
        yield f"  its box: {box['box']} at {box['provider']}"
