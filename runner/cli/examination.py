"""What this machine has for runs, what it lacks, and how to get it. No look hides what another one finds."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from runner import wiring
from runner.cli.finding import Finding, Verdict
from runner.cli.stack import diagnosis
from runner.cli.state import reading
from runner.compiler.canonical import Json
from runner.compiler.plan.choose import Fact, choose
from runner.errors import RunnerError
from runner.flow.address import answers, api_url, read_record
from runner.flow.server import running
from runner.records import dataclass
from runner.run.ports import BoxRequest, Command, Sandbox

#: The extras of the package by what they bring to import; without those of `_NEEDED` no run can be made.
_EXTRAS = {
    "surreal": ("surrealdb", "websockets"),
    "e2b": ("e2b", "httpx", "cryptography"),
    "desktop": ("e2b_desktop",),
    "webcontainer": ("playwright", "msgpack", "starlette", "uvicorn", "websockets", "h11"),
    "prefect": ("prefect", "fastapi"),
    "audit": ("weaviate", "cryptography"),
    "semantic": ("numpy",),
    "lsp": ("pygls",),
}
_NEEDED = {"surreal"}
_PROGRAMS = {
    "git": ("runner plan --diff", "apt-get install git"),
    "node": ("steps with `runtime: node` in embedded boxes", "apt-get install nodejs"),
    "npm": ("`npm install` in WebContainers", "apt-get install npm"),
}
#: Needs that many specs have, by what they are called here.
_USUAL: dict[str, dict[str, Json]] = {
    "shell": {"runtime": "shell"},
    "python": {"runtime": "python"},
    "node": {"runtime": "node"},
    "a browser": {"runtime": "node", "browser": True},
    "a desktop": {"runtime": "shell", "desktop": True},
}
#: Seconds that one look may take; the embedded endpoint may have to unpack its base first.
_LONGEST = 60.0
_CONNECTING = 2.0
#: Bytes below which a state folder's disk is said to be almost full.
_LITTLE = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a sandbox with usual needs would be served by here, and every candidate's reason."""

    needs: str
    provider: str | None
    reasons: Mapping[str, str]


async def examine(
    state: Path, environ: Mapping[str, str], vitals: diagnosis.Vitals
) -> tuple[list[Finding], list[Chosen]]:
    """All findings in the order in which a run needs things, those of a stack by its `vitals`; what the Chooser would
    take. Raises nothing.
    """
    found = [*_package()]
    boxes, facts = await _boxes(environ)
    found += boxes
    found += [each async for each in _state(state)]
    found += [*_prefect(state), *_audit(environ), *diagnosis.findings(vitals), *_programs(environ)]
    chosen = [_chosen(name, needs, facts) for name, needs in _USUAL.items()]
    if not any(each.provider for each in chosen):
        found.append(
            Finding("boxes", "any", "problem", "no provider can serve any sandbox here", "see what is missing above")
        )
    return found, chosen


# ---------------------------------------------------------------- what is installed


def _package() -> Iterator[Finding]:
    words = f"{version('runner')} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("package", "runner", "ok", words)
    for extra, modules in _EXTRAS.items():
        absent = [name for name in modules if find_spec(name) is None]
        if absent:
            verdict: Verdict = "problem" if extra in _NEEDED else "missing"
            yield Finding("package", extra, verdict, f"no {', '.join(absent)}", f"pip install 'runner[{extra}]'")
        else:
            yield Finding("package", extra, "ok", "installed")


def _programs(environ: Mapping[str, str]) -> Iterator[Finding]:
    from runner.project import shellcheck

    for name, (what, remedy) in _PROGRAMS.items():
        path = shutil.which(name, path=environ.get("PATH"))
        yield (
            Finding("programs", name, "ok", path)
            if path
            else Finding("programs", name, "missing", f"for {what}", remedy)
        )
    linter = shellcheck.find()
    if linter is None:
        yield Finding(
            "programs", "shellcheck", "missing", "for the shell texts of steps", "pip install 'runner[shell]'"
        )
    else:
        yield Finding("programs", "shellcheck", "ok", str(linter))


# ---------------------------------------------------------------- boxes


async def _boxes(environ: Mapping[str, str]) -> tuple[list[Finding], Mapping[str, Fact]]:
    """A box of every endpoint that costs nothing is really made; an account is only asked whether it knows us."""
    if any(find_spec(name) is None for name in _EXTRAS["e2b"]):
        return [], {"e2b": Fact(available=False, reason="the extra `e2b` is not installed")}
    try:
        async with asyncio.timeout(_LONGEST), wiring.open_providers(environ) as provision:
            found = [await _box(name, provision.providers[name], fact) for name, fact in _first(provision)]
            absent = {name: fact for name, fact in provision.facts.items() if not fact.available}
            found += [Finding("boxes", name, "missing", fact.reason) for name, fact in absent.items()]
            return [*found, *_layers()], provision.facts
    except RunnerError as error:
        finding = Finding("boxes", "e2b", "problem", error.message, error.hint)
        return [finding], {"e2b": Fact(available=False, reason=error.message)}
    except TimeoutError:
        words = f"no answer within {_LONGEST:g} s"
        return [Finding("boxes", "e2b", "problem", words)], {"e2b": Fact(available=False, reason=words)}


def _first(provision: wiring.Provision) -> Iterator[tuple[str, Fact]]:
    yield from ((name, fact) for name, fact in provision.facts.items() if name in provision.providers)


async def _box(name: str, sandbox: Sandbox, fact: Fact) -> Finding:
    began = time.monotonic()
    try:
        if name == "e2b" and not fact.free:
            await sandbox.list({"runner": "doctor"})
            return Finding("boxes", name, "ok", f"{fact.reason} knows this account")
        box = await sandbox.create(BoxRequest(timeout=_LONGEST, labels={"runner": "doctor"}))
        try:
            done = await box.run(Command("echo works", timeout=_LONGEST))
        finally:
            await box.kill()
    except RunnerError as error:
        return Finding("boxes", name, "problem", f"{fact.reason}: {error.message}", error.hint)
    if "works" not in done.stdout:
        return Finding(
            "boxes", name, "problem", f"{fact.reason}: a command ends with {done.exit_code}: {done.stderr[:200]}"
        )
    ms = (time.monotonic() - began) * 1000
    return Finding("boxes", name, "ok", f"{fact.reason}; made a box and ran a command in it in {ms:.0f} ms")


def _layers() -> Iterator[Finding]:
    from runner.embedded.e2b.setup import catalog

    for name, item in catalog.items().items():
        why = catalog.look(item, os.environ)[1]
        if why:
            yield Finding("boxes", name, "missing", f"{item.what}: {why}", f"runner setup {name}")
        else:
            yield Finding("boxes", name, "ok", item.what)


def _chosen(name: str, needs: dict[str, Json], facts: Mapping[str, Fact]) -> Chosen:
    candidates = choose(needs, (), facts)
    taken = next((each.provider for each in candidates if each.accepted), None)
    return Chosen(name, taken, {each.provider: each.reason for each in candidates})


# ---------------------------------------------------------------- services


async def _state(state: Path) -> AsyncIterator[Finding]:
    if find_spec("surrealdb") is None:
        return
    try:
        shared = wiring.is_shared(state)
        async with reading(state) as store:
            runs = None if store is None else len(await store.runs(limit=1000))
    except RunnerError as error:
        yield Finding("state", "store", "problem", error.message, error.hint)
        return
    where = "many processes may share it" if shared else "one process at a time; for many: runner supervise --gateway"
    told = "nothing is stored there yet" if runs is None else f"{runs} runs" if runs < 1000 else "1,000 runs or more"
    yield Finding("state", "store", "ok", f"{state}: {told}; {where}")
    for each in _disk(state):
        yield each


def _disk(state: Path) -> Iterator[Finding]:
    here = state.absolute()
    near = next(each for each in (here, *here.parents) if each.is_dir())
    free = shutil.disk_usage(near).free
    if not os.access(near, os.W_OK):
        yield Finding(
            "state", "folder", "problem", f"{near} cannot be written", "choose another folder with --state DIR"
        )
    elif free < _LITTLE:
        yield Finding("state", "disk", "problem", f"{free // 2**20} MiB are free below {near}", "make room")
    else:
        yield Finding("state", "disk", "ok", f"{free / 2**30:.1f} GiB free")


def _prefect(state: Path) -> Iterator[Finding]:
    url = api_url(state)
    gone = read_record(state)
    if gone is not None and gone.api_url == url and running(state) is None:
        words = f"its process {gone.pid}, which served {url}, is gone"
        yield Finding("services", "prefect", "problem", words, "runner up, or runner down to forget it")
    elif url is None:
        yield Finding("services", "prefect", "off", "no server is known: runs use the local engine", "runner up")
    elif answers(url):
        yield Finding("services", "prefect", "ok", f"answers at {url}")
    else:
        yield Finding(
            "services", "prefect", "problem", f"nothing answers at {url}", "runner up, or unset PREFECT_API_URL"
        )


def _audit(environ: Mapping[str, str]) -> Iterator[Finding]:
    from runner.store.audit_settings import audit_settings

    try:
        settings = audit_settings(environ)
    except RunnerError as error:
        yield Finding("services", "audit", "problem", error.message, error.hint)
        return
    if settings is None:
        yield Finding("services", "audit", "off", "searches are answered from the journal", "set RUNNER_AUDIT_URL")
    elif _listens(settings.host, settings.port):
        yield Finding("services", "audit", "ok", f"{settings.name} is there")
    else:
        words = f"nothing listens for {settings.name}; events wait"
        yield Finding("services", "audit", "problem", words, "start it, or unset RUNNER_AUDIT_URL")


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_CONNECTING):
            return True
    except OSError:
        return False
