"""What can go wrong with WebContainers, really broken, and what a run makes of it: another box, with the files."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from runner.compiler.compile import compile_plan
from runner.embedded.webcontainer import chromium, pages
from runner.embedded.webcontainer.browser import BrowserSettings
from runner.embedded.webcontainer.settings import Settings
from runner.run.clock import SystemClock
from runner.run.event import Event
from runner.run.execute import Report, Setup, execute
from runner.run.interrupt import Control
from runner.run.local import LocalEngine
from runner.sandbox import webcontainer_ready
from runner.sandbox.fake import FakeSandbox
from runner.sandbox.webcontainer import Host, WebContainerSandbox, opened
from runner.sandbox.webcontainer_engine import Choice
from runner.store.memory import MemoryStore

pytestmark = pytest.mark.integration

LOCAL = Choice("local", "the local engine")
#: A browser of the test's own, to be killed.
OWN = BrowserSettings(shared=False)
SPEC = """
spec: 1
name: lab
sandboxes: {web: {needs: {runtime: node}, prefer: [webcontainer, e2b]}}
defaults: {timeout: 40s}
steps:
  a: {sandbox: web, run: "echo of-a > kept"}
  b: {sandbox: web, after: [a], run: BREAK}
"""
Outcome = tuple[Report, list[Event]]
Break = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def _can_be_hosted(missing: Callable[[str], None]) -> None:
    import os

    if lacking := webcontainer_ready.lacking(os.environ):
        missing(lacking)


@asynccontextmanager
async def hosted(**settings: Any) -> AsyncIterator[Host]:
    """A host with a browser of its own and little patience."""
    given = {"choice": LOCAL, "browsing": OWN, "boot": 20.0, **settings}
    async with opened(**given) as host:
        yield host


async def play(host: Host, folder: Path, command: str = "true", strike: Break | None = None) -> Outcome:
    """Run the spec; `strike` is called when the second step has begun, in whose command it is `command` that is hit."""
    plan = compile_plan(SPEC.replace("BREAK", json.dumps(f"{command}; cat kept")).encode(), "lab.yaml").plan
    assert plan is not None
    store, loop = MemoryStore(), asyncio.get_running_loop()
    strikes: list[asyncio.Task[None]] = []

    def heard(key: str, _stream: str, text: str) -> None:
        if key == "b" and "begun" in text and strike is not None and not strikes:
            strikes.append(loop.create_task(strike()))  # type: ignore[arg-type]

    fallback = FakeSandbox(provider="e2b")
    providers = {"webcontainer": WebContainerSandbox(host), "e2b": fallback}
    setup = Setup(
        store=store,
        engine=LocalEngine(),
        providers=providers,
        clock=SystemClock(),
        state=folder / "state",
        spec=folder,
        on_text=heard,
    )
    await store.open()
    try:
        report = await execute(plan, setup, Control())
        await asyncio.gather(*strikes)
    finally:
        await fallback.close()
    return report, await store.events(report.run)


def fallback_of(events: list[Event]) -> Event:
    """The one change of provider."""
    (event,) = [event for event in events if event.type == "sandbox.fallback"]
    assert (event.data["from"], event.data["to"]) == ("webcontainer", "e2b")
    return event


# ---------------------------------------------------------------- it never starts


def without_engine(folder: Path) -> Path:
    """The pages as they were built, but with an engine that does nothing: a boot that hangs."""
    copy = folder / "web"
    shutil.copytree(pages.built(), copy)
    (copy / "engine" / "frame.js").write_text("")
    return copy


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"settings": Settings(fault="503")}, "status 503"),
        ({"settings": Settings(fault="hang"), "boot": 2.0}, "takes connections there and does not answer"),
        ({"settings": Settings(fault="drop")}, "connection was broken"),
        ({"settings": Settings(fault="blocked")}, "headers (CSP, CORP, COEP) forbid it"),
        ({"settings": Settings(fault="uncorp")}, "headers (CSP, CORP, COEP) forbid it"),
        ({"settings": Settings(isolated=False)}, "not cross-origin isolated"),
        ({"choice": Choice("stackblitz", "the vendor's engine")}, "cannot be resolved (DNS)"),
        ({"web": without_engine, "boot": 2.0}, "did not boot within"),
    ],
    ids=["503", "silent TCP", "broken", "blocked by CSP", "blocked by COEP", "not isolated", "DNS", "boot hang"],
)
def test_an_engine_that_does_not_start_is_explained_and_the_next_candidate_serves(
    settings: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = chromium.arguments
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost"
    monkeypatch.setattr(chromium, "arguments", lambda memory: (*arguments(memory), nowhere))
    if callable(settings.get("web")):
        settings = {**settings, "web": settings["web"](tmp_path)}

    async def scenario() -> Outcome:
        async with asyncio.timeout(45), hosted(**settings) as host:
            return await play(host, tmp_path)

    report, events = asyncio.run(scenario())
    assert report.state == "succeeded"
    event = fallback_of(events)
    assert words in str(event.data["reason"])
    assert ".localhost" not in str(event.data["reason"]), "a container's token is the name of its host"
    assert event.data["class"] in ("offline", "auth")
    assert {step["provider"] for step in report.steps.values()} == {"e2b"}


def test_a_browser_that_is_no_browser_is_explained_and_the_next_candidate_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_CHROMIUM", "/usr/bin/false")

    async def scenario() -> Outcome:
        async with asyncio.timeout(45), hosted() as host:
            return await play(host, tmp_path)

    report, events = asyncio.run(scenario())
    assert report.state == "succeeded"
    assert "/usr/bin/false" in str(fallback_of(events).data["reason"])


# ---------------------------------------------------------------- it dies in the middle


def of_the_browser(word: str) -> list[psutil.Process]:
    """Processes of this test's browser whose command line has the word, not those that end meanwhile."""
    lines = {each: line_of(each) for each in psutil.Process().children(recursive=True)}
    return [each for each, line in lines.items() if word in line and ("--headless" in line or "--type=" in line)]


def line_of(process: psutil.Process) -> str:
    """Its command line, empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


async def kill_renderers() -> None:
    for process in of_the_browser("--type=renderer"):
        process.kill()


async def kill_browser() -> None:
    for process in of_the_browser("--headless"):
        if (line := line_of(process)) and "--type=" not in line:
            process.kill()


@pytest.mark.parametrize(
    ("strike", "words"), [(kill_renderers, "tab crashed"), (kill_browser, "browser ended")], ids=["tab", "browser"]
)
def test_a_crash_in_the_middle_of_a_step_carries_what_was_acknowledged_to_the_next_candidate(
    strike: Break, words: str, tmp_path: Path
) -> None:
    command = 'if [ "$WEBCONTAINER_ENGINE" = local ]; then echo begun; sleep 30; fi'

    async def scenario() -> Outcome:
        async with asyncio.timeout(55), hosted() as host:
            return await play(host, tmp_path, command, strike)

    report, events = asyncio.run(scenario())
    assert report.state == "succeeded", report.steps
    assert words in str(fallback_of(events).data["reason"])
    (moved,) = [event for event in events if event.type == "box.moved"]
    assert words in str(moved.data["reason"])
    assert {key: step["provider"] for key, step in report.steps.items()} == {"a": "webcontainer", "b": "e2b"}


def test_a_program_that_takes_more_memory_than_a_tab_has_is_repeated_where_there_is_more(tmp_path: Path) -> None:
    eat = "const all = []; for (;;) all.push(new Array(100000).fill(Math.random()))"
    command = f"if [ \"$WEBCONTAINER_ENGINE\" = local ]; then node -e '{eat}'; fi"

    async def scenario() -> Outcome:
        browsing = BrowserSettings(shared=False, memory_mb=128)
        async with asyncio.timeout(55), hosted(browsing=browsing) as host:
            return await play(host, tmp_path, command)

    report, events = asyncio.run(scenario())
    assert report.state == "succeeded", report.steps
    assert "more memory" in str(fallback_of(events).data["reason"])
    assert report.steps["b"]["provider"] == "e2b"
