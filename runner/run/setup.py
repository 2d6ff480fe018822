"""What a run works with, and what it reports at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from runner.compiler.canonical import Json
from runner.compiler.plan.choose import Fact
from runner.records import dataclass
from runner.run.attempt import OnText
from runner.run.children import Prepared
from runner.run.event import Event
from runner.run.live import LiveBoxes
from runner.run.ports import Clock, Engine, RunState, Sandbox, StateStore
from runner.run.prior import Prior
from runner.run.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run works with. `state` is the state folder, `spec` the folder that `files` are relative to;
    `facts` are what is known of providers right now; `secrets` are values by name; `children` are the workflows that
    steps run, from `prepare`; `groups` is the folder in which runs of this machine share concurrency groups (None: the
    state folder's own); `live` hears of boxes while they live; `snapshots` says what becomes of their files; `prior` is
    what is taken over from a run before; without `wait` the run is paused when all that is left to wait for is people's
    decisions. The callbacks get every committed event, also of the runs below, and every piece of masked output, after
    the leg's key (`step/leg` for one below), and must not raise.
    `id` is that of a new run, "" for any.
    """

    store: StateStore
    engine: Engine
    providers: Mapping[str, Sandbox]
    clock: Clock
    state: Path
    spec: Path
    facts: Mapping[str, Fact] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, Prepared] = field(default_factory=dict)
    groups: Path | None = None
    live: LiveBoxes = field(default_factory=LiveBoxes)
    snapshots: Snapshots = field(default_factory=Snapshots)
    prior: Prior = field(default_factory=Prior)
    max_parallel: int = 8
    wait: bool = True
    id: str = ""
    on_event: Callable[[Event], None] | None = None
    on_text: OnText | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended. Documents are as the store holds them; `warnings` are sentences (a box that may still live)."""

    run: str
    state: RunState
    document: dict[str, Json]
    steps: dict[str, dict[str, Json]]
    milestones: dict[str, dict[str, Json]]
    artifacts: dict[str, dict[str, Json]]
    warnings: tuple[str, ...] = ()
