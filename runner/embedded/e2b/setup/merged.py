"""A view of the host's /usr and /etc with a layer over them, in which a layer's own programs finish it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from runner.embedded.e2b.walls import bubblewrap
from runner.errors import ServiceError

_MINUTES = 10 * 60


def run(script: str, layer: Path, work: Path) -> None:
    """Run a shell script as the box's root over host and layer; what it changes is the layer's.

    It has no network. `work` is a folder on the layer's file system. Raises SandboxMissing without bubblewrap,
    ServiceError when the script fails or overlays cannot be made.
    """
    wall: list[str] = ["--unshare-all", "--die-with-parent", "--new-session", "--uid", "0", "--gid", "0"]
    for top in ("usr", "etc", "var"):
        (layer / top).mkdir(exist_ok=True)
        (work / top).mkdir(exist_ok=True)
        wall += ["--overlay-src", f"/{top}", "--overlay", str(layer / top), str(work / top), f"/{top}"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        place = Path("/") / name
        if place.is_symlink():
            wall += ["--symlink", str(place.readlink()), str(place)]
    wall += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"]  # noqa: S108
    done = subprocess.run(
        [str(bubblewrap.find()), *wall, "--", "/bin/sh", "-c", script], capture_output=True, text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"},  # noqa: S108
        cwd="/", timeout=_MINUTES, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-400:]
        raise ServiceError(
            f"the layer cannot be finished: {said or f'exit code {done.returncode}'}",
            "layers need a kernel with overlayfs (5.11 or newer without root); else use the hosted service",
        )
