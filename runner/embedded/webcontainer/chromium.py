"""Which Chromium hosts WebContainers, and how it is started.

Sources: Playwright's registry (`browsers.json` beside its driver, `PLAYWRIGHT_BROWSERS_PATH`, the default cache folder)
and its switches for Chromium.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from runner.errors import SandboxMissing
from runner.records import dataclass

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_GET_ONE = "apt-get install chromium, or playwright install chromium, or set RUNNER_CHROMIUM to a Chromium or Chrome"

# Playwright switches these off by default, and with them `ThirdPartyStoragePartitioning`: then a frame of another site,
# which the engine's is, may have no service worker. The last such switch holds, so this is its list without that one.
_NOT_FEATURES = (
    "AcceptCHFrame", "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose", "DialMediaRouteProvider", "GlobalMediaControls", "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding",
    "PreconnectToSearch", "Translate",
)  # fmt: skip
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    # How much memory a page takes is told at once, not after its next collection of garbage.
    "--enable-blink-features=ForceEagerMeasureMemory",
)


def arguments(memory_mb: int) -> tuple[str, ...]:
    """The switches for WebContainers. `memory_mb` limits the heap of each process of a container and of each page: one
    that needs more takes its container along, in less than a second instead of ten.
    """
    return (*_QUIET, f"--disable-features={','.join(_NOT_FEATURES)}", f"--js-flags=--max-old-space-size={memory_mb}")


def may_be_sandboxed() -> bool:
    """Whether Chromium can build its own sandbox: it refuses to for root."""
    return not hasattr(os, "geteuid") or os.geteuid() != 0


def find(environ: Mapping[str, str]) -> Path:
    """RUNNER_CHROMIUM, else Playwright's own, else the machine's. Raises SandboxMissing when there is none."""
    named = environ.get("RUNNER_CHROMIUM")
    if named:
        found = shutil.which(named, path=environ.get("PATH", os.defpath))
        if found is None:
            raise SandboxMissing(f"RUNNER_CHROMIUM is {named}, which is no program", f"unset it, or {_GET_ONE}")
        return Path(found).absolute()
    own = next((each for each in _of_playwright(environ) if os.access(each, os.X_OK)), None)
    if own is not None:
        return own
    for name in _NAMES:
        if found := shutil.which(name, path=environ.get("PATH", os.defpath)):
            return Path(found).absolute()
    raise SandboxMissing("no Chromium is on this machine, and WebContainers run in one", _GET_ONE)


@dataclass(frozen=True, slots=True)
class Driver:
    """Playwright's driver: the Node that runs it, its program, and which version it is of."""

    node: str
    program: str
    version: str


def driver(environ: Mapping[str, str]) -> Driver | None:
    """The driver of the installed Playwright, without importing it; None where there is none that can be run."""
    folder = _driver_folder()
    if folder is None:
        return None
    node = environ.get("PLAYWRIGHT_NODEJS_PATH") or str(folder / ("node.exe" if sys.platform == "win32" else "node"))
    program, about = folder / "package" / "cli.js", folder / "package" / "package.json"
    if not os.access(node, os.X_OK) or not program.is_file():
        return None
    return Driver(node, str(program), str(json.loads(about.read_bytes()).get("version", "")))


def _driver_folder() -> Path | None:
    found = find_spec("playwright")
    return None if found is None or found.origin is None else Path(found.origin).parent / "driver"


def _of_playwright(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where this Playwright would have put its browsers, the whole one first."""
    folder = _driver_folder()
    if folder is None:
        return
    try:
        known = json.loads((folder / "package" / "browsers.json").read_bytes())["browsers"]
    except (OSError, ValueError, KeyError):
        return
    place = _registry(environ, folder)
    for each in known:
        name = each.get("name")
        if name in ("chromium", "chromium-headless-shell"):
            yield from _programs(place / f"{name.replace('-', '_')}-{each.get('revision')}", name)


def _programs(folder: Path, name: str) -> Iterator[Path]:
    arm = platform.machine().lower() in ("arm64", "aarch64")
    shell = name != "chromium"
    if sys.platform == "darwin":
        kind = f"mac-{'arm64' if arm else 'x64'}"
        app = ("Google Chrome for Testing.app", "Contents", "MacOS", "Google Chrome for Testing")
        yield folder.joinpath(
            *((f"chrome-headless-shell-{kind}", "chrome-headless-shell") if shell else (f"chrome-{kind}", *app))
        )
    else:
        kind = "linux-arm64" if arm else "linux64"
        yield folder / (f"chrome-headless-shell-{kind}/chrome-headless-shell" if shell else f"chrome-{kind}/chrome")
        yield folder / "chrome-linux" / ("headless_shell" if shell else "chrome")  # until 1.56


def _registry(environ: Mapping[str, str], folder: Path) -> Path:
    named = environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if named == "0":
        return folder / "package" / ".local-browsers"
    if named:
        return Path(named).absolute()
    home = Path(environ.get("HOME") or "~").expanduser()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "ms-playwright"
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "ms-playwright"
