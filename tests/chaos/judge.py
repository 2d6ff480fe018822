"""What was promised, held against what is there after the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from runner import wiring
from runner.compiler.canonical import Json
from runner.run.event import Event
from runner.run.logfile import attempts, log_path, read_log
from runner.run.ports import Record, StateStore
from runner.run.replay import compared
from runner.run.verification import Verification
from tests.chaos.cases import ACCOUNT, MARK, Case
from tests.chaos.drive import Story
from tests.chaos.place import Place
from tests.chaos.processes import descendants, until

#: An attempt: its run, its leg, its number.
Made = tuple[str, str, int]
Kind = Literal["lost", "repeated", "orphan", "broken", "other end", "stuck"]
#: Seconds that processes and boxes of dead commands have to be gone.
_LEASE = 30.0


@dataclass(frozen=True)
class Fault:
    """Something that must not be: what kind of promise it breaks, and a sentence."""

    kind: Kind
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


@dataclass(frozen=True)
class End:
    """What a run came to: its state, the state of each leg, its outputs but those that may differ."""

    state: str
    legs: Mapping[str, str]
    outputs: Mapping[str, Json]


@dataclass
class Sight:
    """What was found in a store: how the run ended, how many journals were verified, all that is wrong."""

    end: End | None = None
    journals: int = 0
    events: int = 0
    faults: list[Fault] = field(default_factory=list)


async def judged(place: Place, story: Story, witnessed: Counter[Made]) -> Sight:
    """What a round left in its store; `witnessed` are the attempts that told somebody outside."""
    if story.stuck or story.run is None:
        kind: Kind = "stuck" if story.stuck else "lost"
        return Sight(faults=[Fault(kind, story.stuck or "no command told of a run, and the store has none")])
    store = wiring.open_store(place.state)
    await store.open()
    try:
        sight = Sight()
        found = await _journals(store, _Accounts(place, story.case, witnessed), sight)
        for run, seq in story.acknowledged.keys() - found.keys():
            sight.faults.append(Fault("lost", f"event {seq} of run {run} was told, and is not in the journal"))
        for run, seq in story.acknowledged.keys() & found.keys():
            if story.acknowledged[run, seq] != found[run, seq]:
                sight.faults.append(Fault("lost", f"event {seq} of run {run} is another one than was told"))
        sight.end = await _end(store, story.case, story.run)
        return sight
    finally:
        await store.close()


async def _end(store: StateStore, case: Case, run: str) -> End:
    record = await store.get(run, "run", run)
    legs = {each.key: str(each.data["state"]) for each in await store.all(run, "step")}
    document = record.data if record is not None else {}
    outputs = cast("dict[str, Json]", document.get("outputs") or {})
    kept = {name: value for name, value in outputs.items() if name not in case.free}
    return End(str(document.get("state")), legs, kept)


async def _journals(store: StateStore, accounts: _Accounts, sight: Sight) -> dict[tuple[str, int], str]:
    """Look each journal through, and return the hashes of all events."""
    verification = Verification(store, None)
    await verification.begin()
    found: dict[tuple[str, int], str] = {}
    for record in await store.runs(limit=1000):
        verdict = await verification.of(record.key)
        if not verdict.ok:
            sight.faults.append(Fault("broken", verdict.error))
            continue
        events = await store.events(record.key)
        found |= {(event.run, event.seq): event.hash for event in events}
        sight.journals += 1
        sight.events += len(events)
        sight.faults += accounts.repeated(record.key, events)
        sight.faults += [Fault("broken", each) for each in (await compared(store, record.key)).differences]
        sight.faults += [each async for each in _open_ends(store, record)]
    return found


async def _open_ends(store: StateStore, record: Record) -> AsyncIterator[Fault]:
    if record.data["state"] in ("pending", "running", "paused"):
        yield Fault("orphan", f"run {record.key} has no end: it is {record.data['state']}")
    for box in await store.all(record.key, "box"):
        if box.data["state"] == "live":
            yield Fault("orphan", f"box {box.key} of run {record.key} is live in the state")


# ---------------------------------------------------------------- repeated


@dataclass(frozen=True)
class _Accounts:
    """Who tells of attempts beside the journal: the outputs of steps, the file in their box, a witness outside."""

    place: Place
    case: Case
    witnessed: Counter[Made]

    def repeated(self, run: str, events: Sequence[Event]) -> Iterator[Fault]:
        """What was done again though it must not be."""
        begun = Counter((event.step or "", event.attempt or 0) for event in events if event.type == "step.started")
        succeeded = {event.step or "": event.attempt or 0 for event in events if event.type == "step.succeeded"}
        yield from _after_success(run, events)
        for (key, attempt), count in begun.items():
            if count > 1:
                yield Fault("repeated", f"attempt {attempt} of {key} of run {run} began {count} times")
        allowed = Counter(event.step or "" for event in events if _repeats(event))
        for source, marks in self._sources(run, begun):
            for (key, attempt), count in marks.items():
                about = f"by {source}, attempt {attempt} of {key} of run {run}"
                if (key, attempt) not in begun:
                    yield Fault("repeated", f"{about} was made, and the journal knows nothing of it")
                elif count > 1:
                    yield Fault("repeated", f"{about} was made {count} times")
                elif attempt > succeeded.get(key, attempt):
                    yield Fault("repeated", f"{about} was made after attempt {succeeded[key]} had succeeded")
            for key in self.case.once:
                made = sum(1 for each, _ in marks if each == key)
                if made > 1 + allowed[key]:
                    yield Fault(
                        "repeated", f"by {source}, {key} was made {made} times, allowed to be {1 + allowed[key]}"
                    )

    def _sources(self, run: str, begun: Iterable[tuple[str, int]]) -> Iterator[tuple[str, Counter[tuple[str, int]]]]:
        state = self.place.state
        logged: Counter[tuple[str, int]] = Counter()
        for key in {key for key, _ in begun if key != ACCOUNT}:
            for attempt in attempts(state, run, key):
                logged += _marks(log_path(state, run, key, attempt))
        yield "its output", logged
        last = max(attempts(state, run, ACCOUNT), default=0)  # as the last attempt of `finally` showed the file
        yield "the file in its box", _marks(log_path(state, run, ACCOUNT, last)) if last else Counter()
        told = {(step, attempt): count for (of, step, attempt), count in self.witnessed.items() if of == run}
        yield "a witness outside", Counter(told)


def _after_success(run: str, events: Sequence[Event]) -> Iterator[Fault]:
    done: set[str | None] = set()
    for event in events:
        if event.type == "step.succeeded":
            done.add(event.step)
        elif event.type == "step.started" and event.step in done:
            yield Fault("repeated", f"{event.step} of run {run} began again after it had succeeded")


def _repeats(event: Event) -> bool:
    """Whether a person has said that a doubtful attempt is to be made again."""
    question, decision = str(event.data.get("question")), event.data.get("decision")
    return event.type == "approval.decided" and question.startswith("repeat-") and decision == "approve"


def _marks(path: Path) -> Counter[tuple[str, int]]:
    """The marks in an output."""
    text = "".join(line.text for line in read_log(path) if line.stream == "stdout")
    words = (line.split() for line in text.splitlines())
    return Counter((each[1], int(each[2])) for each in words if len(each) == 3 and each[0] == MARK)


# ---------------------------------------------------------------- what is left


def left_over(place: Place, known: frozenset[int], lease: float = _LEASE) -> list[Fault]:
    """Processes, boxes and temporary files that outlive their run. `known` processes are the judge's own services."""
    faults = []
    if not until(lambda: not (descendants().keys() - known), lease):
        left = {pid: line for pid, line in descendants().items() if pid not in known}
        faults += [Fault("orphan", f"process {pid} is left: {line[:160]}") for pid, line in left.items()]
    faults += [Fault("orphan", f"{path} is left, where boxes rest") for path in (place.state / "boxes").glob("*")]
    faults += [Fault("orphan", f"{path} is left among the temporary files") for path in _temporary(place)]
    return faults


def _temporary(place: Place) -> list[Path]:
    return sorted(place.temporary.iterdir())
