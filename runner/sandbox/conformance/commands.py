"""Checks of foreground commands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from runner.errors import CommandTimeout, FileMissing, NotADirectory
from runner.run.ports import Box, Command
from runner.sandbox.conformance.check import NO_FAMILY, Check, expect, on_box, refused, same, sh

_MEGABYTES = 5_000_000
#: Variables that a box may well share with the host, with the same value.
_COMMON = {
    "HOME",
    "HOSTNAME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "TERM",
    "USER",
    "_",
}

#: Leaves a child, a child in a session of its own, an orphan of a double fork and one with a bare environment.
FAMILY = r"""
echo $$ >> pids
sleep 600 & echo $! >> pids
setsid bash -c 'echo $$ >> pids; exec sleep 600' &
(setsid bash -c 'bash -c "echo \$\$ >> pids; exec sleep 600" & sleep 0.1' &)
env -i sleep 600 & echo $! >> pids
while [ $(wc -l < pids) -lt 5 ]; do sleep 0.02; done
touch ready
sleep 600
"""
_SURVIVORS = r"""
for pid in $(cat pids); do
  read -r line 2>/dev/null < /proc/$pid/stat || continue
  rest=${line##*) }
  [ "${rest%% *}" = Z ] || echo $pid
done
"""


async def until_exists(box: Box, path: str) -> None:
    """Wait until a file is there."""
    for _ in range(400):
        try:
            await box.stat(path)
        except FileMissing:
            await asyncio.sleep(0.05)
        else:
            return
    expect(False, f"{path!r} never came")


async def no_survivors(box: Box) -> None:
    """Fail if one of the FAMILY still lives."""
    same(len((await box.read("pids")).split()), 5, "processes started")
    same((await sh(box, _SURVIVORS)).stdout.split(), [], "processes that outlived their command")


async def family_times_out(box: Box, run: Callable[[float], Awaitable[None]]) -> None:
    """Fail unless a FAMILY that `run` starts with a timeout in seconds is dead after it. A busy machine gets longer."""
    for seconds in (0.7, 3, 12):
        await sh(box, "rm -f pids ready")
        with refused(CommandTimeout):
            await run(seconds)
        if "ready" in {info.name for info in await box.list(".")}:
            await no_survivors(box)
            return
    expect(False, "the processes were never all there")


async def _streams(box: Box) -> None:
    seen: list[tuple[str, str]] = []
    text = "for i in $(seq 300); do echo out$i; echo err$i >&2; done"
    result = await box.run(Command(text), lambda stream, piece: seen.append((stream, piece)))
    for name, got in (("stdout", result.stdout), ("stderr", result.stderr)):
        same(got, _lines(name), name)
        same("".join(piece for stream, piece in seen if stream == name), got, f"{name} by callback")


def _lines(name: str) -> str:
    return "".join(f"{name.removeprefix('std')}{number}\n" for number in range(1, 301))


async def _exit_codes(box: Box) -> None:
    for code in (0, 1, 7, 255):
        same((await box.run(Command(f"exit {code}"))).exit_code, code, "exit code")
    result = await box.run(Command("echo before; echo why >&2; exit 3"))
    same((result.exit_code, result.stdout, result.stderr), (3, "before\n", "why\n"), "result")


async def _signals(box: Box) -> None:
    for number in (9, 15, 6):
        same((await box.run(Command(f"kill -{number} $$"))).exit_code, 128 + number, f"exit code for signal {number}")


async def _not_found(box: Box) -> None:
    result = await box.run(Command("no-such-command-anywhere"))
    same(result.exit_code, 127, "exit code")
    expect("no-such-command-anywhere" in result.stderr, "the message does not name the command")


async def _large_output(box: Box) -> None:
    result = await sh(box, f"head -c {_MEGABYTES} /dev/zero | tr '\\0' x; head -c 100000 /dev/zero | tr '\\0' y >&2")
    same((len(result.stdout), len(result.stderr)), (_MEGABYTES, 100_000), "sizes")
    expect(set(result.stdout) == {"x"}, "the output was changed")


async def _no_newline(box: Box) -> None:
    same((await sh(box, "printf 'no newline'")).stdout, "no newline")
    same((await sh(box, "printf ''")).stdout, "")
    same((await sh(box, r"printf 'a\r\nb\tc\033[0m\0d'")).stdout, "a\r\nb\tc\x1b[0m\0d", "control characters")


async def _split_characters(box: Box) -> None:
    pieces: list[str] = []
    text = r"printf '\xe2\x82'; sleep 0.2; printf '\xac'; printf '\xf0\x9f'; sleep 0.2; printf '\x98\x80'"
    result = await box.run(Command(text), lambda _, piece: pieces.append(piece))
    same((result.stdout, "".join(pieces)), ("€😀", "€😀"))


async def _invalid_text(box: Box) -> None:
    same((await sh(box, r"printf 'a\xffb\xe2'")).stdout, "a\ufffdb\ufffd")


async def _stdin(box: Box) -> None:
    result = await box.run(Command("cat; echo end", stdin="grüße\nzwei".encode()))
    same(result.stdout, "grüße\nzweiend\n")
    same((await box.run(Command("cat; echo end", stdin=b""))).stdout, "end\n", "empty input")
    same((await box.run(Command("cat; echo end"))).stdout, "end\n", "no input")


async def _large_stdin(box: Box) -> None:
    data = b"0123456789abcdef" * (_MEGABYTES // 16)
    result = await box.run(Command("cat", stdin=data, timeout=50))
    expect(result.stdout.encode() == data, f"{len(result.stdout)} of {len(data)} characters came back, or others")


async def _unread_stdin(box: Box) -> None:
    data = b"x" * _MEGABYTES
    same((await box.run(Command("exit 4", stdin=data))).exit_code, 4, "exit code")
    with refused(CommandTimeout):
        await box.run(Command("sleep 600", stdin=data, timeout=1))


async def _env(box: Box) -> None:
    env = {"PLAIN": "a b", "LINES": "one\ntwo\n", "QUOTES": "'\"`$HOME\\", "EMPTY": "", "UMLAUT": "ä€😀"}
    result = await box.run(Command('printf \'%s|\' "$PLAIN" "$LINES" "$QUOTES" "${EMPTY-unset}" "$UMLAUT"', env=env))
    same(result.stdout, "".join(f"{value}|" for value in env.values()))
    same((await sh(box, "echo ${PLAIN-unset}")).stdout, "unset\n", "the next command's variable")


async def _host_env(box: Box) -> None:
    lines = (await sh(box, "env -0")).stdout.split("\0")
    inside = dict(line.split("=", 1) for line in lines if "=" in line)
    leaked = [name for name, value in os.environ.items() if name not in _COMMON and inside.get(name) == value != ""]
    same(leaked, [], "variables of the host in the box")


async def _cwd(box: Box) -> None:
    await box.mkdir("sub/deeper")
    same((await box.run(Command("pwd", cwd="sub/deeper"))).stdout, f"{box.home}/sub/deeper\n", "relative")
    same((await box.run(Command("pwd", cwd=f"{box.home}/sub"))).stdout, f"{box.home}/sub\n", "absolute")
    same((await sh(box, "echo ~; echo $HOME")).stdout, f"{box.home}\n{box.home}\n", "home")


async def _bad_cwd(box: Box) -> None:
    await box.write("file", b"")
    with refused(FileMissing):
        await box.run(Command("pwd", cwd="absent"))
    with refused(NotADirectory):
        await box.run(Command("pwd", cwd="file"))


async def _login_shell(box: Box) -> None:
    await sh(box, 'shopt -q login_shell && [ -n "$BASH_VERSION" ]')
    same((await sh(box, "[[ abc == a* ]] && echo {1..3}")).stdout, "1 2 3\n", "bash")


async def _timeout(box: Box) -> None:
    async def run(seconds: float) -> None:
        await box.run(Command(FAMILY, timeout=seconds))

    await family_times_out(box, run)
    same((await sh(box, "echo usable")).stdout, "usable\n", "the next command")


async def _cancel(box: Box) -> None:
    task = asyncio.create_task(box.run(Command(FAMILY, timeout=None)))
    await until_exists(box, "ready")
    task.cancel()
    expect(await _was_cancelled(task), "the caller's cancellation was swallowed")
    await no_survivors(box)


async def _was_cancelled(task: asyncio.Task[object]) -> bool:
    await asyncio.wait([task])
    return task.cancelled()


async def _quick_timeouts(box: Box) -> None:
    for _ in range(5):
        with refused(CommandTimeout):
            await box.run(Command("sleep 600", timeout=0.05))
    same((await sh(box, "echo usable")).stdout, "usable\n", "the next command")


async def _concurrent(box: Box) -> None:
    texts = [f"sleep 0.{number % 3}; echo {number}" for number in range(20)]
    results = await asyncio.gather(*(box.run(Command(text)) for text in texts))
    same([result.stdout for result in results], [f"{number}\n" for number in range(20)])


async def _leftover(box: Box) -> None:
    result = await sh(box, "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!")
    same(
        (await sh(box, f"kill -0 {result.stdout.strip()} && echo lives")).stdout, "lives\n", "a daemon left on purpose"
    )


async def _long_text(box: Box) -> None:
    same((await sh(box, ": " + "x" * 100_000 + "\necho 'it''s' \"$((6*7))\"")).stdout, "its 42\n")


NO_DAEMON = {
    "webcontainer": "a browser has no setsid, and `sleep &` is a part of its shell's process there; what is to outlive"
    " its command is a program of Node, started detached"
}

COMMAND_CHECKS = (
    Check("output streams", "stdout and stderr were merged or reordered within a stream.", on_box(_streams)),
    Check("exit codes", "A failing command was an exception that lost its output.", on_box(_exit_codes)),
    Check("death by signal", "A signal was reported as -1, whichever it was.", on_box(_signals)),
    Check("command not found", "A missing program surfaced as the provider's failure.", on_box(_not_found)),
    Check("output of 5 MB", "A full pipe blocked the command for ever.", on_box(_large_output)),
    Check("output as it is", "A newline was added, control characters were lost.", on_box(_no_newline)),
    Check("characters in pieces", "A character over two pieces became two question marks.", on_box(_split_characters)),
    Check("output that is no text", "Invalid UTF-8 raised in the reader.", on_box(_invalid_text)),
    Check("input", "Without input a command waited for a terminal.", on_box(_stdin)),
    Check("input of 5 MB", "Input was sent before output was read: both sides waited.", on_box(_large_stdin)),
    Check("input nobody reads", "A command that ignores its input was an error or a hang.", on_box(_unread_stdin)),
    Check("environment", "Values went through a shell line and were expanded.", on_box(_env)),
    Check("host environment", "Keys of the host's environment were visible in the box.", on_box(_host_env)),
    Check("working folder", "A relative folder was taken from the agent's own.", on_box(_cwd)),
    Check("missing working folder", "The command ran somewhere else instead.", on_box(_bad_cwd)),
    Check("login bash", "The shell was sh: arrays and [[ ]] failed.", on_box(_login_shell)),
    Check("timeout kills the tree", "Children in their own session went on.", on_box(_timeout), NO_FAMILY),
    Check("cancel kills the tree", "A cancelled run left its processes behind.", on_box(_cancel), NO_FAMILY),
    Check("quick timeouts", "A timeout while a command started broke the box.", on_box(_quick_timeouts)),
    Check("20 commands at once", "Commands waited for each other or swapped output.", on_box(_concurrent)),
    Check("daemon left behind", "A daemon started on purpose died with its command.", on_box(_leftover), NO_DAEMON),
    Check("long command text", "Long or quoted text was cut on its way.", on_box(_long_text)),
)
