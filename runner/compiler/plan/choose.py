"""The Chooser: a pure decision over what providers can give, what a sandbox needs, and live facts.

Called by the compiler without facts, and again by a run with them (credentials, reachability, quota).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Any, cast

from runner.compiler.canonical import Json
from runner.compiler.plan.model import Candidate
from runner.compiler.schemas import schema_path
from runner.compiler.suggest import listed
from runner.records import dataclass

Row = Mapping[str, Any]  # one provider's row of schemas/providers.json


@dataclass(frozen=True, slots=True)
class Account:
    """What an account at a provider may do: `boxes` live at once, `creates` made in a second, `session` seconds that
    one may live; None where it is not known. `plan` is the name under which the provider sells that.
    """

    plan: str = ""
    boxes: int | None = None
    creates: float | None = None
    session: float | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a provider right now: `reason` is a sentence (`E2B_API_KEY is not set`).

    `lacks` says what this endpoint cannot give although its provider can: a sentence for `network`, `desktop`,
    `browser`, `template`, `persist`, or `runtime NAME`; `templates` are the names of those that it has all the same.
    Boxes of a `free` endpoint cost nothing.
    """

    available: bool
    reason: str
    lacks: Mapping[str, str] = field(default_factory=dict)
    templates: tuple[str, ...] = ()
    free: bool = False
    most: Mapping[str, float] = field(default_factory=dict)
    account: Account = field(default_factory=Account)


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """One need that a provider cannot meet: its key, a sentence why, and what to write instead as a phrase."""

    need: str
    reason: str
    remedy: str


def _of_kind(needs: Mapping[str, Json], row: Row) -> Iterator[Refusal]:
    """What it cannot be at all: runtime, native code, desktop, template, network."""
    runtime = needs.get("runtime", "shell")
    title, why = row["title"], row["why_not"]
    if isinstance(runtime, str) and runtime not in row["runtimes"]:
        has = listed(row["runtimes"], "and")
        reason = f"{title} has no runtime `{runtime}`: {why.get('runtime', 'it has ' + has)}"
        yield Refusal("runtime", reason, f"the runtime {listed(row['runtimes'])}")
    for need, words in (("native_addons", "native addons"), ("desktop", "a desktop"), ("browser", "a browser")):
        if needs.get(need) is True and not row[need]:
            reason = f"{title} cannot give {words}: {why.get(need, 'it has none')}"
            yield Refusal(need, reason, f"no `{need}`")
    if needs.get("template") and not row["template"]:
        yield Refusal("template", f"{title} knows no templates: {why.get('template', 'it has none')}", "no `template`")
    network = needs.get("network")
    mode = "allow" if isinstance(network, dict) else network
    if isinstance(mode, str) and mode not in row["network"]:
        yield Refusal("network", f"{title} cannot limit the network that way", "another `network`")
    ports = needs.get("ports")
    taken = [port for port in ports if port in row["ports_taken"]] if isinstance(ports, list) else []
    if taken:
        reason = f"{title} keeps the port {taken[0]} for itself: {why.get('ports', 'it is taken')}"
        yield Refusal("ports", reason, f"another port than {taken[0]}")


def _of_amount(needs: Mapping[str, Json], row: Row) -> Iterator[Refusal]:
    """What it cannot give enough of: CPU, memory, disk, keeping."""
    title = row["title"]
    cpu = _number(needs.get("cpu"))
    if cpu is not None and cpu > row["cpu"]["max"]:
        most = row["cpu"]["max"]
        yield Refusal("cpu", f"{title} gives at most {most} CPUs, {cpu:g} are needed", f"`cpu: {most}`")
    for need, words in (("memory", "memory"), ("disk", "disk")):
        wanted = _number(needs.get(f"{need}_mb"))
        most = row[f"{need}_mb"]["max"]
        if wanted is not None and wanted > most:
            reason = f"{title} gives at most {_size(most)} of {words}, {_size(wanted)} are needed"
            yield Refusal(need, reason, f"`{need}: {_size(most).replace(' ', '')}`")
    wanted = _number(needs.get("persist_seconds"))
    if wanted is not None and wanted > row["persist_seconds"]:
        days = f"{row['persist_seconds'] / 86400:g}"
        why = row["why_not"].get("persist", f"at most {days} days")
        remedy = f"`persist: {days}d`" if row["persist_seconds"] else "no `persist`"
        yield Refusal("persist", f"{title} cannot keep the box's files that long: {why}", remedy)


def refusals(needs: Mapping[str, Json], provider: str) -> tuple[Refusal, ...]:
    """Every need that a known provider cannot meet, those of its kind first. Raises KeyError for an unknown one."""
    row = table()["providers"][provider]
    return (*_of_kind(needs, row), *_of_amount(needs, row))


def title_of(provider: str) -> str:
    """A known provider as people call it. Raises KeyError."""
    return str(table()["providers"][provider]["title"])


def session_limit(provider: str) -> float | None:
    """Seconds that a box of a known provider lives at most; None without a limit. Raises KeyError."""
    return _number(table()["providers"][provider]["session_seconds"])


def volatile(provider: str) -> bool:
    """Whether boxes of a provider may end at any moment with what holds them, such as a browser; False for unknown
    ones.
    """
    row = table()["providers"].get(provider)
    return row is not None and bool(row["volatile"])


def account(provider: str, plan: str) -> Account | None:
    """What an account on that plan of a known provider may do; None for a plan it does not sell. Raises KeyError."""
    row = table()["providers"][provider].get("plans", {}).get(plan)
    return row and Account(plan, row["boxes"], row["creates_per_second"], row["session_seconds"])


def plans(provider: str) -> tuple[str, ...]:
    """The plans that a known provider sells. Raises KeyError."""
    return tuple(table()["providers"][provider].get("plans", {}))


def runtimes() -> tuple[str, ...]:
    """Every runtime that some provider has."""
    return tuple(dict.fromkeys(name for row in table()["providers"].values() for name in row["runtimes"]))


def _refuse_here(needs: Mapping[str, Json], row: Row, fact: Fact) -> str | None:
    """What its endpoint cannot give right now."""
    if not fact.available:
        return f"{row['title']} is not available: {fact.reason}"
    wanted = [f"runtime {needs.get('runtime', 'shell')}"]
    wanted += [need for need in ("desktop", "browser", "template") if needs.get(need)]
    if needs.get("template") in fact.templates:
        wanted.remove("template")
    if needs.get("network", "none") != "none":
        wanted.append("network")
    if needs.get("persist_seconds"):
        wanted.append("persist")
    lacking = next((fact.lacks[need] for need in wanted if need in fact.lacks), None) or _too_much(needs, fact)
    return f"{row['title']}: {lacking}" if lacking else None


def _too_much(needs: Mapping[str, Json], fact: Fact) -> str | None:
    """Why a box without a template is too small; what a template's has is known to whoever built it."""
    if needs.get("template") or needs.get("desktop"):
        return None
    for need, most in fact.most.items():
        wanted = _number(needs.get(need))
        if wanted is not None and wanted > most:
            name = need.removesuffix("_mb")
            amounts = [f"{each:g}" if need == "cpu" else _size(each) for each in (most, wanted)]
            return (
                f"boxes without a template have {amounts[0]} of `{name}` there, {amounts[1]} are needed: name a"
                " `template` that was built with as much, or need less"
            )
    return None


def usd_per_second(provider: str, cpu: float, memory_mb: float) -> float:
    """The price of a running box of that size for a second; 0 for a provider without a price."""
    row = table()["providers"].get(provider)
    price = {"cpu": 0, "gib": 0} if row is None else row["usd_per_second"]
    return float(cpu * price["cpu"] + memory_mb / 1024 * price["gib"])


def allocated(needs: Mapping[str, Json], provider: str) -> tuple[float, float]:
    """CPUs and MiB of memory that a box for these needs is likely to get. Raises KeyError for an unknown provider."""
    row = table()["providers"][provider]
    cpu = _number(needs.get("cpu")) or row["cpu"]["default"]
    return cpu, _number(needs.get("memory_mb")) or row["memory_mb"]["default"]


def usd_per_hour(needs: Mapping[str, Json], provider: str) -> float:
    """The likely price of a running box for an hour. Raises KeyError for an unknown provider."""
    return 3600 * usd_per_second(provider, *allocated(needs, provider))


def _accept(needs: Mapping[str, Json], provider: str, row: Row, fact: Fact | None) -> str:
    cpu, memory = allocated(needs, provider)
    price = 0.0 if fact and fact.free else usd_per_hour(needs, provider)
    cost = f"about ${price:.3f} an hour" if price else "free of charge"
    return f"{row['title']} gives {needs.get('runtime', 'shell')}, {cpu:g} CPU, {_size(memory)}; {cost}"


def _candidate(needs: Mapping[str, Json], provider: str, fact: Fact | None) -> Candidate:
    row = table()["providers"].get(provider)
    if row is None:
        return Candidate(provider, accepted=False, reason=f"`{provider}` is no provider that runner knows")
    refused = next((refusal.reason for refusal in (*_of_kind(needs, row), *_of_amount(needs, row))), None)
    if refused is None and fact is not None:
        refused = _refuse_here(needs, row, fact)
    if refused is not None:
        return Candidate(provider, accepted=False, reason=refused)
    reason = _accept(needs, provider, row, fact)
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
