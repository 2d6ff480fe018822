"""`runner status`: the runs, or one run with its legs, milestones and artifacts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import typer

from runner.cli.asking import Asked, open_questions
from runner.cli.printed import answering, command
from runner.cli.state import JSON, STATE, find_run, local, reading, seconds_between, span
from runner.cli.table import one_line, render
from runner.cli.takeable import leases, whose
from runner.compiler.canonical import Json
from runner.run import questions
from runner.run.lease import is_going_on
from runner.run.ports import Record, StateStore
from runner.run.stored import Lease

_ENDED = frozenset({"succeeded", "failed", "skipped", "cancelled"})
_GOING_ON = frozenset({"pending", "ready", "running"})
#: What is told of a run beside its legs; attempts and approvals in JSON alone.
_PARTS = ("milestone", "artifact", "box", "attempt", "approval")
Document = dict[str, Json]


def status(
    run: str | None = typer.Argument(
        None, metavar="[RUN]", help="A run's id, the beginning of it, or `last`; without it, all runs."
    ),
    limit: int = typer.Option(20, "--limit", min=1, help="How many runs to list, the newest first."),
    state: Path = STATE,
    as_json: bool = JSON,
) -> None:
    """Show all runs, or one run in detail.

    The detail is its steps, milestones and artifacts, and where each step ran.
    """
    asyncio.run(_list(state, limit, as_json) if run is None else _one(state, run, as_json))


async def _list(state: Path, limit: int, as_json: bool) -> None:
    async with reading(state) as store:
        held = await leases(store)
        runs = [await _summary(store, record, held) for record in await store.runs(limit)] if store else []
    if as_json:
        typer.echo(json.dumps(runs, ensure_ascii=False))
    elif not runs:
        typer.echo(f"no runs in {state} yet; start one with `runner run SPEC`")
    else:
        heads = ("RUN", "NAME", "STATE", "ENGINE", "STARTED", "DURATION", "STEPS")
        typer.echo(render(heads, [_run_row(run) for run in runs]))


async def _one(state: Path, name: str, as_json: bool) -> None:
    async with reading(state) as store:
        record = await find_run(store, state, name)
        if store is None:  # find_run raised already
            return
        run = await _summary(store, record, await leases(store))
        legs = [_leg(each, run["state"] == "interrupted") for each in await store.all(record.key, "step")]
        parts = {table: await store.all(record.key, table) for table in _PARTS}
        version = await store.get(record.key, "workflow", str(run.get("workflow")))
        run["version"] = version.data if version else None
        run["switches"] = [{**each.data} for each in await store.events(record.key) if each.type == "sandbox.fallback"]
        run["asks"] = [_question(state, record.key, each) for each in await open_questions(store, record.key)]
    legs.sort(key=lambda leg: (str(leg.get("started_at") or "~"), str(leg["key"])))
    lists = {f"{table}s" if table != "box" else "boxes": _documents(records) for table, records in parts.items()}
    if as_json:
        typer.echo(json.dumps({"run": run, "steps": legs, **lists}, ensure_ascii=False))
    else:
        typer.echo(_page(run, legs, lists, state))


async def _summary(store: StateStore, record: Record, held: Mapping[str, Lease]) -> Document:
    """The run's document with what can be derived: `interrupted`, `last_event_at`, `duration`, `steps_done`; and
    `lease`, the seconds for which it is held still, where there is one.
    """
    data: Document = {**record.data, "id": record.key}
    legs = await store.all(record.key, "step")
    head = await store.head(record.key)
    last = await store.events(record.key, after=head[0] - 1) if head else []
    data["last_event_at"] = last[-1].ts if last else None
    parent = record.data.get("parent")
    lease = held.get(str(parent["run"]) if isinstance(parent, dict) else record.key)
    data["state"] = _state(record.data, lease)
    if lease is not None and record.data.get("state") in _GOING_ON:
        data["lease"] = round(lease.seconds, 1)
    # A dead owner wrote no end: the last sign of life stands for it.
    end = data["last_event_at"] if data["state"] == "interrupted" else data.get("ended_at")
    data["duration"] = seconds_between(data.get("started_at"), end)
    data["steps_done"] = sum(leg.data.get("state") in _ENDED for leg in legs)
    data["steps_total"] = data.get("steps_total") or len(legs)
    return data


def _question(state: Path, run: str, asked: Asked) -> Document:
    """What a run asks, and the command that answers it."""
    told = questions.asked(asked.leg)
    shown = {name: told[name] for name in ("about", "prompt", "form", "owner", "until", "on_timeout")}
    return {"step": asked.name, **shown, "answer": answering(state, run, asked.name, told["form"])}


def _state(run: Document, lease: Lease | None) -> str:
    found = str(run.get("state") or "pending")
    if found in _GOING_ON and isinstance(run.get("owner"), dict) and not is_going_on(run, lease):
        return "interrupted"
    return found


def _leg(record: Record, interrupted: bool) -> Document:
    leg: Document = {**record.data, "key": record.key}
    # Between two attempts a leg is ready: it had begun all the same.
    if interrupted and leg.get("started_at") and not leg.get("ended_at"):
        leg["state"] = "interrupted"
    if leg.get("state") == "interrupted":
        leg["duration"] = None
    else:
        leg["duration"] = seconds_between(leg.get("started_at"), leg.get("ended_at"))
    return leg


def _documents(records: list[Record]) -> list[Document]:
    return [{**record.data, "key": record.key} for record in records]


def _run_row(run: Document) -> list[str]:
    return [
        str(run["id"]),
        _name(run),
        str(run["state"]),
        str(run.get("engine") or "–"),
        local(run.get("started_at") or run.get("created_at")),
        span(_number(run["duration"])),
        f"{run['steps_done']}/{run['steps_total']}",
    ]


def _name(run: Document) -> str:
    """A run's name; of one below another, after the id of that one."""
    name, parent = one_line(run.get("name") or run.get("spec") or "–", 40), run.get("parent")
    return f"{name} (below {parent.get('run')})" if isinstance(parent, dict) else name


def _leg_row(leg: Document) -> list[str]:
    return [
        one_line(leg["key"], 60),
        str(leg.get("state") or "pending"),
        str(leg.get("attempt") or "–"),
        span(_number(leg["duration"])),
        _where(leg),
        one_line(leg.get("message")),
    ]


def _where(leg: Document) -> str:
    """Which box, which run below, or which earlier run did the work."""
    cached = leg.get("cached")
    if isinstance(cached, dict):
        return f"cache: {cached.get('run')}"
    reused = leg.get("reused")
    if isinstance(reused, dict):
        return f"of run {reused.get('run')}"
    if leg.get("child"):
        return f"run {leg['child']}"
    return f"{leg['provider']} {one_line(leg.get('box'), 24)}".strip() if leg.get("provider") else "–"


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) else None


def _page(run: Document, legs: list[Document], lists: dict[str, list[Document]], state: Path) -> str:
    milestones, artifacts = lists["milestones"], lists["artifacts"]
    title = one_line(run.get("title") or run.get("name") or run.get("spec"))
    facts = [
        f"run {run['id']}  {title}".rstrip(),
        f"state {run['state']}, engine {run.get('engine') or '–'}, started {local(run.get('started_at'))}, "
        f"took {span(_number(run['duration']))}, steps {run['steps_done']}/{run['steps_total']}",
    ]
    parent = run.get("parent")
    if isinstance(parent, dict):
        facts.append(f"started by step {one_line(parent.get('step'))} of run {parent.get('run')}")
    again = run.get("rerun_of")
    if isinstance(again, dict):
        facts.append(f"made again from run {again.get('run')}: {_part(again)}")
    if run.get("outputs"):
        facts.append(f"outputs {one_line(json.dumps(run['outputs'], ensure_ascii=False), 400)}")
    if run.get("message"):
        facts.append(one_line(run["message"], 400))
    facts += [sentence for sentence in (cost_words(run, lists["boxes"]), *_switches(run)) if sentence]
    facts += _asks(run)
    facts += _process(run)
    if run["state"] in ("interrupted", "paused"):
        above = parent["run"] if isinstance(parent, dict) else run["id"]
        facts.append(f"go on with it: {command(state, 'resume', str(above))}")
    parts = ["\n".join(facts)]
    if legs:
        heads = ("STEP", "STATE", "ATTEMPT", "DURATION", "BOX", "MESSAGE")
        parts.append(render(heads, [_leg_row(leg) for leg in legs]))
    if milestones:
        parts.append(
            render(("MILESTONE", "STATE", "WEEK", "TITLE", "CHECKS"), [_milestone_row(each) for each in milestones])
        )
    if artifacts:
        parts.append(render(("ARTIFACT", "FILES", "BYTES", "DIGEST", "PATH"), [_artifact_row(a) for a in artifacts]))
    return "\n\n".join(parts)


def _part(again: Document) -> str:
    """Which part of a run was made again."""
    steps = again.get("steps")
    if isinstance(steps, list) and steps:
        return one_line(f"{again.get('mode')} {', '.join(map(str, steps))}", 200)
    return "what did not succeed" if again.get("mode") == "failed" else "all of it"


def _process(run: Document) -> list[str]:
    """What is known of the run's process."""
    if run["state"] == "interrupted":
        return [f"its process is gone; last event at {local(run['last_event_at'])}"]
    left = _number(run.get("lease"))
    return [] if left is None else [f"going on in {whose(run, Lease('', left))}"]


def cost_words(run: Document, boxes: list[Document]) -> str:
    """What a run cost, as far as it is known: an estimate, with what it is for; "" without any box."""
    cost = run.get("cost")
    if not boxes or not isinstance(cost, dict):
        return ""
    seconds = f"{len(boxes)} {'box' if len(boxes) == 1 else 'boxes'}, {span(_number(cost.get('box_seconds')))}"
    if all(box.get("free") for box in boxes):
        return f"cost $0 ({seconds} on this machine's embedded endpoint, which costs nothing)"
    return f"cost about ${_number(cost.get('usd')) or 0:.4f} ({seconds}; estimated from what was allocated)"


def _asks(run: Document) -> list[str]:
    """What a run waits for people to decide, one sentence each."""
    found = run.get("asks")
    return [_reminder(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _reminder(asked: Document) -> str:
    owner = f" of {asked['owner']}" if asked.get("owner") else ""
    until = f" (until {local(asked['until'])}, then: {asked['on_timeout']})" if asked.get("until") else ""
    question = f"{asked['step']} waits for a decision{owner}: {one_line(asked['prompt'], 300)}{until}"
    return f"{question}\n  {asked['answer']}"


def _switches(run: Document) -> list[str]:
    found = run.get("switches")
    return [_switch(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _switch(data: Document) -> str:
    """One change of provider."""
    took, after = _number(data.get("switch_ms")), _number(data.get("retry_after"))
    words = f"sandbox {data.get('sandbox')}: {data.get('from')} → {data.get('to')}"
    words += f" in {took:.0f} ms" if took is not None else ", which failed too"
    words += f" ({data.get('class')}: {one_line(data.get('reason'), 200)})"
    return words + (f", to be asked again after {after:g} s" if after is not None else "")


def _milestone_row(milestone: Document) -> list[str]:
    checks = milestone.get("checks")
    known = [check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []
    failed = [one_line(check.get("expression"), 60) for check in known if not check.get("ok")]
    words = f"not: {'; '.join(failed)}" if failed else f"{len(known)} of {len(known)} hold" if known else "–"
    title = one_line(milestone.get("title"), 60)
    week = str(milestone.get("week") or milestone.get("due") or "–")
    return [one_line(milestone["key"], 40), str(milestone.get("state") or "pending"), week, title or "–", words]


def _artifact_row(artifact: Document) -> list[str]:
    files = artifact.get("files")
    count = len(files) if isinstance(files, list | dict) else files
    digest = str(artifact.get("digest") or "–").removeprefix("sha256:")[:12]
    size = str(artifact.get("bytes") if artifact.get("bytes") is not None else "–")
    shown = str(count if count is not None else "–")
    return [one_line(artifact["key"], 60), shown, size, digest, one_line(artifact.get("path"))]
