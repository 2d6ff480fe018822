"""`sudo` in a box. No program may gain rights there by being started, so it asks the agent to start the command.

The command gets this program's open files, folder and environment, or a terminal of its own where ours is one; its
exit code is ours, and signals sent to us are passed on to it. Where the agent is not root there is nobody to ask: the
box has one user, and the command is started as that.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Where the agent listens, if it is root.
SOCKET = "/run/runner/sudo"
_HELP = (
    "usage: sudo [-EHinsS] [-u USER] [NAME=VALUE ...] COMMAND [ARGUMENT ...]\n"
    "This box's sudo starts a command as root, or as USER, by asking the box's agent; it takes no password.\n"
)
#: Options without effect here: no password, no timestamp, the target's home anyway, no background.
_IGNORED = set("HnSkKvbAP")
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
#: What the command keeps of our environment unless all is asked for (-E).
_KEPT = {
    "PATH",
    "TERM",
    "LANG",
    "LANGUAGE",
    "DISPLAY",
    "COLORTERM",
    "TZ",
    "XAUTHORITY",
    "E2B_SANDBOX",
    "E2B_SANDBOX_ID",
}
_PIECE = 64 * 1024


class UsageError(Exception):
    """Words that this program does not take."""


@dataclass
class Asked:
    """What is to be started: as whom, with what set in its environment, whether it keeps ours, by a shell or not."""

    user: str = "root"
    settings: dict[str, str] = field(default_factory=dict)
    keep: bool = False
    login: bool = False
    shell: bool = False
    words: list[str] = field(default_factory=list)


def parse(words: list[str]) -> Asked:
    """Take the words after `sudo` apart. Raises UsageError."""
    asked, rest = Asked(), list(words)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            _long(asked, word, rest)
        else:
            _short(asked, word[1:], rest)
    while rest and "=" in rest[0] and rest[0].partition("=")[0].isidentifier():
        name, _, value = rest.pop(0).partition("=")
        asked.settings[name] = value
    asked.words = rest
    return asked


def _long(asked: Asked, word: str, rest: list[str]) -> None:
    name, given, value = word[2:].partition("=")
    if name == "user":
        asked.user = value if given else _next(word, rest)
    elif name == "preserve-env":
        kept = value.split(",") if given else []
        asked.keep = asked.keep or not given
        asked.settings.update({each: os.environ[each] for each in kept if each in os.environ})
    elif name in ("login", "shell"):
        setattr(asked, name, True)
    elif name not in ("non-interactive", "stdin", "set-home", "reset-timestamp", "remove-timestamp"):
        raise UsageError(word)


def _short(asked: Asked, letters: str, rest: list[str]) -> None:
    for at, letter in enumerate(letters):
        if letter == "u":
            asked.user = letters[at + 1 :] or _next("-u", rest)
            return
        if letter in "Eis":
            setattr(asked, {"E": "keep", "i": "login", "s": "shell"}[letter], True)
        elif letter not in _IGNORED:
            raise UsageError(f"-{letter}")


def _next(word: str, rest: list[str]) -> str:
    if not rest:
        raise UsageError(word)
    return rest.pop(0)


def environment(asked: Asked, ours: dict[str, str]) -> dict[str, str]:
    """What the command gets of our environment, beside its user's own."""
    kept = {
        name: value
        for name, value in ours.items()
        if asked.keep or name in _KEPT or name.startswith("LC_") or name.lower().endswith("_proxy")
    }
    return {**kept, **asked.settings, "SUDO_COMMAND": " ".join(asked.words)}


def main() -> int:
    """Run `sudo` with this process's arguments; gives the exit code."""
    try:
        asked = parse(sys.argv[1:])
    except UsageError as error:
        sys.stderr.write(f"sudo: {error} is not known here\n{_HELP}")
        return 1
    if not asked.words and not (asked.login or asked.shell):
        if len(sys.argv) > 1 and not {"-h", "--help"} & set(sys.argv[1:]):
            return 0  # `sudo -v`, `sudo -k` and the like: there is no password to ask for or to forget
        sys.stderr.write(_HELP)
        return 1
    channel = socket.socket(socket.AF_UNIX)
    try:
        channel.connect(SOCKET)
    except OSError:
        return _ourselves(asked)
    with channel:
        return _ask(channel, asked)


def _ourselves(asked: Asked) -> int:
    words = asked.words or [os.environ.get("SHELL") or "/bin/sh"]
    try:
        os.execvpe(words[0], words, {**os.environ, **asked.settings})  # noqa: S606 - that is what sudo is for
    except OSError as error:
        sys.stderr.write(f"sudo: {words[0]}: {error.strerror}\n")
    return 127


def _ask(channel: socket.socket, asked: Asked) -> int:
    request: dict[str, Any] = {
        "user": asked.user, "words": asked.words, "cwd": str(Path.cwd()), "login": asked.login, "shell": asked.shell,
        "environment": environment(asked, dict(os.environ)), "terminal": os.isatty(0),
    }  # fmt: skip
    body = json.dumps(request).encode()
    with _terminal(request["terminal"]) as (master, end):
        theirs = [end if end is not None and os.isatty(fd) else fd for fd in (0, 1, 2)]
        socket.send_fds(channel, [struct.pack("!I", len(body))], theirs)
        channel.sendall(body)
        return _follow(channel, master)


@contextmanager
def _terminal(wanted: bool) -> Iterator[tuple[int | None, int | None]]:
    """The two sides of a new terminal of the size of ours, which passes on every key meanwhile."""
    if not wanted:
        yield None, None
        return
    import tty  # the agent, which imports this module for its names, must start fast

    master, end = os.openpty()
    before = termios.tcgetattr(0)
    try:
        termios.tcsetattr(end, termios.TCSANOW, before)
        _resize(master)
        signal.signal(signal.SIGWINCH, lambda *_: _resize(master))
        tty.setraw(0)
        yield master, end
    finally:
        os.close(end)
        with suppress(OSError):
            _drain(master)
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _resize(master: int) -> None:
    with suppress(OSError):
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))


def _drain(master: int) -> None:
    os.set_blocking(master, False)
    while piece := os.read(master, _PIECE):
        os.write(1, piece)


def _follow(channel: socket.socket, master: int | None) -> int:
    """Pass on signals, and keys and screen where there is a terminal, until the agent says how it ended."""
    for number in _PASSED_ON:
        signal.signal(number, lambda got, _: channel.sendall(bytes([got])))
    answer = b""
    watched: list[Any] = [channel, *([] if master is None else [master, 0])]
    while True:
        for each in select.select(watched, [], [])[0]:
            if each is channel:
                piece = channel.recv(4096)
                answer += piece
                if not piece or answer.endswith(b"\n"):
                    return _ended(answer)
            elif not _pour(each, master):
                watched.remove(each)


def _pour(source: int, master: int | None) -> bool:
    """Pass on a piece of what comes from a side of the terminal; False at its end."""
    try:
        piece = os.read(source, _PIECE)
    except OSError:
        return False
    if piece and master is not None:
        os.write(1 if source == master else master, piece)
    return bool(piece)


def _ended(answer: bytes) -> int:
    told = json.loads(answer or b'{"error": "the agent has gone"}')
    if "error" in told:
        sys.stderr.write(f"sudo: {told['error']}\n")
        return 1
    code: int = told["code"]
    if code < 0:
        with suppress(OSError):  # SIGKILL has no other handler to take away
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code if code >= 0 else 128 - code
