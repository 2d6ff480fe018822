"""Which engine a WebContainer runs on: the vendor's, in whose pages the genuine client loads it, or ours.

`RUNNER_WEBCONTAINER_ENGINE` is `stackblitz`, `local` or `auto` (the default). `auto` takes the vendor's where a key is
set and its address answers: the hosted engine is proprietary, and for commercial production it wants a licence, whose
key is `WEBCONTAINER_API_KEY`. Everything else runs on ours, which needs neither network nor key.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from runner.errors import ProviderOffline, UsageError
from runner.records import dataclass

Name = Literal["stackblitz", "local"]
SETTING, KEY = "RUNNER_WEBCONTAINER_ENGINE", "WEBCONTAINER_API_KEY"
#: Where the genuine client (1.6.4) finds the vendor's engine when it is told nothing else.
VENDOR = "https://stackblitz.com"
#: Seconds that the vendor's address has to answer.
PROBE = 3.0
_TLS_PORT = 443


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, and a sentence that says why it is this one. `key` is a secret; it is empty where there is none."""

    name: Name
    reason: str
    key: str = ""


def wanted(environ: Mapping[str, str]) -> Literal["stackblitz", "local", "auto"]:
    """What the environment asks for. Raises UsageError for a name of no engine."""
    name = environ.get(SETTING) or "auto"
    if name not in ("stackblitz", "local", "auto"):
        raise UsageError(f"{SETTING} is {name!r}, which names no engine", "Allowed: stackblitz, local, auto (default).")
    return name  # type: ignore[return-value]


def likely(environ: Mapping[str, str]) -> str:
    """In a few words, what `choose` will come to; nobody is asked. Raises UsageError for a name of no engine."""
    name = wanted(environ)
    if name == "auto" and environ.get(KEY):
        return "the vendor's engine, ours where it cannot be reached"
    return "the vendor's engine" if name == "stackblitz" else "the local engine"


async def choose(environ: Mapping[str, str], vendor: str = VENDOR) -> Choice:
    """The engine for boxes of this process. Raises UsageError, and ProviderOffline when `stackblitz` was asked for and
    cannot be reached.
    """
    name, key = wanted(environ), environ.get(KEY, "")
    if name == "local":
        return Choice("local", f"the local engine ({SETTING}=local)")
    if name == "auto" and not key:
        return Choice("local", f"the local engine (the vendor's: set {KEY}, or {SETTING}=stackblitz)")
    trouble = await unreachable(vendor)
    if not trouble:
        licence = "with the key of its licence" if key else f"without a licence's key ({KEY})"
        return Choice("stackblitz", f"the vendor's engine at {vendor}, {licence}", key)
    if name == "stackblitz":
        raise ProviderOffline(
            f"the vendor's engine of WebContainers at {vendor} cannot be had: {trouble}",
            f"Check the network and proxies, or set {SETTING}=local: it needs no network.",
        )
    return Choice("local", f"the local engine, since {vendor} cannot be reached: {trouble}")


async def unreachable(address: str) -> str:
    """Why nothing useful answers at an address within `PROBE` seconds; empty when something does."""
    parts = urlsplit(address)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (_TLS_PORT if secure else 80)
    try:
        async with asyncio.timeout(PROBE):
            reader, writer = await asyncio.open_connection(host, port, ssl=secure or None)
            try:
                writer.write(f"GET /headless HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
                line = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        return f"no answer within {PROBE:g} s"
    except OSError as error:
        # The event loop words the errors of connections anew, without their meaning.
        said = os.strerror(error.errno) if isinstance(error, ConnectionError) and error.errno else error.strerror
        return said or str(error) or type(error).__name__
    words = line.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/"):
        return "what answers there is no web server"
    status = int(words[1]) if words[1].isdigit() else 0
    return f"it answers with status {status}" if status >= 400 or status < 200 else ""
