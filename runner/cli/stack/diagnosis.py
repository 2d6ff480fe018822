"""What `runner doctor` tells of a stack: what is up and how it fares, what a dead one has left, whose the ports are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from runner.cli.finding import Finding, Verdict
from runner.cli.stack import processes, record
from runner.cli.stack.record import Part, Stack
from runner.cli.state import span
from runner.embedded.surreal import notice
from runner.records import dataclass

_AREA = "stack"
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Vital:
    """A service, with what its processes take in bytes (None: none are there, or the system does not tell)."""

    part: Part
    memory: int | None


@dataclass(frozen=True, slots=True)
class Vitals:
    """A stack as it is remembered, its `services`, the bytes that all of it takes, and the ports of services that have
    no process, each with who listens there: the process and its name.
    """

    state: Path
    stack: Stack | None
    services: tuple[Vital, ...] = ()
    memory: int | None = None
    taken: tuple[tuple[str, int, int, str], ...] = ()

    @property
    def is_up(self) -> bool:
        """Whether somebody supervises it."""
        return self.stack is not None and self.stack.lives


def vitals(state: Path) -> Vitals:
    """Look, and change nothing."""
    stack = record.read(state)
    parts = () if stack is None else stack.parts
    services = tuple(Vital(each, processes.memory(each.pid) if each.lives and each.pid else None) for each in parts)
    served = {each.name for each in parts if each.lives}
    taken = []
    for name, port in record.read_private(state).ports.items():
        found = None if name in served else processes.listener(port)
        if found is not None:
            taken.append((name, port, *found))
    memory = processes.memory(stack.pid) if stack is not None and stack.lives else None
    return Vitals(state, stack, services, memory, tuple(taken))


def body(found: Vitals) -> dict[str, object] | None:
    """The same for programs; None when there is no stack."""
    if found.stack is None:
        return None
    services = []
    for each in found.services:
        part = each.part
        services.append(
            {
                "name": part.name, "state": part.state, "lives": part.lives, "address": part.address,
                "version": part.version, "pid": part.pid, "memory_bytes": each.memory, "restarts": part.restarts,
                "since": part.since, "why": part.why, "last_end": part.last, "log": part.log,
            }
        )  # fmt: skip
    return {"up": found.is_up, "pid": found.stack.pid, "memory_bytes": found.memory, "services": services}


def findings(found: Vitals) -> Iterator[Finding]:
    """One for each service, and for what is stale or in the way."""
    if found.stack is None:
        yield Finding(_AREA, "supervisor", "off", f"no stack of {found.state} is up", "runner up --detach")
    elif found.is_up:
        yield _supervisor(found.stack, found.memory)
        yield from map(_service, found.services)
    else:
        yield from _left(found.stack)
    yield from _gateway(found)
    for name, port, pid, program in found.taken:
        who = f"process {pid} ({program})" if pid else "a process of somebody else"
        wanted = any(each.part.name == name and each.part.state != "left out" for each in found.services)
        verdict: Verdict = "problem" if found.is_up and wanted else "off"
        how = f"end it, or runner down and runner up --detach{' --port N' if name == 'prefect' else ''}"
        says = f"port {port}, which {name} had, is taken by {who}"
        yield Finding(_AREA, f"{name}'s port", verdict, says, how if verdict == "problem" else "")


def _supervisor(stack: Stack, memory: int | None) -> Finding:
    if processes.is_stopped(stack.pid):
        says = f"process {stack.pid} is stopped, and looks after nothing"
        return Finding(_AREA, "supervisor", "problem", says, f"kill -CONT {stack.pid}")
    lasts = f", up for {span(processes.age(stack.ticks))}" if stack.ticks is not None else ""
    takes = f", {memory / _MIB:.0f} MiB with all of its services" if memory else ""
    return Finding(_AREA, "supervisor", "ok", f"process {stack.pid}{lasts}{takes}")


def _service(one: Vital) -> Finding:
    part = one.part
    if part.state == "left out":
        return Finding(_AREA, part.name, "off", f"left out: {part.why}")
    words = [" ".join(filter(None, (part.address, part.version and f"({part.version})")))]
    words += [f"{one.memory / _MIB:.0f} MiB"] if one.memory else []
    if part.since and part.lives:
        words.append(f"up for {span((datetime.now(UTC) - datetime.fromisoformat(part.since)).total_seconds())}")
    if part.restarts:
        times = "once" if part.restarts == 1 else f"{part.restarts} times"
        words.append(f"started again {times}, because it {part.last}")
    if part.state == "healthy" and not part.why:
        return Finding(_AREA, part.name, "ok", ", ".join(words))
    why = f": it {part.why}" if part.why else ""
    says = f"{part.state}{why}; {', '.join(words)}"
    return Finding(_AREA, part.name, "problem", says, f"less {part.log}" if part.log else "")


def _left(stack: Stack) -> Iterator[Finding]:
    """The supervisor is dead, and what it had remembered is stale."""
    left = [each for each in stack.parts if each.lives]
    remedy = "runner up --detach begins anew, runner down ends what is left"
    says = f"its process {stack.pid} is gone, without having ended the stack"
    yield Finding(_AREA, "supervisor", "problem", says, remedy)
    for each in left:
        says = f"process {each.pid} is left, and nobody looks after it"
        yield Finding(_AREA, each.name, "problem", says, "runner down, or runner up --detach")


def _gateway(found: Vitals) -> Iterator[Finding]:
    gateway = notice.read(found.state / "state")
    if gateway is not None and not gateway[1] and not found.is_up:
        says = f"that at {gateway[0].url} was killed; the next one takes its place, at the same address"
        yield Finding(_AREA, "gateway", "off", says)
