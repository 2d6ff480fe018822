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
GRAPHS = {"one": graphs.one, "chain": graphs.chain, "layered": graphs.layered}
TITLES = {"one": "A single step: what everybody pays to start", "chain": "Chain", "layered": "Ten layers"}
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
    seldom: int

    def folder(self, name: str) -> Path:
        """A fresh folder for one engine."""
        folder = self.work / self.shape / name
        folder.mkdir(parents=True)
        return folder


def run(work: Path, quick: bool) -> Section:
    """Time all engines on both graphs, with one Prefect server that was started beforehand."""
    often, seldom = QUICK if quick else FULL
    env = clean_environment(work / "home")
    timings: dict[str, dict[str, Timing]] = {}
    with servers.prefect(work, env) as api, servers.e2b_endpoint(work, env) as endpoint:
        for shape, make in GRAPHS.items():
            stage = Stage(work, shape, make(), env, seldom)
            prefect = {"PREFECT_API_URL": api}
            cases = [_ours(stage, LOCAL, {}), _ours(stage, PREFECT, prefect)]
            for peer in peers.PEERS:
                cases.append(_peer(stage, peer, (prefect if peer.server else {}) | (endpoint if peer.boxes else {})))
            timings[shape] = interleaved(cases, often)
            _prove_shown(api, shape, timings[shape][PREFECT].count * len(stage.graph))
    return _section(timings)


def spec_text(graph: Graph, name: str) -> str:
    """The graph as a spec of ours: every step echoes its name in the run's one default box."""
    lines = ["spec: 1", f"name: {name}", "steps:"]
    for step, upstream in graph.items():
        after = f"after: [{', '.join(upstream)}], " if upstream else ""
        lines.append(f"  {step}: {{{after}run: echo {step}}}")
    return "\n".join(lines) + "\n"


def _flow(shape: str) -> str:
    return f"echo-{shape}"


def _ours(stage: Stage, engine: str, services: Mapping[str, str]) -> Case:
    kind = "prefect" if engine == PREFECT else "local"
    folder = stage.folder(kind)
    spec, state = folder / "hundred.yaml", folder / "state"
    spec.write_text(spec_text(stage.graph, _flow(stage.shape)))
    env = {**stage.env, **services, "RUNNER_STATE": str(state)}
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


def _peer(stage: Stage, peer: peers.Peer, services: Mapping[str, str]) -> Case:
    folder = stage.folder(re.sub(r"\W+", "-", peer.name))
    argv = peer.write(folder, stage.graph)
    env = {**stage.env, **services, **peer.env}

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


def _prove_shown(api: str, shape: str, want: int) -> None:
    """The server shows every step of every one of our flow runs as a completed task run."""
    body = {
        "flows": {"name": {"any_": [_flow(shape)]}},
        "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    found, deadline = 0, time.monotonic() + 60
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
        graph, base, ours = GRAPHS[shape](), found[peers.BASELINE].median, found[LOCAL].median
        edges = sum(map(len, graph.values()))
        rows = [
            [name, span(timing.median), times(timing.median / base), times(timing.median / ours), str(timing.count)]
            for name, timing in found.items()
        ]
        section.markdown += [
            *([""] if section.markdown else []),
            f"**{TITLES[shape]}**" + (f" ({len(graph)} steps, {edges} edges)" if edges else ""),
            "",
            *table(["engine", "median", "× plain script", "× runner local", "runs"], rows),
            *(["", *_budgets(found)] if edges else []),
        ]
        section.raw[shape] = {name: timing.to_json() for name, timing in found.items()}
    return section


def _budgets(found: dict[str, Timing]) -> list[str]:
    lines = [
        f"- {name}: budget {span(budget)}, {'held' if found[name].median <= budget else 'MISSED'}"
        for name, budget in BUDGETS.items()
    ]
    ours = found[PREFECT].median
    by_hand = ours / min(found[peers.HAND_SYNC].median, found[peers.HAND_ASYNC].median)
    boxed = ours / found[peers.HAND_BOXED].median
    verdict = "held" if by_hand <= 1 else "MISSED"
    return [
        *lines,
        f"- {PREFECT}, against the fastest flow written by hand: {times(by_hand)} (budget 1.0 ×, {verdict})",
        f"- {PREFECT}, against the one whose steps run in a box: {times(boxed)}",
    ]
