"""The composition root: the only file that names concrete adapters."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from runner.errors import EngineUnavailable
from runner.records import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from runner.compiler.plan.choose import Fact
    from runner.run.ports import Engine, Sandbox, StateStore


def has_store(state: Path) -> bool:
    """Whether anything was ever stored in the folder `state`."""
    from runner.store.watermark import is_store

    return is_store(state / "state")


def open_store(state: Path, *, read_only: bool = False) -> StateStore:
    """The state store in the folder `state`, for the caller to open and close.

    With `read_only`, nothing can be written, and a store that a running process holds can be read all the same.
    """
    from runner.store.surreal import SurrealStore

    return SurrealStore(state / "state", read_only=read_only)


def groups_folder(environ: Mapping[str, str]) -> Path:
    """Where all runs of this user on this machine share their concurrency groups, whatever their state folder."""
    import os
    import tempfile
    from pathlib import Path

    own = environ.get("XDG_RUNTIME_DIR")
    if own and Path(own).is_dir():
        return Path(own) / "runner" / "groups"
    return Path(tempfile.gettempdir()) / f"runner-{os.getuid()}" / "groups"


# ---------------------------------------------------------------- engines

EngineName = Literal["auto", "local", "prefect"]


async def choose_engine(wanted: EngineName, state: Path) -> tuple[Engine, str]:
    """The engine to run with, and a sentence that says which one and how to get the other.

    `auto` is Prefect when an API answers, else local. Raises EngineUnavailable when Prefect was asked for and no
    API answers.
    """
    from runner.flow.address import api_url, reachable
    from runner.run.local import LocalEngine

    url = api_url(state) if wanted != "local" else None
    if wanted != "local" and url is not None and await reachable(url):
        from runner.flow.engine import PrefectEngine

        return PrefectEngine(url), f"engine: prefect at {url} (without it: --engine local)"
    if wanted == "prefect":
        where = f"no Prefect API answers at {url}" if url else "no Prefect server is known"
        raise EngineUnavailable(where, "Start one with `runner up`, set PREFECT_API_URL, or use --engine local.")
    other = "with Prefect: `runner up`, then --engine prefect" if wanted == "auto" else "with Prefect: --engine prefect"
    return LocalEngine(), f"engine: local ({other})"


# ---------------------------------------------------------------- boxes


@dataclass(frozen=True, slots=True)
class Provision:
    """What boxes can be had from: adapters by provider, what is known of every provider, and a sentence about it."""

    providers: Mapping[str, Sandbox] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    sentence: str = "boxes: none needed"


@asynccontextmanager
async def open_providers(environ: Mapping[str, str], *, needed: bool = True) -> AsyncIterator[Provision]:
    """The providers of boxes until the block ends; with `needed` false, none, and nothing is started.

    E2B is the hosted service when E2B_API_KEY is set, another endpoint when E2B_API_URL says so, and otherwise an
    endpoint of our own on this machine. Raises SandboxMissing when this machine cannot make boxes.
    """
    if not needed:
        yield Provision()
        return
    from runner.compiler.plan.choose import Fact
    from runner.sandbox.e2b import E2BSandbox

    absent = {"webcontainer": Fact(available=False, reason="it is not part of this build")}
    key, url, domain = (environ.get(name) for name in ("E2B_API_KEY", "E2B_API_URL", "E2B_DOMAIN"))
    if key or url:
        where = f"the endpoint {url}" if url else f"the hosted service{f' at {domain}' if domain else ''}"
        sandbox = E2BSandbox(key or "", api_url=url, sandbox_url=environ.get("E2B_SANDBOX_URL"), domain=domain)
        try:
            yield Provision({"e2b": sandbox}, {**absent, "e2b": Fact(True, where)}, f"boxes: E2B, {where}")
        finally:
            await sandbox.close()
        return
    from runner.embedded.e2b.lacks import lacks

    async with _embedded() as own:
        here = "the embedded endpoint on this machine"
        sentence = f"boxes: E2B, {here} (the hosted service: set E2B_API_KEY)"
        yield Provision({"e2b": own}, {**absent, "e2b": Fact(True, here, lacks())}, sentence)


@asynccontextmanager
async def _embedded() -> AsyncIterator[Sandbox]:
    """Boxes of our own endpoint. It starts while the SDK is being loaded: both take most of a second."""
    from runner.embedded.e2b.launch import launch
    from runner.sandbox.e2b import E2BSandbox

    warming = asyncio.ensure_future(E2BSandbox("not used").warm())
    try:
        async with launch() as endpoint:
            await warming
            sandbox = E2BSandbox(endpoint.api_key, api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url)
            try:
                yield sandbox
            finally:
                await sandbox.close()
    finally:
        warming.cancel()
