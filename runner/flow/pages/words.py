"""Events as sentences for the log of a flow run; most say nothing there, since states and output do.

Imports no Prefect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from runner.run.event import Event

_MOST = 300
_Words = Callable[[Mapping[str, Any]], str]


def _checks(data: Mapping[str, Any]) -> str:
    broken = [str(each["expression"]) for each in data.get("checks", []) if each["ok"] is False]
    return f": {', '.join(broken)} does not hold" if broken else ""


def _waits(data: Mapping[str, Any]) -> str:
    full = f"the concurrency group {data.get('group')} is full ({', '.join(map(str, data.get('holders', [])))})"
    return f"waits: {data.get('reason') or full}"


def _decided(data: Mapping[str, Any]) -> str:
    comment = f": {data['comment']}" if data.get("comment") else ""
    return f"decided: {data.get('decision')}, by {data.get('by') or 'the end of its time'}{comment}"


_INFO: Mapping[str, _Words] = {
    "sandbox.chosen": lambda data: f"sandbox {data.get('sandbox')}: {data.get('provider')}",
    "step.waiting": _waits,
    "run.waiting": _waits,
    "step.cached": lambda data: f"its outputs are those of {data.get('leg')} of run {data.get('run')}",
    "step.reused": lambda data: f"it is as it was in run {data.get('run')}: it does not run again",
    "step.delegated": lambda data: f"run {data.get('run')} of {data.get('name')}",
    "step.repeated": lambda data: f"repetition {data.get('repetition')}: {data.get('reason')}",
    "step.expanded": lambda data: str(data.get("note") or f"{len(data.get('legs', []))} items"),
    "step.reattached": lambda _: "its command went on without us: followed to its end",
    "approval.asked": lambda data: (
        f"a person is asked: {data.get('prompt')} "
        "(answer by Resume on the page of its flow run, below Subflow Runs, or with `runner approve`)"
    ),
    "approval.decided": _decided,
    "request.taken": lambda data: f"{data.get('action')} asked for by {data.get('by')}",
    "milestone.reached": lambda data: f"milestone {data.get('milestone')} reached",
    "preview.ready": lambda data: f"preview of port {data.get('port')} of {data.get('sandbox')}",
}
_WARNING: Mapping[str, _Words] = {
    "step.retrying": lambda data: f"{data.get('message')}; again in {data.get('delay', 0):.3g} s",
    "step.interrupted": lambda _: "the process that made this attempt ended: another attempt follows",
    "step.paused": lambda data: f"paused: {data.get('reason')}",
    "sandbox.fallback": lambda data: (
        f"sandbox {data.get('sandbox')}: {data.get('from')} → {data.get('to')}: {data.get('reason')}"
    ),
    "box.moved": lambda data: f"sandbox {data.get('sandbox')}: its files are in another box now: {data.get('reason')}",
    "policy.applied": lambda data: f"policy {data.get('policy')}: {data.get('do')}: {data.get('message')}",
    "milestone.missed": lambda data: f"milestone {data.get('milestone')} missed{_checks(data)}",
    "request.refused": lambda data: f"{data.get('action')} asked for by {data.get('by')}: no: {data.get('reason')}",
}


def sentence(event: Event) -> tuple[int, str]:
    """The level of `logging`, and what to say of the event: "" for nothing."""
    for level, words in ((logging.INFO, _INFO), (logging.WARNING, _WARNING)):
        if event.type in words:
            text = " ".join(words[event.type](event.data).split())
            return level, text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
    return logging.INFO, ""
