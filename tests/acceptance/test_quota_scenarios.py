"""Providers in trouble, with real processes: an endpoint that has quotas and faults, and `runner run` against it.

Each ends in fallback, wait, pause or a clear failure as the spec's policies say; what was printed is in the log, and
no box is left.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.embedded.e2b.launch import Endpoint, launch, set_faults
from runner.embedded.e2b.settings import Settings
from runner.errors import SandboxMissing
from runner.run.ports import BoxRequest
from runner.sandbox.e2b import E2BSandbox
from runner.wiring import open_store

pytestmark = pytest.mark.acceptance

SPEC = """\
spec: 1
name: scene
sandboxes: {{py: {{needs: {{runtime: shell}}, prefer: [e2b], scope: {scope}}}}}
policies: {policies}
steps:
  first: {{sandbox: py, run: "{first}"}}
  second: {{sandbox: py, after: [first], run: "echo the second"}}
"""
FALLBACK = {"RUNNER_E2B_FALLBACK": "embedded"}


class Scene:
    """One endpoint, and runs of specs against it."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.out = ""

    async def start(self, *words: str, **environ: str) -> asyncio.subprocess.Process:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("E2B_", "RUNNER_"))}
        env |= {**self.endpoint.exports(), **environ, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "runner", *words, "--state", str(self.folder / "state")]
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *command, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=env, cwd=self.folder
        )

    async def run(self, spec: str, *words: str, **environ: str) -> int:
        """Run a spec to its end; its exit code."""
        process = await self.begin(spec, *words, **environ)
        return await self.ended(process)

    async def begin(self, spec: str, *words: str, **environ: str) -> asyncio.subprocess.Process:
        (self.folder / "scene.yaml").write_text(spec)
        return await self.start("run", "scene.yaml", "--engine", "local", *words, **environ)

    async def until(self, process: asyncio.subprocess.Process, words: str) -> None:
        """Read what the run prints until these words come."""
        assert process.stdout is not None
        while words not in self.out:
            line = (await process.stdout.readline()).decode()
            assert line, self.out
            self.out += line

    async def ended(self, process: asyncio.subprocess.Process) -> int:
        out, _ = await process.communicate()
        self.out += out.decode()
        assert process.returncode is not None
        return process.returncode

    async def command(self, *words: str) -> str:
        out, _ = await (await self.start(*words)).communicate()
        return out.decode()

    async def status(self) -> dict[str, Any]:
        return dict(json.loads(await self.command("status", "last", "--json")))

    async def states(self) -> dict[str, str]:
        return {step["key"]: step["state"] for step in (await self.status())["steps"]}

    async def events(self, type_: str) -> list[dict[str, Any]]:
        store = open_store(self.folder / "state", read_only=True)
        await store.open()
        try:
            (run,) = await store.runs(1)
            return [event.to_json() for event in await store.events(run.key) if event.type == type_]
        finally:
            await store.close()

    async def boxes(self) -> list[str]:
        one = E2BSandbox(self.endpoint.api_key, self.endpoint.api_url, self.endpoint.sandbox_url)
        return [info.id for info in await one.list({})]


@asynccontextmanager
async def scene(folder: Path, missing: Callable[[str], None], **settings: Any) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        try:
            endpoint = await stack.enter_async_context(launch(Settings(**settings)))
        except SandboxMissing as error:
            missing(f"{error} {error.hint}")
        yield Scene(folder, endpoint)


Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, missing: Callable[[str], None]) -> Play:
    """Play a scene: a coroutine function that gets it. Afterwards no box may be left."""

    def go(body: Callable[[Scene], Awaitable[None]], **settings: Any) -> None:
        async def main() -> None:
            async with scene(tmp_path, missing, **settings) as here:
                await body(here)
                assert await here.boxes() == [], here.out

        asyncio.run(main())

    return go


def spec(
    policies: str = "[{id: told, on: run.failed, do: notify}]", scope: str = "step", first: str = "echo one"
) -> str:
    return SPEC.format(policies=policies, scope=scope, first=first)


def test_many_legs_under_a_quota_and_a_rate_wait_instead_of_failing(play: Play) -> None:
    legs = ", ".join(map(str, range(24)))
    text = f"""\
spec: 1
name: scene
sandboxes: {{py: {{needs: {{runtime: shell}}, prefer: [e2b], scope: step}}}}
steps: {{m: {{sandbox: py, matrix: {{n: [{legs}]}}, run: "true"}}}}
"""

    async def body(here: Scene) -> None:
        assert await here.run(text, "--max-parallel", "24", "-q", RUNNER_E2B_RATE="8") == 0, here.out
        assert set((await here.states()).values()) == {"succeeded"}
        assert len(await here.events("step.waiting")) >= 12
        assert await here.events("step.retrying") == []

    play(body, quota=6, rate=8.0)


def test_a_rate_limit_is_waited_out_as_long_as_the_service_says(play: Play) -> None:
    async def body(here: Scene) -> None:
        policies = "[{id: patience, on: sandbox.quota, do: wait, with: {max: 20s}}]"
        assert await here.run(spec(policies)) == 0, here.out
        delays = [event["data"]["delay"] for event in await here.events("policy.applied")]
        assert delays == [1.0]
        assert "policy patience: wait" in here.out

    play(body, faults=("create:429:retry-after=1:times=3",))


def test_used_up_credits_lead_to_the_embedded_endpoint_and_it_is_never_silent(play: Play) -> None:
    async def body(here: Scene) -> None:
        assert await here.run(spec(scope="run"), **FALLBACK) == 0, here.out
        (switch,) = await here.events("sandbox.fallback")
        assert (switch["data"]["to"], switch["data"]["class"]) == ("e2b@embedded", "blocked")
        assert switch["data"]["switch_ms"] > 0
        assert "sandbox py: e2b → e2b@embedded" in here.out
        page = await here.command("status", "last")
        assert "sandbox py: e2b → e2b@embedded in " in page
        assert "cost $0 (1 box" in page

    play(body, faults=("create:403",))


def test_want_of_capacity_can_pause_the_run(play: Play) -> None:
    async def body(here: Scene) -> None:
        assert await here.run(spec("[{id: p, on: sandbox.capacity, do: pause}]")) == 1, here.out
        status = await here.status()
        assert status["run"]["state"] == "paused"
        assert await here.states() == {"first": "paused", "second": "pending"}
        assert "nothing more of it runs by itself" in here.out

    play(body, faults=("create:503",))


def test_a_key_that_is_revoked_in_the_middle_is_a_clear_failure(play: Play) -> None:
    async def body(here: Scene) -> None:
        process = await here.begin(spec(first="echo begun; sleep 1; echo the end of it"))
        await here.until(process, "begun")
        await set_faults(here.endpoint, ["create:401"])
        assert await here.ended(process) == 4, here.out
        assert await here.states() == {"first": "succeeded", "second": "failed"}
        assert "Check E2B_API_KEY" in here.out
        assert "the end of it" in await here.command("logs", "last", "first")

    play(body)


def test_a_key_that_is_revoked_can_fail_the_whole_run(play: Play) -> None:
    async def body(here: Scene) -> None:
        assert await here.run(spec("[{id: f, on: sandbox.auth, do: fail}]")) == 4, here.out
        assert await here.states() == {"first": "failed", "second": "cancelled"}
        assert "policy f: " in here.out

    play(body, faults=("create:401",))


def test_a_box_whose_time_is_over_in_the_middle_of_a_command_is_replaced(play: Play) -> None:
    async def body(here: Scene) -> None:
        policies = "[{id: again, on: sandbox.gone, do: wait, with: {max: 10s}}]"
        assert await here.run(spec(policies, first="echo printed before; sleep 2; echo the end of it")) == 0, here.out
        (event,) = await here.events("policy.applied")
        assert event["data"]["policy"] == "again"
        assert here.out.count("printed before") == 2
        assert "printed before" in await here.command("logs", "last", "first", "--attempt", "1")
        assert "the end of it" in await here.command("logs", "last", "first")

    play(body, faults=("command:kill:seconds=1:times=1",))


def test_an_endpoint_that_goes_away_in_the_middle_is_followed_by_the_embedded_one(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(scene(tmp_path, missing))
            policies = "[{id: o, on: sandbox.offline, do: fallback}, {id: g, on: sandbox.gone, do: fallback}]"
            process = await here.begin(spec(policies, first="echo printed before; sleep 1.5"), **FALLBACK)
            await here.until(process, "printed before")
            await stack.aclose()
            assert await here.ended(process) == 0, here.out
            assert here.out.count("printed before") == 2
            status = await here.status()
            assert {step["provider"] for step in status["steps"]} == {"e2b@embedded"}

    asyncio.run(main())


def test_what_a_killed_run_left_is_used_when_it_goes_on_and_freed_by_who_does_not_know_it(play: Play) -> None:
    async def body(here: Scene) -> None:
        sandbox = E2BSandbox(here.endpoint.api_key, here.endpoint.api_url, here.endpoint.sandbox_url)
        foreign = await sandbox.create(BoxRequest(labels={"team": "another"}))

        async def killed() -> None:
            slow = "echo begun | tee -a half; until [ -e told ]; do sleep 0.1; done; cat half"
            process = await here.begin(spec(scope="run", first=slow))
            await here.until(process, "begun")
            process.kill()
            await process.wait()
            here.out = ""

        await killed()
        assert await here.run(spec()) == 0, here.out
        (left,) = set(await here.boxes()) - {foreign.id}  # the box of a run that can be gone on with is left to it
        await (await sandbox.connect(left)).write("told", b"")
        resumed = await here.command("resume", "--all", "--engine", "local")
        # Once if the killed process has logged what it heard. A command that is begun anew would say so three times.
        assert resumed.count("│ begun") in (1, 2), "the command went on in the same box, and told the rest"
        assert "succeeded in" in resumed
        assert await here.boxes() == [foreign.id]

        await killed()
        (here.folder / "state").rename(here.folder / "unknown")
        assert await here.run(spec()) == 0, here.out
        assert "whose process is dead" in here.out
        assert await here.boxes() == [foreign.id]
        await foreign.kill()

    play(body)
