"""100 echo steps, as a chain and as ten layers, on runner's engines and on others."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import engine_peers as peers
from benchmarks import graphs, servers
from benchmarks.graphs import Graph
from benchmarks.harness import (
    BenchmarkFailed,
    Case,
    Section,
    Timing,
    clean_environment,
    interleaved,
    process,
    span,
    table,
    times,
    tool,
)

LOCAL, PREFECT = "runner, engine `local`", "runner, engine `prefect`"
GRAPHS = {"chain": graphs.chain, "layered": graphs.layered}
BUDGETS = {LOCAL: 1.5, PREFECT: 4.0}
#: (repetitions, repetitions of what takes seconds)
FULL, QUICK = (5, 3), (1, 1)


@dataclass(frozen=True, slots=True)
class Stage:
    """One graph with what its engines run in; `seldom` is the number of repetitions of slow ones."""

    work: Path
    shape: str
    graph: Graph
    env: Mapping[str, str]
    api: str
    seldom: int

    def folder(self, name: str) -> Path:
        """A fresh folder for one engine."""
        folder = self.work / self.shape / name
        folder.mkdir(parents=True)
        return folder

    def environment(self, server: bool) -> dict[str, str]:
        """A clean environment, with the address of the Prefect server for those that need it."""
        return {**self.env, **({"PREFECT_API_URL": self.api} if server else {})}


def run(work: Path, quick: bool) -> Section:
    """Time all engines on both graphs, with one Prefect server that was started beforehand."""
    often, seldom = QUICK if quick else FULL
    env = clean_environment(work / "home")
    timings: dict[str, dict[str, Timing]] = {}
    with servers.prefect(work, env) as api:
        for shape, make in GRAPHS.items():
            stage = Stage(work, shape, make(), env, api, seldom)
            cases = [_ours(stage, engine) for engine in (LOCAL, PREFECT)]
            cases += [_peer(stage, peer) for peer in peers.PEERS]
            timings[shape] = interleaved(cases, often)
            _prove_shown(api, shape, timings[shape][PREFECT].count)
    return _section(timings)


def spec_text(graph: Graph, name: str) -> str:
    """The graph as a spec of ours: every step echoes its name in the run's one default box."""
    lines = ["spec: 1", f"name: {name}", "steps:"]
    for step, upstream in graph.items():
        after = f"after: [{', '.join(upstream)}], " if upstream else ""
        lines.append(f"  {step}: {{{after}run: echo {step}}}")
    return "\n".join(lines) + "\n"


def _flow(shape: str) -> str:
    return f"hundred-{shape}"


def _ours(stage: Stage, engine: str) -> Case:
    kind = "prefect" if engine == PREFECT else "local"
    folder = stage.folder(kind)
    spec, state = folder / "hundred.yaml", folder / "state"
    spec.write_text(spec_text(stage.graph, _flow(stage.shape)))
    env = {**stage.environment(kind == "prefect"), "RUNNER_STATE": str(state)}
    argv = [tool("runner"), "run", str(spec), "--engine", kind]
    return Case(
        engine,
        lambda: process(argv, cwd=folder, env=env),
        prepare=lambda: shutil.rmtree(state, ignore_errors=True),
        check=lambda _: graphs.prove(_journal(folder, env), stage.graph, engine),
        most=None if kind == "local" else stage.seldom,
    )


def _journal(folder: Path, env: Mapping[str, str]) -> list[str]:
    """The steps in the order in which they ended. Their journal must verify, each must have said its name."""

    def ask(*words: str) -> str:
        return process([tool("runner"), *words], cwd=folder, env=env).stdout

    ask("audit", "verify", "last")
    steps = json.loads(ask("status", "last", "--json"))["steps"]
    ended = sorted((step["ended_at"], step["key"]) for step in steps if step["state"] == "succeeded")
    said = {line["step"]: line["text"] for line in json.loads(ask("logs", "last", "--json"))}
    silent = [key for _, key in ended if said.get(key) != f"{key}\n"]
    if silent:
        raise BenchmarkFailed(f"runner kept no output of the steps {', '.join(silent[:5])}")
    return [key for _, key in ended]


def _peer(stage: Stage, peer: peers.Peer) -> Case:
    folder = stage.folder(re.sub(r"\W+", "-", peer.name))
    argv = peer.write(folder, stage.graph)
    env = {**stage.environment(peer.server), **peer.env}

    def prepare() -> None:
        for name in (*peer.leftovers, "order.log"):
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (folder / "out").mkdir(exist_ok=True)

    return Case(
        peer.name,
        lambda: process(argv, cwd=folder, env=env),
        prepare=prepare,
        check=lambda _: graphs.prove_log(folder / "order.log", stage.graph, peer.name),
        most=stage.seldom if peer.slow else None,
    )


def _prove_shown(api: str, shape: str, runs: int) -> None:
    """The server shows every step of every one of our flow runs as a completed task run."""
    body = {
        "flows": {"name": {"any_": [_flow(shape)]}},
        "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    want, found, deadline = runs * graphs.STEPS, 0, time.monotonic() + 60
    while found < want:
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"Prefect shows {found} completed task runs of `{_flow(shape)}`, not {want}")
        time.sleep(0.5)
        request = urllib.request.Request(
            f"{api}/task_runs/count", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = int(json.loads(answer.read()))


def _section(timings: dict[str, dict[str, Timing]]) -> Section:
    section = Section("engines", "100 echo steps")
    for shape, found in timings.items():
        base, ours = found[peers.BASELINE].median, found[LOCAL].median
        by_hand = min(found[peers.HAND_SYNC].median, found[peers.HAND_ASYNC].median)
        rows = [
            [name, span(timing.median), times(timing.median / base), times(timing.median / ours), str(timing.count)]
            for name, timing in found.items()
        ]
        held = [
            f"{name}: budget {budget:g} s, {'held' if found[name].median <= budget else 'MISSED'}"
            for name, budget in BUDGETS.items()
        ]
        ratio = found[PREFECT].median / by_hand
        held.append(
            f"engine `prefect` against the faster flow written by hand: {times(ratio)} "
            f"(budget 1.0 ×, {'held' if ratio <= 1 else 'MISSED'})"
        )
        section.markdown += [
            *([""] if section.markdown else []),
            f"**{shape}** ({sum(map(len, GRAPHS[shape]().values()))} edges)",
            "",
            *table(["engine", "median", "× plain script", "× runner local", "runs"], rows),
            "",
            *(f"- {line}" for line in held),
        ]
        section.raw[shape] = {name: timing.to_json() for name, timing in found.items()}
    return section
