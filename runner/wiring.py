"""The composition root: the only file that names concrete adapters."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from runner.errors import EngineUnavailable, UsageError
from runner.records import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
    from pathlib import Path

    from runner.compiler.plan.choose import Account, Fact
    from runner.embedded.e2b.settings import Settings
    from runner.run.audit_port import AuditLog
    from runner.run.ports import Engine, Sandbox, StateStore
    from runner.store.audit_index import JournalIndex
    from runner.store.server import Address

    #: Whether the boxes of the run with that id are to be left alone, though its process is dead.
    Spared = Callable[[str], Awaitable[bool]]


def has_store(state: Path) -> bool:
    """Whether anything was ever stored in the folder `state`, or a server holds what it stands for."""
    from runner.store.watermark import is_store

    return _state_server(state) is not None or is_store(state / "state")


def open_store(state: Path, *, read_only: bool = False) -> StateStore:
    """The state store of the folder `state`, for the caller to open and close: on the server that RUNNER_STATE_URL
    names, or behind the gateway that serves the folder, else in this process.

    With `read_only`, nothing can be written, and a folder that a running process holds can be read all the same.
    Raises UsageError for settings that say nothing.
    """
    import os

    from runner.store.state_settings import state_address
    from runner.store.surreal import SurrealStore

    address = state_address(os.environ)
    if address is not None:
        return SurrealStore.at(lambda: address, read_only=read_only)
    return SurrealStore.behind(state / "state", lambda: _state_server(state), read_only=read_only)


def is_shared(state: Path) -> bool:
    """Whether many processes can work on the state at a time: it is on a server, or a gateway serves the folder. Raises
    UsageError for settings that say nothing.
    """
    return _state_server(state) is not None


def is_free(state: Path) -> bool:
    """Whether no process holds the store of the folder `state` just now. Raises StoreError."""
    from runner.errors import StoreLocked
    from runner.store.lock import StoreLock

    lock = StoreLock(state / "state.lock")
    try:
        lock.acquire(reading=True)
    except StoreLocked:
        return False
    lock.release()
    return True


def open_folder(store: Path) -> StateStore:
    """The store at `store` in this process, whatever the environment says: a copy that nobody else knows."""
    from runner.store.surreal import SurrealStore

    return SurrealStore(store)


def _state_server(state: Path) -> Address | None:
    import os

    from runner.embedded.surreal.notice import serving
    from runner.store.server import Address
    from runner.store.state_settings import state_address

    address = state_address(os.environ)
    if address is not None:
        return address
    gateway = serving(state / "state")
    return None if gateway is None else Address(gateway.url, gateway.user, gateway.password)


def open_audit(environ: Mapping[str, str]) -> AuditLog | None:
    """The audit log that RUNNER_AUDIT_URL names, for the caller to open and close; None without it. Raises UsageError
    for settings that say nothing.
    """
    from runner.store.audit_settings import audit_settings

    settings = audit_settings(environ)
    if settings is None:
        return None
    from runner.store.audit import WeaviateLog
    from runner.store.minilm import MiniLm

    return WeaviateLog(settings, MiniLm(settings.model) if settings.embedder == "minilm" else None)


def open_index(state: Path, environ: Mapping[str, str], tell: Callable[[str], None]) -> JournalIndex:
    """What the journal in the folder `state` is searched with; `tell` gets a sentence about what takes a while."""
    from runner.store.audit_index import JournalIndex
    from runner.store.audit_settings import model_folder
    from runner.store.minilm import MiniLm

    return JournalIndex(state / "audit-index.sqlite", MiniLm(model_folder(environ)), tell)


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


@dataclass(frozen=True, slots=True)
class Rest:
    """The folder in which boxes of our own endpoint rest as files when this process is killed, and for how many seconds
    it is waited for while another endpoint has it, as one does whose run was killed a moment ago. Without it they are
    lost.
    """

    folder: Path
    patience: float = 0.0


@asynccontextmanager
async def open_providers(
    environ: Mapping[str, str],
    *,
    needed: bool = True,
    wanted: Mapping[str, bool] | None = None,
    tell: Callable[[str], None] | None = None,
    rest: Rest | None = None,
    spared: Spared | None = None,
) -> AsyncIterator[Provision]:
    """The providers of boxes until the block ends; with `needed` false, none, and nothing is started.

    `wanted` names those that sandboxes may be served by, and whether each is some sandbox's first choice; without it,
    all count as such. What is only a second choice starts when it is needed; WebContainers start with their first box.

    E2B is the hosted service when E2B_API_KEY is set, another endpoint when E2B_API_URL says so, and otherwise an
    endpoint of our own on this machine: when this process is killed, its boxes come to `rest` as files.
    What dead runs left at an account is freed meanwhile, unless they are `spared`; `tell` gets a sentence for each
    box. Raises SandboxMissing when this machine cannot make boxes, UsageError for settings that say nothing.
    """
    if not needed:
        yield Provision()
        return
    names = {"e2b": True, "webcontainer": True} if wanted is None else wanted
    web = _webcontainers(environ) if "webcontainer" in names else Provision(sentence="")
    e2b = _e2b(environ, _Reaping(tell, spared), rest, first=names.get("e2b", False)) if "e2b" in names else _nothing()
    async with e2b as other:
        facts = {**other.facts, **web.facts}
        sentence = "; ".join(each.sentence for each in (other, web) if each.sentence) or _none_of(facts)
        try:
            yield Provision({**other.providers, **web.providers}, facts, f"boxes: {sentence}")
        finally:
            for each in web.providers.values():
                await each.close()


def _none_of(facts: Mapping[str, Fact]) -> str:
    """Why no candidate can be had, by name: a machine may lack what a WebContainer needs, and no other be asked for."""
    lacking = (f"{name} cannot be had here: {fact.reason}" for name, fact in facts.items() if not fact.available)
    return "; ".join(lacking) or "no provider is known"


@dataclass(frozen=True, slots=True)
class _Reaping:
    """Who hears of the orphans that are freed, and which runs' boxes are none."""

    tell: Callable[[str], None] | None
    spared: Spared | None

    async def free(self, sandbox: Sandbox) -> None:
        """Free what dead runs of this machine left at an account."""
        from runner.errors import RunnerError
        from runner.run.reaper import reap

        with suppress(RunnerError):  # no key, no SDK: the run itself will say so
            for sentence in await (reap(sandbox) if self.spared is None else reap(sandbox, self.spared)):
                if self.tell is not None:
                    self.tell(sentence)


@asynccontextmanager
async def _nothing() -> AsyncIterator[Provision]:
    yield Provision(sentence="")


@asynccontextmanager
async def _e2b(
    environ: Mapping[str, str], reaper: _Reaping, rest: Rest | None, *, first: bool
) -> AsyncIterator[Provision]:
    own = _Own(_egress(environ), rest)
    key, url, domain = (environ.get(name) for name in ("E2B_API_KEY", "E2B_API_URL", "E2B_DOMAIN"))
    if not (key or url):
        async with _own_e2b(own, first=first) as provision:
            yield provision
        return
    from runner.compiler.plan.choose import Fact, allocated

    where = f"the endpoint {url}" if url else f"the hosted service{f' at {domain}' if domain else ''}"
    free, account = bool(url) and _on_this_machine(str(url)), _account(environ, bool(url))
    cpu, memory = allocated({}, "e2b")
    # Of another endpoint nobody knows how its boxes are built.
    fact = Fact(True, where, free=free, most={} if url else {"cpu": cpu, "memory_mb": memory}, account=account)
    sandbox = _elsewhere(environ)
    second = _second(environ, own)
    sentence = f"E2B, {where}" + ("; if it fails, the embedded endpoint" if second else "")
    reaping = asyncio.ensure_future(reaper.free(sandbox))
    try:
        facts = {"e2b": fact, **_facts(second, own)}
        yield Provision({"e2b": sandbox, **second}, facts, sentence)
        await asyncio.wait({reaping}, timeout=_REAPING)  # the run may have been shorter than this
    finally:
        reaping.cancel()
        for each in (sandbox, *second.values()):
            await each.close()


@dataclass(frozen=True, slots=True)
class _Own:
    """How endpoints of our own are served: whether their boxes may reach the internet, and where they rest as files
    when this process is killed.
    """

    egress: bool
    rest: Rest | None

    def settings(self) -> Settings:
        """What the endpoint is told."""
        from runner.embedded.e2b.settings import Settings

        if self.rest is None:
            return Settings(egress=self.egress)
        return Settings(egress=self.egress, rest=str(self.rest.folder.absolute()), patience=self.rest.patience)


@asynccontextmanager
async def _own_e2b(own: _Own, *, first: bool) -> AsyncIterator[Provision]:
    """Boxes of our own endpoint, which starts now, or with its first box where it is only a second choice."""
    sentence = f"E2B, {_HERE} (the hosted service: set E2B_API_KEY)"
    if first:
        async with _embedded(own) as sandbox:
            yield Provision({"e2b": sandbox}, _facts({"e2b": sandbox}, own), sentence)
        return
    from runner.sandbox.standby import Standby

    later = Standby("e2b", lambda: _embedded(own))
    try:
        yield Provision({"e2b": later}, _facts({"e2b": later}, own), sentence)
    finally:
        await later.close()


def lacking_here(providers: Collection[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Why this machine can host no boxes of a provider, for those of `providers` of which a look tells. Nothing is
    started.
    """
    if "webcontainer" not in providers:
        return {}
    from runner.sandbox import webcontainer_ready

    lacking = webcontainer_ready.lacking(environ)
    return {"webcontainer": lacking} if lacking else {}


def _webcontainers(environ: Mapping[str, str]) -> Provision:
    """WebContainers of this machine's browser, as far as it can host them. Nothing is started before the first box."""
    from runner.compiler.plan.choose import Fact
    from runner.sandbox import webcontainer_engine, webcontainer_ready
    from runner.sandbox.standby import Standby

    engine = webcontainer_engine.likely(environ)
    lacking = webcontainer_ready.lacking(environ)
    if lacking:
        return Provision({}, {"webcontainer": Fact(available=False, reason=lacking)}, "")
    fact = Fact(True, f"in a browser of this machine, {engine}", free=True)
    standby = Standby("webcontainer", lambda: _in_a_browser(environ))
    return Provision({"webcontainer": standby}, {"webcontainer": fact}, f"WebContainer, {engine}")


@asynccontextmanager
async def _in_a_browser(environ: Mapping[str, str]) -> AsyncIterator[Sandbox]:
    from runner.errors import ProviderOffline, ServiceError
    from runner.sandbox.webcontainer import WebContainerSandbox, opened
    from runner.sandbox.webcontainer_engine import choose

    async with AsyncExitStack() as stack:
        try:
            host = await stack.enter_async_context(opened(await choose(environ)))
        except ServiceError as error:
            # For the run this candidate fails as any other does.
            raise ProviderOffline(error.message, error.hint) from error
        yield WebContainerSandbox(host)


_HERE = "the embedded endpoint on this machine"
#: Seconds that a run which has ended waits until what dead ones left is freed.
_REAPING = 5.0
#: The embedded endpoint as a second candidate beside another one.
_SECOND = "e2b@embedded"


def _facts(embedded: Mapping[str, Sandbox], own: _Own) -> dict[str, Fact]:
    """What is known of the embedded endpoint, under the name it goes by."""
    from runner.compiler.plan.choose import Fact
    from runner.embedded.e2b.lacks import known_templates, lacks
    from runner.embedded.e2b.templates import BASE

    most = {"cpu": BASE.cpu, "memory_mb": BASE.memory_mb, "disk_mb": BASE.disk_mb}
    fact = Fact(True, _HERE, lacks(own.egress), templates=known_templates(), free=True, most=most)
    return dict.fromkeys(embedded, fact)


def _second(environ: Mapping[str, str], own: _Own) -> dict[str, Sandbox]:
    """The embedded endpoint as the fallback of another one, where RUNNER_E2B_FALLBACK asks for it."""
    from runner.sandbox.standby import Standby

    wanted = environ.get("RUNNER_E2B_FALLBACK", "none")
    if wanted not in ("none", "embedded"):
        hint = "Allowed are `none` (the default) and `embedded`."
        raise UsageError(f"RUNNER_E2B_FALLBACK is {wanted!r}, which names no endpoint", hint)
    return {_SECOND: Standby(_SECOND, lambda: _embedded(own, _SECOND))} if wanted == "embedded" else {}


def _egress(environ: Mapping[str, str]) -> bool:
    """Whether boxes of our own endpoint may reach what their specs name, as RUNNER_E2B_EGRESS says."""
    wanted = environ.get("RUNNER_E2B_EGRESS") or "0"
    if wanted not in ("0", "1"):
        hint = "Allowed are `1` and `0` (the default)."
        raise UsageError(f"RUNNER_E2B_EGRESS is {wanted!r}, which says neither yes nor no", hint)
    return wanted == "1"


def _account(environ: Mapping[str, str], other: bool) -> Account:
    """What the account may do, as the environment says. Unsaid, the hosted service's smallest plan is taken for how
    many boxes and how fast, which costs nothing but waiting, and no session is longer than its longest; another
    endpoint's limits are learned from its refusals.
    """
    from runner.compiler.plan.choose import Account, account, plans, session_limit

    wanted = environ.get("RUNNER_E2B_PLAN")
    known = account("e2b", wanted or plans("e2b")[0])
    if known is None:
        hint = f"Plans are {', '.join(plans('e2b'))}."
        raise UsageError(f"RUNNER_E2B_PLAN is {wanted!r}, which is no plan of E2B's", hint)
    if wanted is None:
        longest = session_limit("e2b")
        known = Account() if other else Account(boxes=known.boxes, creates=known.creates, session=longest)
    boxes = _amount(environ, "RUNNER_E2B_CONCURRENCY")
    creates = _amount(environ, "RUNNER_E2B_RATE")
    return replace(
        known,
        boxes=known.boxes if boxes is None else max(1, int(boxes)),
        creates=known.creates if creates is None else creates,
    )


def _amount(environ: Mapping[str, str], name: str) -> float | None:
    """A positive number from the environment; None where it is not set."""
    text = environ.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1_000_000:
        raise UsageError(f"{name} is {text!r}, which is no number above 0", f"Write for example {name}=20.")
    return value


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")


def _elsewhere(environ: Mapping[str, str]) -> Sandbox:
    """The hosted service, or the endpoint that the environment names."""
    from runner.sandbox.e2b import E2BSandbox

    url, where = environ.get("E2B_API_URL"), environ.get("E2B_SANDBOX_URL")
    return E2BSandbox(environ.get("E2B_API_KEY", ""), url, where, environ.get("E2B_DOMAIN"))


async def free_orphans(environ: Mapping[str, str], tell: Callable[[str], None], spared: Spared | None = None) -> None:
    """Free what dead runs of this machine left at an account, without a run, but for those that are `spared`; `tell`
    gets a sentence for each box.

    An endpoint of our own takes its boxes along when its run ends: where the environment names no account, there is
    nothing to do.
    """
    if environ.get("E2B_API_KEY") or environ.get("E2B_API_URL"):
        sandbox = _elsewhere(environ)
        try:
            await _Reaping(tell, spared).free(sandbox)
        finally:
            await sandbox.close()


@asynccontextmanager
async def _embedded(own: _Own, name: str = "e2b") -> AsyncIterator[Sandbox]:
    """Boxes of our own endpoint. It starts while the SDK is being loaded: both take most of a second."""
    from runner.embedded.e2b.launch import launch
    from runner.sandbox.e2b import E2BSandbox

    warming = asyncio.ensure_future(E2BSandbox("not used").warm())
    try:
        async with launch(own.settings()) as endpoint:
            await warming
            addresses = (endpoint.api_key, endpoint.api_url, endpoint.sandbox_url)
            sandbox = E2BSandbox(*addresses, provider=name).passing()
            try:
                yield sandbox
            finally:
                await sandbox.close()
    finally:
        warming.cancel()
