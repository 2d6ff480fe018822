"""Whether a process may go on with a run, and what is said where it may not."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runner.cli.printed import command
from runner.compiler.canonical import Json
from runner.errors import UsageError
from runner.run.kept import plan_path
from runner.run.lease import is_going_on
from runner.run.ports import Record, StateStore
from runner.run.state import FINAL
from runner.run.stored import Lease

_PAST = {"cancelled": "was cancelled"}
#: The states in which a run without a process has been cut off.
CUT_OFF = ("pending", "running")


async def leases(store: StateStore | None) -> Mapping[str, Lease]:
    """The leases of all runs, where processes of several machines share the store. Raises StoreError."""
    return await store.leases() if store is not None and store.shared else {}


def is_cut_off(record: Record, lease: Lease | None, *, take_over: bool = False) -> bool:
    """Whether the run's process died before its end, as far as can be known, or with `take_over` is to count as dead.
    Runs below others go on with these.
    """
    if isinstance(record.data.get("parent"), dict) or record.data["state"] not in CUT_OFF:
        return False
    return take_over or not is_going_on(record.data, lease)


def refuse(state: Path, record: Record, lease: Lease | None, *, take_over: bool) -> None:
    """Raise UsageError for a run that nobody can go on with now."""
    run, found, parent = record.key, str(record.data["state"]), record.data.get("parent")
    if isinstance(parent, dict):
        above = str(parent["run"])
        hint = f"Go on with that one: {command(state, 'resume', above)}"
        raise UsageError(f"run {run} belongs to a step of run {above}", hint)
    if found in FINAL:
        ended = f"run {run} has ended: it {_PAST.get(found, found)}"
        raise UsageError(ended, f"Make it again, or a part of it: {command(state, 'rerun', run)}")
    if found != "paused" and not take_over and is_going_on(record.data, lease):
        hint = f"Watch it with `{command(state, 'status', run)}`. If that machine is gone for good: --take-over."
        if lease is not None:
            hint = f"Watch it with `{command(state, 'status', run)}`. When its lease has run out, anybody may go on."
        raise UsageError(f"run {run} is going on in {whose(record.data, lease)}", hint)


@contextmanager
def alone(state: Path, run: str, *, take_over: bool) -> Iterator[None]:
    """Be the only process of this machine that goes on with the run, as long as the block lasts; `take_over` does
    without. Raises UsageError at once when there is one: the store would say so too, but only after boxes were waited
    for.
    """
    lock = os.open(plan_path(state, run).with_name("resume.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not take_over:
                hint = f"Watch it with `{command(state, 'status', run)}`."
                raise UsageError(f"another process has just begun to go on with run {run}", hint) from None
        yield
    finally:
        os.close(lock)


def whose(document: Mapping[str, Json], lease: Lease | None) -> str:
    """The process of a run, and how long its lease lasts still, for people."""
    owner = document.get("owner")
    about = f"process {owner.get('pid')} on {owner.get('host')}" if isinstance(owner, dict) else "a process"
    return about + ("" if lease is None else f"; its lease {lasting(lease)}")


def lasting(lease: Lease) -> str:
    """How long a lease lasts, as the end of a sentence."""
    return f"lasts {lease.seconds:.0f} s still" if lease.seconds > 0 else f"ran out {-lease.seconds:.0f} s ago"
