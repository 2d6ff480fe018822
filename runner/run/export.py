"""Journals as a file that can be checked anywhere: one event a line, and a last line that seals them.

The seal holds, for each run, the number of events and the hash of the last, and the SHA-256 of every byte before it.
With a signature it also says who made the file: it is over the canonical JSON of the seal without the signature itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from runner.compiler.canonical import Json, canonical
from runner.errors import JournalBroken
from runner.records import dataclass
from runner.run.event import GENESIS, Event, verify
from runner.run.ports import StateStore

VERSION = 1
_PAGE = 1000
_RESTORE = "Export it once more from the state folder, and keep the file where nobody changes it."

#: Gives the name of a key and the signature of some bytes, as texts.
Sign = Callable[[bytes], tuple[str, str]]
#: Whether the key of that name made the signature of these bytes; a sentence about the key. Raises JournalBroken.
Check = Callable[[str, str, bytes], str]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a file was found to hold: events by run, and what is known of who signed it (empty: nobody did)."""

    runs: Mapping[str, int]
    signer: str


async def export(store: StateStore, runs: Sequence[str], now: str, sign: Sign | None = None) -> AsyncIterator[str]:
    """The lines of a file with the journals of these runs, without line ends. Raises JournalBroken rather than export
    a journal that does not hold.
    """
    digest = hashlib.sha256()
    starts = {stone.run: stone for stone in await store.tombstones() if stone.place == "journal"}
    told: dict[str, Json] = {}
    for run in runs:
        events = await store.events(run)
        stone = starts.get(run)
        start = (stone.seq, stone.hash) if stone else (0, GENESIS)
        verify(events, run, await store.head(run), start)
        told[run] = {"events": len(events), "after": start[0], "before": start[1], "head": _last(events, start[1])}
        for event in events:
            line = canonical(event.to_json()).decode()
            digest.update(line.encode() + b"\n")
            yield line
    seal: dict[str, Json] = {"seal": VERSION, "made_at": now, "runs": told, "sha256": digest.hexdigest()}
    if sign is not None:
        seal["key"], seal["signature"] = sign(canonical(seal))
    yield canonical(seal).decode()


def _last(events: Sequence[Event], otherwise: str) -> str:
    return events[-1].hash if events else otherwise


def check(lines: Iterable[str], signed: Check) -> Sealed:
    """Check the lines of an exported file. Raises JournalBroken that says what does not hold."""
    digest = hashlib.sha256()
    found: dict[str, list[Event]] = {}
    seal: dict[str, Json] | None = None
    for number, line in enumerate(lines, 1):
        if seal is not None:
            raise JournalBroken(f"line {number}: something follows the seal", _RESTORE)
        value = _value(number, line)
        if "seal" in value:
            seal = value
            continue
        digest.update(line.encode() + b"\n")
        event = _event(number, value)
        found.setdefault(event.run, []).append(event)
    if seal is None:
        raise JournalBroken("the file has no seal: its end is missing", _RESTORE)
    if seal.get("sha256") != digest.hexdigest():
        raise JournalBroken("the events are not those that were sealed", _RESTORE)
    return Sealed(_whole(seal, found), _signer(seal, signed))


def _value(number: int, line: str) -> dict[str, Json]:
    try:
        value: Json = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise JournalBroken(f"line {number} is no JSON object", _RESTORE)
    return value


def _event(number: int, value: dict[str, Json]) -> Event:
    try:
        return Event.from_json(value)
    except TypeError as error:
        raise JournalBroken(f"line {number} is no event", _RESTORE) from error


def _whole(seal: Mapping[str, Json], found: Mapping[str, list[Event]]) -> dict[str, int]:
    """The number of events of each run, each chain followed from its beginning to the sealed end."""
    runs = seal.get("runs")
    if not isinstance(runs, dict) or set(found) - set(runs):
        raise JournalBroken("the seal does not name the runs of the file", _RESTORE)
    for run, about in runs.items():
        (after, before), head = _ends(run, about)
        verify(found.get(run, []), run, head, (after, before))
    return {run: len(found.get(run, [])) for run in runs}


def _ends(run: str, about: Json) -> tuple[tuple[int, str], tuple[int, str]]:
    """Where a run's events begin and end, as (seq, hash) of what is before the first and of the last."""
    if isinstance(about, dict):
        after, before, count, head = (about.get(name) for name in ("after", "before", "events", "head"))
        if isinstance(after, int) and isinstance(before, str) and isinstance(count, int) and isinstance(head, str):
            return (after, before), (after + count, head)
    raise JournalBroken(f"the seal says nothing of run {run}", _RESTORE)


def _signer(seal: dict[str, Json], signed: Check) -> str:
    body = {name: value for name, value in seal.items() if name not in ("key", "signature")}
    key, signature = seal.get("key"), seal.get("signature")
    return signed(str(key or ""), str(signature or ""), canonical(body))
