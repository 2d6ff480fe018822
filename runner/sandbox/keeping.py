"""Commands that outlive the process that started them: the box keeps what they print and how they end.

A kept command runs under a wrapper in the same shell: what it prints goes to whoever listens, and into two files
beside; its exit code follows when it has ended. Another process finds it there by its name, gets the output from
wherever the first one was, and the end. The folder is outside the home folder, so that no snapshot has it; only the
box's own user can read it. It holds

| file | is there |
|---|---|
| `pid` | from the start: the number of the wrapper, which carries the name in its environment as `RUNNER_COMMAND_ID` |
| `stdout`, `stderr` | until they are forgotten: what was printed, `LONGEST` KiB of each at most |
| `stdout.end`, `stderr.end` | when nobody can print any more |
| `stdout.short`, `stderr.short` | where there was no room for more |
| `code` | when the command has ended: its exit code in decimal digits, written whole by a rename |
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from contextlib import suppress

from runner.errors import BoxError, CommandTimeout, FileMissing
from runner.run.ports import Box, Command, CommandResult, OnOutput, Stream
from runner.sandbox import tree

#: KiB of each stream that are kept at most.
LONGEST = 64 * 1024
#: Linux gives one argument of a program 128 KiB. A command that would not fit with its wrapper runs without it.
_ARGUMENT = 128 * 1024 - 1
#: The exit code of a command whose end nobody saw: something has killed even its wrapper.
_KILLED = 137
_CLEANUP = 30.0
_SHORT_CODE = 3
_SHORT = f"what was printed after {LONGEST // 1024} MiB, or without room in the box, was not kept\n"

# All in one line: the shell's own line numbers stay those of the command's text. Its words about a command that was
# killed go nowhere, as they go when nothing is wrapped.
_WRAPPER = (
    "_kept={folder}; "
    'mkdir -p -m 700 -- "$_kept" && : >"$_kept/stdout" && : >"$_kept/stderr" && echo $$ >"$_kept/pid"; '
    "exec 3>&1 4>&2 2>/dev/null; "
    "( exec 3>&- 4>&-; unset _kept; eval {text} ) > >({stdout}) 2> >({stderr}); "
    "_code=$?; "
    'echo $_code >"$_kept/code.new" && mv -f -- "$_kept/code.new" "$_kept/code"; '
    "exit $_code"
)
_TEE = (
    'trap "" XFSZ; ulimit -f {longest}; '
    'tee -- "$_kept/{name}" >&{number} || : >"$_kept/{name}.short"; : >"$_kept/{name}.end"'
)
_FOLDER = """
kept={folder}
read -r pid 2>/dev/null <"$kept/pid" || exit 1
lives() { grep -qzsxF -- {mark} "/proc/$pid/environ"; }
works() { lives || grep -qzsxF -- {mark} /proc/[0-9]*/environ; }
"""
# It lives, or how it ended is known: asked in this order, so that an end in between is not missed.
_LOOK = """
lives || [ -e "$kept/code" ]
"""
# Each stream is read from its beginning: the listener knows how much of it is told already, in characters, not bytes.
_FOLLOW = """
follow() {
  [ -e "$kept/$1" ] || return 0
  exec 5<"$kept/$1"
  while :; do
    over=
    { [ -e "$kept/$1.end" ] || ! works; } && over=1
    cat <&5
    [ -z "$over" ] || return 0
    sleep 0.1
  done
}
follow stderr >&2 &
follow stdout
wait
while lives; do sleep 0.1; done
[ -e "$kept/stdout.short" ] || [ -e "$kept/stderr.short" ] && exit {short}
exit 0
"""


def wrapped(text: str, folder: str) -> str:
    """The command under its wrapper; as it is where it is too long for that."""
    tees = {
        name: _TEE.format(name=name, number=number, longest=LONGEST) for name, number in (("stdout", 3), ("stderr", 4))
    }
    whole = _WRAPPER.format(folder=shlex.quote(folder), text=_in_one_line(text), **tees)
    return whole if len(whole.encode(errors="surrogateescape")) <= _ARGUMENT else text


def _in_one_line(text: str) -> str:
    """The text as a word of bash that has no line break in it."""
    for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return f"$'{text}'"


class Keeping:
    """The kept commands of one box. `root` is the folder of all of them, an absolute path in the box."""

    def __init__(self, box: Box, root: str) -> None:
        self._box = box
        self._root = root
        self.is_let_go = False

    def let_go(self) -> None:
        """Kill no kept command from now on: another process goes on with them."""
        self.is_let_go = True

    def folder(self, name: str) -> str:
        """Where the box keeps the command of that name."""
        return f"{self._root}/{name}"

    async def there(self, name: str) -> bool:
        """Whether the command goes on, or its end is known. Raises BoxGone, ProviderError."""
        return (await self._run(name, _LOOK)).exit_code == 0

    async def rejoin(
        self, name: str, seconds: float, after: Mapping[Stream, int], on_output: OnOutput
    ) -> CommandResult:
        """Follow the command to its end, for so many seconds at most; `on_output` gets what it prints after so many
        characters of each stream.

        On timeout and when the caller is cancelled its process tree is killed first. Raises CommandTimeout, BoxGone,
        ProviderError.
        """
        told = dict(after)

        def hear(stream: Stream, text: str) -> None:
            known = min(told.get(stream, 0), len(text))
            told[stream] = told.get(stream, 0) - known
            if text[known:]:
                on_output(stream, text[known:])

        try:
            done = await self._run(name, _FOLLOW.replace("{short}", str(_SHORT_CODE)), seconds, hear)
        except CommandTimeout as error:
            await self._end(name)
            words = f"the command ran past its time, {seconds:g} s after it was taken up; its process tree was killed"
            raise CommandTimeout(words, error.hint) from error
        except asyncio.CancelledError:
            with suppress(BoxError, TimeoutError):
                async with asyncio.timeout(_CLEANUP):
                    await self._end(name)
            raise
        if done.exit_code == _SHORT_CODE:
            on_output("stderr", _SHORT)
        code = await self._code(name)
        if code is None:
            await self._end(name)  # whatever of it outlived its wrapper
        return CommandResult(_KILLED if code is None else code, done.stdout, done.stderr)

    async def forget(self, name: str) -> None:
        """Remove what the command printed; how it ended stays known. Raises BoxGone, ProviderError."""
        words = 'rm -f -- "$kept/stdout" "$kept/stderr"'
        await self._box.run(Command(f"kept={shlex.quote(self.folder(name))}; {words}", timeout=_CLEANUP))

    async def _code(self, name: str) -> int | None:
        """The exit code; None where there is none, or what is there is no exit code."""
        try:
            text = (await self._box.read(f"{self.folder(name)}/code"))[:8].strip()
        except FileMissing:
            return None
        return int(text) if text.isdigit() and int(text) < 256 else None

    async def _end(self, name: str) -> None:
        if self.is_let_go:
            return
        try:
            root = (await self._box.read(f"{self.folder(name)}/pid"))[:16].strip()
        except FileMissing:
            root = b""
        # Its number may be another's by now: then it only shows its tree by the mark.
        alive = root.isdigit() and (await self._run(name, "lives")).exit_code == 0
        await self._box.run(Command(tree.script(name, int(root) if alive else 0), timeout=_CLEANUP))

    async def _run(
        self, name: str, script: str, seconds: float = _CLEANUP, on_output: OnOutput | None = None
    ) -> CommandResult:
        mark = shlex.quote(f"{tree.MARK}={name}")
        head = _FOLDER.replace("{folder}", shlex.quote(self.folder(name))).replace("{mark}", mark)
        return await self._box.run(Command(head + script, timeout=seconds), on_output)
