"""Plans, quotas and faults of the embedded endpoint, as the genuine SDK meets them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2b import AsyncSandbox
from e2b.exceptions import (
    AuthenticationException,
    NotEnoughSpaceException,
    RateLimitException,
    SandboxException,
    SandboxNotRunningException,
    SandboxUnreachableException,
    ServiceBusyException,
)

from runner.embedded.e2b.folders.keys import load
from runner.embedded.e2b.launch import Endpoint, launch, set_faults
from runner.embedded.e2b.settings import Settings
from runner.errors import ServiceError, UsageError

pytestmark = pytest.mark.integration


@asynccontextmanager
async def _serving(**settings: Any) -> AsyncIterator[tuple[Endpoint, dict[str, Any]]]:
    async with launch(Settings(**settings)) as endpoint:
        where = {"api_url": endpoint.api_url, "sandbox_url": endpoint.sandbox_url, "api_key": endpoint.api_key}
        yield endpoint, {**where, "retries": 0}


def test_the_plan_is_kept(embedded_e2b: Endpoint) -> None:
    async def go() -> None:
        async with _serving(plan="hobby", quota=1, rate=50.0) as (_, where):
            box = await AsyncSandbox.create(timeout=3600, **where)
            with pytest.raises(RateLimitException, match=r"maximum number of concurrent E2B sandboxes \(1\)"):
                await AsyncSandbox.create(**where)
            with pytest.raises(SandboxException, match="Timeout cannot be greater than 1 hours") as caught:
                await box.set_timeout(3601)
            assert caught.value.status_code == 400
            await box.set_timeout(3600)
            info = await box.get_info()
            assert (info.end_at - info.started_at).total_seconds() == pytest.approx(3600, abs=1), "cut to the plan's"
            await box.kill()
            again = await AsyncSandbox.create(**where)
            assert await again.is_running()

    asyncio.run(go())


def test_the_rate_is_kept_and_the_sdk_waits_for_it() -> None:
    async def go() -> None:
        async with _serving(rate=1.0) as (_, where):
            first = await AsyncSandbox.create(**where)
            with pytest.raises(RateLimitException, match="rate limit"):
                await AsyncSandbox.create(**where)
            patient = await AsyncSandbox.create(**{**where, "retries": 3})
            assert first.sandbox_id != patient.sandbox_id

    asyncio.run(go())


def test_every_status_reaches_the_client_as_the_hosted_ones_do(embedded_e2b: Endpoint) -> None:
    expected: list[tuple[str, type[BaseException], str]] = [
        ("create:403", SandboxException, "403: team is blocked"),
        ("api:401", AuthenticationException, "Invalid API key"),
        ("create:503", ServiceBusyException, "No nodes available"),
        ("create:429:retry-after=0", RateLimitException, "Rate limit exceeded"),
        ("create:400:message=so: not", SandboxException, "400: so: not"),
    ]

    async def go() -> None:
        async with _serving() as (endpoint, where):
            for rule, kind, text in expected:
                await set_faults(endpoint, [rule])
                with pytest.raises(kind, match=text):
                    await AsyncSandbox.create(**where)
            await set_faults(endpoint, ["create:503:times=2"])
            box = await AsyncSandbox.create(**{**where, "retries": 3})
            await set_faults(endpoint, ["files:507"])
            with pytest.raises(NotEnoughSpaceException):
                await box.files.write("file", "text")
            await set_faults(endpoint, ["command:502"])
            with pytest.raises(SandboxNotRunningException):
                await box.commands.run("true")
            await set_faults(endpoint, [])
            assert (await box.commands.run("echo well")).stdout == "well\n"

    asyncio.run(go())


def test_streams_break_as_they_break_in_the_world() -> None:
    async def go() -> None:
        async with _serving() as (endpoint, where):
            box = await AsyncSandbox.create(**where)
            running = await box.commands.run("echo up; sleep 60", background=True, timeout=0)
            await set_faults(endpoint, ["command:drop"])
            with pytest.raises(Exception, match="reset by peer"):
                await running.wait()
            await set_faults(endpoint, ["command:cut:bytes=2KB"])
            with pytest.raises(SandboxUnreachableException):
                await box.commands.run("yes | head -c 100000")
            await set_faults(endpoint, ["command:kill:seconds=200ms"])
            with pytest.raises(SandboxNotRunningException):
                await box.commands.run("sleep 30")
            assert not await box.is_running()
            await set_faults(endpoint, ["any:drop"])
            with pytest.raises(httpx.TransportError):
                await AsyncSandbox.create(**where)

    asyncio.run(go())


def test_a_delay_and_faults_from_the_start() -> None:
    async def go() -> None:
        async with _serving(faults=("create:delay:seconds=300ms", "info:500")) as (_, where):
            before = time.monotonic()
            box = await AsyncSandbox.create(**where)
            assert time.monotonic() - before >= 0.3
            with pytest.raises(SandboxException, match="500"):
                await box.get_info()

    asyncio.run(go())


def test_only_who_started_it_may_change_its_faults(embedded_e2b: Endpoint) -> None:
    url = f"{embedded_e2b.api_url}/_faults"
    for fields in ({}, {"X-API-Key": embedded_e2b.api_key}, {"X-Admin-Key": embedded_e2b.api_key}):
        answer = httpx.put(url, headers=fields, content=json.dumps({"faults": ["any:drop"]}))
        assert answer.status_code == 401
    fields = {"X-Admin-Key": embedded_e2b.admin_key}
    assert httpx.put(url, headers=fields, content='{"faults": 1}').status_code == 400
    assert httpx.delete(url, headers=fields).status_code == 405
    assert httpx.get(url, headers=fields).json() == {"faults": []}
    with pytest.raises(UsageError, match="'moon' is no place"):
        asyncio.run(set_faults(embedded_e2b, ["moon:503"]))


def test_settings_that_cannot_be_are_said() -> None:
    async def go(settings: Settings) -> None:
        async with launch(settings):
            pytest.fail("it must not serve")

    with pytest.raises(UsageError, match="no plan 'gold'"):
        asyncio.run(go(Settings(plan="gold")))
    with pytest.raises(UsageError, match="no place"):
        asyncio.run(go(Settings(faults=("moon:503",))))


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "tls").touch()

    async def go() -> None:
        async with launch(Settings(folder=str(tmp_path), keep=True, tls=True)):
            pytest.fail("it must not serve")

    with pytest.raises(ServiceError, match=r"the endpoint cannot be served: .*/tls: "):
        asyncio.run(go())


def test_kept_keys_are_good_after_a_restart(tmp_path: Path) -> None:
    async def go() -> None:
        settings = Settings(folder=str(tmp_path / "kept"), keep=True)
        async with launch(settings) as first:
            assert first.api_key
        async with launch(settings) as second:
            assert second.api_key == "", "only its hash was kept"
            where = {"api_url": second.api_url, "sandbox_url": second.sandbox_url, "retries": 0}
            box = await AsyncSandbox.create(**where, api_key=first.api_key)
            assert await box.kill()
            keys = load(tmp_path / "kept" / "keys.json")
            keys.remove("first")
            keys.save(tmp_path / "kept" / "keys.json")
            with pytest.raises(AuthenticationException):
                await AsyncSandbox.create(**where, api_key=first.api_key)

    asyncio.run(go())


def test_a_command_is_served_and_its_end_is_ours() -> None:
    text = "import os, sys; print(os.environ['E2B_API_KEY'][:4], os.environ['E2B_API_URL'][:16]); sys.exit(7)"
    words = [sys.executable, "-m", "runner", "endpoint", "e2b", "--", sys.executable, "-c", text]
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "E2B_DOMAIN": "e2b.example", "LANG": "C.UTF-8"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (7, "e2b_ http://127.0.0.1\n"), done.stderr
    done = subprocess.run([*words[:6], "no-such-program"], env=env, capture_output=True, text=True, timeout=50)
    assert done.returncode == 2
    assert "no-such-program cannot be started: No such file or directory" in done.stderr
