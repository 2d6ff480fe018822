"""The Chooser: a pure decision over what providers can give, what a sandbox needs, and live facts.

Called by the compiler without facts, and again by a run with them (credentials, reachability, quota).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Candidate
from runner.compiler.schemas import schema_path
from runner.compiler.suggest import listed

Row = Mapping[str, Any]  # one provider's row of schemas/providers.json


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a provider right now: `reason` is a sentence (`E2B_API_KEY is not set`).

    `lacks` says what this endpoint cannot give although its provider can: a sentence for `network`, `desktop`,
    `browser`, `template`, `persist`, or `runtime NAME`.
    """

    available: bool
    reason: str
    lacks: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=1)
def table() -> Row:
    """The capability table, `schemas/providers.json`."""
    return cast("Row", json.loads(schema_path("providers.json").read_bytes()))


def provider_names() -> tuple[str, ...]:
    """Every known provider, in the order of preference that holds where a sandbox names none."""
    return tuple(table()["preference"])


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _size(mebibytes: float) -> str:
    return f"{mebibytes / 1024:g} GiB" if mebibytes >= 1024 else f"{mebibytes:g} MiB"


def _refuse_kind(needs: Mapping[str, Json], row: Row) -> str | None:
    """What it cannot be at all: runtime, native code, desktop, template, network."""
    runtime = needs.get("runtime", "shell")
    title, why = row["title"], row["why_not"]
    if isinstance(runtime, str) and runtime not in row["runtimes"]:
        return f"{title} has no runtime `{runtime}`: {why.get('runtime', 'it has ' + listed(row['runtimes'], 'and'))}"
    for need, words in (("native_addons", "native addons"), ("desktop", "a desktop"), ("browser", "a browser")):
        if needs.get(need) is True and not row[need]:
            return f"{title} cannot give {words}: {why.get(need, 'it has none')}"
    if needs.get("template") and not row["template"]:
        return f"{title} knows no templates: {why.get('template', 'it has none')}"
    network = needs.get("network")
    mode = "allow" if isinstance(network, dict) else network
    if isinstance(mode, str) and mode not in row["network"]:
        return f"{title} cannot limit the network that way"
    return None


def _refuse_amount(needs: Mapping[str, Json], row: Row) -> str | None:
    """What it cannot give enough of: CPU, memory, disk, keeping."""
    title = row["title"]
    cpu = _number(needs.get("cpu"))
    if cpu is not None and cpu > row["cpu"]["max"]:
        return f"{title} gives at most {row['cpu']['max']} CPUs, {cpu:g} are needed"
    for need, words in (("memory_mb", "memory"), ("disk_mb", "disk")):
        wanted = _number(needs.get(need))
        if wanted is not None and wanted > row[need]["max"]:
            return f"{title} gives at most {_size(row[need]['max'])} of {words}, {_size(wanted)} are needed"
    wanted = _number(needs.get("persist_seconds"))
    if wanted is not None and wanted > row["persist_seconds"]:
        most = row["persist_seconds"]
        why = row["why_not"].get("persist", f"at most {most / 86400:g} days")
        return f"{title} cannot keep the box's files that long: {why}"
    return None


def _refuse_here(needs: Mapping[str, Json], row: Row, fact: Fact) -> str | None:
    """What its endpoint cannot give right now."""
    if not fact.available:
        return f"{row['title']} is not available: {fact.reason}"
    wanted = [f"runtime {needs.get('runtime', 'shell')}"]
    wanted += [need for need in ("desktop", "browser", "template") if needs.get(need)]
    if needs.get("network", "none") != "none":
        wanted.append("network")
    if needs.get("persist_seconds"):
        wanted.append("persist")
    return next((f"{row['title']}: {fact.lacks[need]}" for need in wanted if need in fact.lacks), None)


def usd_per_hour(needs: Mapping[str, Json], provider: str) -> float:
    """The likely price of a running box for an hour."""
    row = table()["providers"][provider]
    cpu = _number(needs.get("cpu")) or row["cpu"]["default"]
    memory = _number(needs.get("memory_mb")) or row["memory_mb"]["default"]
    price = row["usd_per_second"]
    return float(3600 * (cpu * price["cpu"] + memory / 1024 * price["gib"]))


def _accept(needs: Mapping[str, Json], provider: str, row: Row) -> str:
    cpu = _number(needs.get("cpu")) or row["cpu"]["default"]
    memory = _number(needs.get("memory_mb")) or row["memory_mb"]["default"]
    price = usd_per_hour(needs, provider)
    cost = f"about ${price:.3f} an hour" if price else "free of charge"
    return f"{row['title']} gives {needs.get('runtime', 'shell')}, {cpu:g} CPU, {_size(memory)}; {cost}"


def _candidate(needs: Mapping[str, Json], provider: str, fact: Fact | None) -> Candidate:
    row = table()["providers"].get(provider)
    if row is None:
        return Candidate(provider, accepted=False, reason=f"`{provider}` is no provider that runner knows")
    refused = _refuse_kind(needs, row) or _refuse_amount(needs, row)
    if refused is None and fact is not None:
        refused = _refuse_here(needs, row, fact)
    if refused is not None:
        return Candidate(provider, accepted=False, reason=refused)
    reason = _accept(needs, provider, row)
    return Candidate(provider, accepted=True, reason=f"{reason}; {fact.reason}" if fact and fact.reason else reason)


def choose(
    needs: Mapping[str, Json], prefer: Sequence[str] = (), facts: Mapping[str, Fact] | None = None
) -> tuple[Candidate, ...]:
    """Every provider with its verdict and a sentence why: those in `prefer` first, in that order.

    A `prefer` list is also a limit: a provider that is not in it is refused. The accepted ones in this order are the
    fallback order. Facts are sentences about now; a provider without one counts as available.
    """
    known = facts or {}
    order = list(dict.fromkeys(prefer)) or list(provider_names())
    found = [_candidate(needs, provider, known.get(provider)) for provider in order]
    for provider in provider_names():
        if provider not in order:
            found.append(Candidate(provider, accepted=False, reason="not listed in `prefer`"))
    return tuple(found)
