"""What the host page and the browser say when something fails, and what it means here.

The page (`web/host`) rejects with `HostError {json}`: a code, a sentence, and for files Node's name of the error. The
browser itself says nothing in codes: which page or context is gone is known from its events, see webcontainer_browser.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from runner.errors import (
    BoxDiskFull,
    BoxError,
    BoxFileError,
    BoxGone,
    CredentialRefused,
    FileExists,
    FileMissing,
    IsADirectory,
    NotADirectory,
    ProviderOffline,
    RequestRefused,
)
from runner.sandbox.calls import one_line

_MARK = "HostError "
_LONGEST = 400

#: Codes of the page. Where one of `_OF_FILES` comes with a name of an error, `FILES` decides.
CODES: dict[str, type[BoxError]] = {
    "not-isolated": ProviderOffline,
    "no-service-worker": ProviderOffline,
    "boot-timeout": ProviderOffline,
    "engine-unreachable": ProviderOffline,
    "engine-refused": CredentialRefused,
    "gone": BoxGone,
    "spawn": RequestRefused,
    "mount": BoxFileError,
    "export": BoxFileError,
    "internal": RequestRefused,
}

#: Names of errors of files, as Node has them.
FILES: dict[str, type[BoxError]] = {
    "ENOENT": FileMissing,
    "EISDIR": IsADirectory,
    "ENOTDIR": NotADirectory,
    "EEXIST": FileExists,
    "ENOTEMPTY": FileExists,
    "ENOSPC": BoxDiskFull,
    "EFBIG": BoxDiskFull,
    "ENAMETOOLONG": BoxFileError,
    "ELOOP": BoxFileError,
    "EACCES": BoxFileError,
    "EPERM": BoxFileError,
    "EINVAL": BoxFileError,
    "EXDEV": BoxFileError,
}

#: What is done with files.
_OF_FILES = ("fs", "mount", "export")

HINTS: dict[str, str] = {
    "not-isolated": (
        "Serve the page with COOP and COEP, and use a browser that isolates such pages: Chromium does, Safari does not;"
        " or let another provider take over (`prefer: [webcontainer, e2b]`)."
    ),
    "no-service-worker": (
        "Allow service workers and storage for the engine's origin in this browser, or let another provider take over."
    ),
    "boot-timeout": (
        "Look whether the machine is overloaded or the network swallows packets; RUNNER_WEBCONTAINER_ENGINE=local needs"
        " no network."
    ),
    "engine-unreachable": (
        "Check the network and proxies, or set RUNNER_WEBCONTAINER_ENGINE=local: it needs no network."
    ),
    "engine-refused": "Check WEBCONTAINER_API_KEY, or set RUNNER_WEBCONTAINER_ENGINE=local: it needs no key.",
    "gone": "Run it again; what takes much memory belongs to another provider (`needs: {memory: …}`, `prefer: [e2b]`).",
}


def said(text: str) -> dict[str, str] | None:
    """What the page said of a failure, from the text of the browser library's error; None when it is none of ours."""
    start = text.find(_MARK)
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start + len(_MARK) :])
    except ValueError:
        return None
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else None


def meaning(about: dict[str, str], what: str, secrets: Iterable[str] = ()) -> BoxError:
    """The error for what the page said, starting with `what`, free of the given secrets."""
    code, message = about.get("code", "internal"), clean(about.get("message", ""), secrets)
    errno = about.get("errno", "")
    of_files = code == "fs" or (code in _OF_FILES and errno)
    kind = _of_name(errno) if of_files else CODES.get(code, RequestRefused)
    return kind(f"{what}: {message or code}", HINTS.get(code, ""))


def of_file(name: str, path: str, message: str = "") -> BoxError:
    """The error for a path by Node's name of the error."""
    words: dict[type[BoxError], str] = {
        FileMissing: "does not exist",
        IsADirectory: "is a folder",
        NotADirectory: "is not a folder, or a file is in its way",
        FileExists: "is there already, and of another kind",
        BoxDiskFull: "does not fit into the box",
    }
    kind = _of_name(name)
    return kind(f"{path!r} {words.get(kind, f'cannot be used ({name}): {message}')}")


#: Chromium's words for why an address could not be had, in ours.
NETWORK: dict[str, str] = {
    "ERR_NAME_NOT_RESOLVED": "its name cannot be resolved (DNS)",
    "ERR_INTERNET_DISCONNECTED": "this machine has no network",
    "ERR_NETWORK_CHANGED": "the network changed meanwhile",
    "ERR_CONNECTION_REFUSED": "nothing listens at its address",
    "ERR_CONNECTION_RESET": "the connection was broken",
    "ERR_CONNECTION_CLOSED": "the connection was broken",
    "ERR_SOCKET_NOT_CONNECTED": "the connection was broken",
    "ERR_EMPTY_RESPONSE": "the connection was broken",
    "ERR_CONNECTION_TIMED_OUT": "nothing answered at its address",
    "ERR_TIMED_OUT": "nothing answered at its address",
    "ERR_ADDRESS_UNREACHABLE": "no way leads to its address",
    "ERR_PROXY_CONNECTION_FAILED": "the proxy does not answer",
    "ERR_TUNNEL_CONNECTION_FAILED": "the proxy refuses to connect to it",
    "ERR_BLOCKED_BY_RESPONSE": "the browser blocked it, since its headers (CSP, CORP, COEP) forbid it in this page",
    "ERR_BLOCKED_BY_CSP": "the browser blocked it, since the page's Content-Security-Policy forbids it",
    "ERR_BLOCKED_BY_CLIENT": "an extension or a policy of the browser blocked it",
}


def unreached(failure: str | None) -> str:
    """Why a document could not be fetched, from what the browser says of it (`net::ERR_…`)."""
    name = (failure or "").removeprefix("net::").partition(".")[0]
    return f"{NETWORK[name]} ({name})" if name in NETWORK else f"it could not be fetched ({name or 'no reason'})"


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most 400 characters without the secrets."""
    return one_line(text, secrets, _LONGEST)


def _of_name(name: str) -> type[BoxError]:
    return FILES.get(name, BoxFileError)
