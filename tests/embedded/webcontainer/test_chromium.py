"""Which Chromium is taken, and how it is started."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runner.embedded.webcontainer import chromium
from runner.embedded.webcontainer.browser import runtime_folder
from runner.errors import SandboxMissing


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment of a machine with a Playwright that wants revision 1255 of Chromium, and with no browser."""
    driver = tmp_path / "driver"
    known = [{"name": "firefox", "revision": "9"}, {"name": "chromium", "revision": "1255"}]
    known.append({"name": "chromium-headless-shell", "revision": "1255"})
    (driver / "package").mkdir(parents=True)
    (driver / "package" / "browsers.json").write_text(json.dumps({"browsers": known}))
    monkeypatch.setattr(chromium, "_driver_folder", lambda: driver)
    monkeypatch.setattr(chromium.sys, "platform", "linux")
    monkeypatch.setattr(chromium.platform, "machine", lambda: "x86_64")
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")}


def test_the_one_that_is_named_comes_first(machine: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin" / "chromium")
    mine = program(tmp_path / "mine" / "chrome")
    assert chromium.find({**machine, "RUNNER_CHROMIUM": str(mine)}) == mine
    named = program(tmp_path / "bin" / "edge")
    assert chromium.find({**machine, "RUNNER_CHROMIUM": "edge"}) == named


def test_one_that_is_named_and_absent_is_not_replaced_in_silence(machine: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin" / "chromium")
    with pytest.raises(SandboxMissing, match="RUNNER_CHROMIUM is /no/such, which is no program") as raised:
        chromium.find({**machine, "RUNNER_CHROMIUM": "/no/such"})
    assert "unset it" in raised.value.hint


def test_playwright_s_own_comes_before_the_machine_s(machine: dict[str, str], tmp_path: Path) -> None:
    theirs = program(tmp_path / "bin" / "google-chrome")
    assert chromium.find(machine) == theirs
    assert chromium.find({**machine, "PATH": f"{program(tmp_path / 'first' / 'chromium').parent}"}).name == "chromium"
    cache = tmp_path / "home" / ".cache" / "ms-playwright"
    shell = program(cache / "chromium_headless_shell-1255/chrome-headless-shell-linux64/chrome-headless-shell")
    assert chromium.find(machine) == shell
    whole = program(cache / "chromium-1255/chrome-linux64/chrome")
    assert chromium.find(machine) == whole
    program(tmp_path / "own" / "chromium-1250/chrome-linux64/chrome")  # of another Playwright
    assert chromium.find({**machine, "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "own")}) == theirs


def test_none_at_all_is_told_with_ways_to_get_one(machine: dict[str, str]) -> None:
    with pytest.raises(SandboxMissing, match="no Chromium is on this machine") as raised:
        chromium.find(machine)
    for way in ("apt-get install chromium", "playwright install chromium", "RUNNER_CHROMIUM"):
        assert way in raised.value.hint


def test_frames_of_other_sites_keep_their_service_workers() -> None:
    """The last `--disable-features` holds; Playwright's own would deny an engine its service worker."""
    (features,) = [each for each in chromium.arguments(256) if each.startswith("--disable-features=")]
    assert "ThirdPartyStoragePartitioning" not in features


@pytest.mark.parametrize(("user", "sandboxed"), [(0, False), (1000, True)])
def test_only_root_goes_without_chromium_s_sandbox(monkeypatch: pytest.MonkeyPatch, user: int, sandboxed: bool) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert chromium.may_be_sandboxed() is sandboxed


def test_browser_servers_are_found_in_a_folder_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path("/run") if len(str(tmp_path)) > 60 else tmp_path
    assert runtime_folder({"XDG_RUNTIME_DIR": str(own)}) == own / "runner" / "browser"
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    fallback = Path("/tmp") / f"runner-{os.getuid()}" / "browser"
    assert runtime_folder({}) == fallback
    long = tmp_path / ("x" * 80)
    long.mkdir()
    assert runtime_folder({"XDG_RUNTIME_DIR": str(long)}) == fallback, "a socket there would have too long a path"
