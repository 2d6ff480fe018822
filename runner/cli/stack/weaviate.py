"""Weaviate as a service of the stack: where its program is, and how it is served on this machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from runner.environ import needed

#: Ports beside the first that it uses within itself, in the order of `_INNER`; the one behind them is for gRPC.
_INNER = ("CLUSTER_GOSSIP_BIND_PORT", "CLUSTER_DATA_BIND_PORT", "RAFT_PORT", "RAFT_INTERNAL_RPC_PORT")
#: How many ports in a row it wants.
PORTS = len(_INNER) + 2
_NAME = "weaviate-server"


def program(environ: Mapping[str, str]) -> Path | None:
    """The newest that `scripts/weaviate.sh` has installed, else the one on the path; None where there is none."""
    home = Path(environ.get("HOME") or Path.home())
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "runner" / "weaviate"
    kept = Path(environ.get("RUNNER_WEAVIATE_CACHE") or cache)
    found = [path for path in kept.glob(f"v*/{_NAME}") if path.is_file()]
    if found:
        return max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path.parent.name)])
    on_path = shutil.which(_NAME, path=environ.get("PATH"))
    return None if on_path is None else Path(on_path)


def version(path: Path) -> str:
    """That of a program which `scripts/weaviate.sh` has installed: its folder is named by it."""
    return path.parent.name.removeprefix("v") if re.fullmatch(r"v[\d.]+", path.parent.name) else ""


def command(path: Path, port: int) -> tuple[str, ...]:
    """The words that serve on a port of loopback."""
    return (str(path), "--scheme=http", "--host=127.0.0.1", f"--port={port}")


def environment(outer: Mapping[str, str], data: Path, port: int, key: str) -> dict[str, str]:
    """What it is told: its folder, its ports, and the one key by which it is used; nobody else may."""
    return {
        **needed(outer),
        "PERSISTENCE_DATA_PATH": str(data),
        "GRPC_PORT": str(port + PORTS - 1),
        **{name: str(port + 1 + index) for index, name in enumerate(_INNER)},
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": key,
        "AUTHENTICATION_APIKEY_USERS": "runner",
        "AUTOSCHEMA_ENABLED": "false",
        "DEFAULT_VECTORIZER_MODULE": "none",
        "LIMIT_RESOURCES": "false",
        "DISABLE_TELEMETRY": "true",
        "CLUSTER_HOSTNAME": "node1",
        "CLUSTER_IN_LOCALHOST": "true",
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_TIMEOUTS_MULTIPLIER": "1",
        # Of itself it takes no more writes on a disk that is nine tenths full, however large the rest is.
        "DISK_USE_WARNING_PERCENTAGE": "98",
        "DISK_USE_READONLY_PERCENTAGE": "99",
        "GO_PROFILING_DISABLE": "true",
        "LOG_LEVEL": "error",
    }
