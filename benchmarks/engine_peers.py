"""The same 100 steps as other engines take them: each peer is a folder of files and a command line.

Every step starts one `sh` that appends the step's name to `order.log`, from which the order is checked.
Engines that need a file to know that a step is done (snakemake, luigi) write it in the same `sh`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.graphs import Graph
from benchmarks.harness import BenchmarkFailed, tool


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine. `write` puts its files for a graph into a folder and returns the command to run there.

    `leftovers` are removed before every repetition, `order.log` with them; `server` says that it
    needs a Prefect server, `boxes` an endpoint for boxes, both up beforehand; `slow` saves repetitions.
    """

    name: str
    write: Callable[[Path, Graph], list[str]]
    leftovers: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    server: bool = False
    boxes: bool = False
    slow: bool = False


def _echo(name: str) -> str:
    return f"echo {name} >> order.log"


def _make(folder: Path, graph: Graph) -> list[str]:
    rules = [f"{name}: {' '.join(upstream)}\n\t@{_echo(name)}\n" for name, upstream in graph.items()]
    text = f".PHONY: all {' '.join(graph)}\nall: {' '.join(graph)}\n" + "".join(rules)
    (folder / "Makefile").write_text(text)
    program = Path("/usr/bin/make")
    if not program.is_file():
        raise BenchmarkFailed("GNU make is not installed: apt-get install make")
    return [str(program), "--silent", "-j2", "all"]


def _task(folder: Path, graph: Graph) -> list[str]:
    lines = ["version: '3'", "tasks:", f"  all: {{deps: [{', '.join(graph)}]}}"]
    for name, upstream in graph.items():
        # go-task has a shell of its own; `sh -c` makes it start a process as all the others do.
        lines += [f"  {name}:", "    run: once", f"    deps: [{', '.join(upstream)}]"]
        lines += ["    cmds:", f"      - sh -c '{_echo(name)}'"]
    (folder / "Taskfile.yml").write_text("\n".join(lines) + "\n")
    return [tool("task"), "--silent", "all"]


def _doit(folder: Path, graph: Graph) -> list[str]:
    text = f"""\
GRAPH = {graph!r}
def task_all():
    for name, upstream in GRAPH.items():
        yield dict(
            name=name,
            actions=[f"echo {{name}} >> order.log"],
            task_dep=[f"all:{{before}}" for before in upstream],
        )
"""
    (folder / "dodo.py").write_text(text)
    return [tool("doit"), "-v0", "-n", "2", "-P", "thread", "all"]


def _luigi(folder: Path, graph: Graph) -> list[str]:
    text = f"""\
import subprocess
import luigi
GRAPH = {graph!r}
class Step(luigi.Task):
    name = luigi.Parameter()
    def requires(self):
        return [Step(name=before) for before in GRAPH[self.name]]
    def output(self):
        return luigi.LocalTarget(f"out/{{self.name}}")
    def run(self):
        subprocess.run(["sh", "-c", f"echo {{self.name}} >> order.log; : > out/{{self.name}}"], check=True)
class All(luigi.WrapperTask):
    def requires(self):
        return [Step(name=name) for name in GRAPH]
"""
    (folder / "steps.py").write_text(text)
    return [tool("luigi"), "--module", "steps", "All", "--local-scheduler", "--workers", "1", "--log-level", "ERROR"]


def _snakemake(folder: Path, graph: Graph) -> list[str]:
    every = ", ".join(f'"out/{name}"' for name in graph)
    rules = [f"rule all:\n    input: {every}\n"]
    for name, upstream in graph.items():
        inputs = ", ".join(f'"out/{before}"' for before in upstream)
        head = f"rule {name}:\n" + (f"    input: {inputs}\n" if upstream else "")
        rules.append(f'{head}    output: "out/{name}"\n    shell: "{_echo(name)}; : > {{output}}"\n')
    (folder / "Snakefile").write_text("".join(rules))
    return [tool("snakemake"), "--cores", "2", "--quiet", "all", "--latency-wait", "1"]


def _asyncio(folder: Path, graph: Graph) -> list[str]:
    text = f"""\
import asyncio
GRAPH = {graph!r}
async def step(name, upstream):
    await asyncio.gather(*upstream)
    process = await asyncio.create_subprocess_exec("sh", "-c", f"echo {{name}} >> order.log")
    assert await process.wait() == 0
async def main():
    tasks = {{}}
    for name, upstream in GRAPH.items():
        tasks[name] = asyncio.create_task(step(name, [tasks[before] for before in upstream]))
    await asyncio.gather(*tasks.values())
asyncio.run(main())
"""
    (folder / "plain.py").write_text(text)
    return [sys.executable, "plain.py"]


def _prefect_sync(folder: Path, graph: Graph) -> list[str]:
    text = f"""\
import subprocess
from prefect import flow, task
GRAPH = {graph!r}
@task
def step(name):
    subprocess.run(["sh", "-c", f"echo {{name}} >> order.log"], check=True)
@flow
def hundred():
    futures = {{}}
    for name, upstream in GRAPH.items():
        futures[name] = step.with_options(name=name).submit(name, wait_for=[futures[before] for before in upstream])
    for future in futures.values():
        future.result()
hundred()
"""
    (folder / "flow.py").write_text(text)
    return [sys.executable, "flow.py"]


def _prefect_async(folder: Path, graph: Graph) -> list[str]:
    text = f"""\
import asyncio
from prefect import flow, task
GRAPH = {graph!r}
@task
async def step(name):
    process = await asyncio.create_subprocess_exec("sh", "-c", f"echo {{name}} >> order.log")
    assert await process.wait() == 0
async def when_ready(name, upstream):
    states = await asyncio.gather(*upstream)
    return await step.with_options(name=name)(name, wait_for=states, return_state=True)
@flow
async def hundred():
    tasks = {{}}
    for name, upstream in GRAPH.items():
        tasks[name] = asyncio.create_task(when_ready(name, [tasks[before] for before in upstream]))
    return list(await asyncio.gather(*tasks.values()))
asyncio.run(hundred())
"""
    (folder / "flow.py").write_text(text)
    return [sys.executable, "flow.py"]


def _prefect_boxed(folder: Path, graph: Graph) -> list[str]:
    text = f"""\
import asyncio
from pathlib import Path
from e2b import AsyncSandbox
from prefect import flow, task
GRAPH = {graph!r}
boxes = []
@task
async def step(name):
    result = await boxes[0].commands.run(f"echo {{name}} | tee -a order.log")
    assert result.stdout.strip() == name
async def when_ready(name, upstream):
    states = await asyncio.gather(*upstream)
    return await step.with_options(name=name)(name, wait_for=states, return_state=True)
@flow
async def hundred():
    boxes.append(await AsyncSandbox.create())
    try:
        tasks = {{}}
        for name, upstream in GRAPH.items():
            tasks[name] = asyncio.create_task(when_ready(name, [tasks[before] for before in upstream]))
        states = list(await asyncio.gather(*tasks.values()))
        Path("order.log").write_text(await boxes[0].files.read("order.log"))
        return states
    finally:
        await boxes[0].kill()
asyncio.run(hundred())
"""
    (folder / "flow.py").write_text(text)
    return [sys.executable, "flow.py"]


BASELINE = "plain asyncio script"
HAND_SYNC = "Prefect, written by hand, `.submit`"
HAND_ASYNC = "Prefect, written by hand, async"
HAND_BOXED = "Prefect, written by hand, async, steps in a box"

PEERS = (
    Peer(BASELINE, _asyncio),
    Peer("GNU make", _make),
    Peer("go-task", _task, leftovers=(".task",)),
    Peer("doit", _doit, leftovers=(".doit.db", ".doit.db.dat", ".doit.db.bak", ".doit.db.dir")),
    Peer("luigi", _luigi, leftovers=("out",), env={"PYTHONPATH": "."}),
    Peer("snakemake", _snakemake, leftovers=("out", ".snakemake"), slow=True),
    Peer(HAND_SYNC, _prefect_sync, server=True, slow=True),
    Peer(HAND_ASYNC, _prefect_async, server=True, slow=True),
    Peer(HAND_BOXED, _prefect_boxed, server=True, boxes=True, slow=True),
)
