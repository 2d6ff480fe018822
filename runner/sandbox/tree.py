"""Finding and killing everything a command started, by what the kernel says in /proc.

Each command is started with its own value of `RUNNER_COMMAND_ID` in its environment. Its process tree is then: every
process that carries that value, every process whose session or process group is that of the command's
shell, and all descendants of these. A child that called setsid or forked twice still carries the mark; one that
cleared its environment is still a descendant or a member of the session. What does all three at once
and has lost its parent gets away, except in boxes of the embedded endpoint: there each command has a soft
RLIMIT_RTTIME of its own, which is inherited through all that and which the script looks for, too. Process 1, whoever
searches and its ancestors are never members.

The same search exists twice: as a shell script for a box that is reached only by commands, and in
Python for processes of this machine.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
from collections.abc import Iterable
from pathlib import Path

from runner.records import dataclass

MARK = "RUNNER_COMMAND_ID"
_ROUNDS = 20

# A limit that whoever searches has as well is nobody's badge: on such a machine it would be everybody's.
# One round finds the members and signals them; SIGKILL repeats until a round finds nobody alive, since
# a process may fork while it is looked for. `sudo -n` serves boxes in which a command became root.
_SCRIPT = """
mark={mark} root={root} sig={sig} rounds={rounds} hit=1
badge=$(grep -s "^Max realtime timeout *[0-9]" /proc/$root/limits)
grep -qsxF -- "$badge" /proc/$$/limits && badge=
while [ $rounds -gt 0 ]; do
  rounds=$((rounds - 1)); set=" "; more=1
  for f in $(grep -lzsxF -- "$mark" /proc/[0-9]*/environ); do f=${{f#/proc/}}; set="$set${{f%/environ}} "; done
  [ -z "$badge" ] || for f in $(grep -lsxF -- "$badge" /proc/[0-9]*/limits); do
    pid=${{f#/proc/}}; pid=${{pid%/limits}}
    case "$set" in *" $pid "*) ;; *) set="$set$pid ";; esac
  done
  while [ $more = 1 ]; do
    more=0
    for d in /proc/[0-9]*; do
      pid=${{d#/proc/}}
      case "$set" in *" $pid "*) continue;; esac
      [ $pid = 1 ] || [ $pid = $$ ] || [ $pid = $PPID ] && continue
      read -r line 2>/dev/null <$d/stat || continue
      read -r state parent group session rest <<<"${{line##*) }}"
      if [ $group = $root ] || [ $session = $root ]; then set="$set$pid "; more=1; continue; fi
      case "$set" in *" $parent "*) set="$set$pid "; more=1;; esac
    done
  done
  live=
  for pid in $set; do
    read -r line 2>/dev/null </proc/$pid/stat || continue
    rest=${{line##*) }}
    [ "${{rest%% *}}" = Z ] || live="$live $pid"
  done
  [ -z "$live" ] && exit $hit
  hit=0
  kill -$sig $live 2>/dev/null || sudo -n kill -$sig $live 2>/dev/null
  [ $sig = KILL ] || exit 0
done
exit 2
"""


def script(command_id: str, root: int, name: str = "SIGKILL") -> str:
    """Bash that signals the tree of a command in a box; `root` is the pid of its shell, 0 if not known.

    Exits 0 when somebody was signalled (SIGKILL: and all are gone), 1 when nobody was left, 2 when
    processes outlived SIGKILL.
    """
    return _SCRIPT.format(
        mark=shlex.quote(f"{MARK}={command_id}"),
        root=root if root > 1 else -1,
        sig=name.removeprefix("SIG"),
        rounds=_ROUNDS,
    )


@dataclass(frozen=True, slots=True)
class Proc:
    """One process as /proc/PID/stat tells it. `ticks` is its CPU time in clock ticks, `pages` its resident memory."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    ticks: int
    pages: int


def processes() -> list[Proc]:
    """All processes of this machine that can be seen."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                found.append(_parse(int(folder.name), (folder / "stat").read_text(errors="replace")))
    return found


def members(marks: Iterable[str], roots: Iterable[int]) -> list[Proc]:
    """The live processes of this machine that carry one of the marks (`NAME=value`), belong to the session or
    group of one of the roots, or descend from such a process.

    A root counts only while it carries a mark itself: its number may have passed to somebody else, and session
    0 would be everybody.
    """
    wanted = {mark.encode() for mark in marks}
    table = processes()
    spared = {1, os.getpid()} | _ancestors(os.getpid(), table)
    everybody = [proc for proc in table if proc.pid not in spared]
    found = {proc.pid for proc in everybody if not wanted.isdisjoint(_environ(proc.pid))}
    leaders = found.intersection(roots)
    found |= {proc.pid for proc in everybody if proc.group in leaders or proc.session in leaders}
    grown = True
    while grown:
        children = {proc.pid for proc in everybody if proc.parent in found} - found
        found |= children
        grown = bool(children)
    return [proc for proc in everybody if proc.pid in found and proc.state != "Z"]


def kill(marks: Iterable[str], roots: Iterable[int], signum: signal.Signals = signal.SIGKILL) -> bool:
    """Signal such a tree on this machine; SIGKILL repeats until nobody is left. False when nobody was there."""
    marks, roots = tuple(marks), tuple(roots)
    hit = False
    for _ in range(_ROUNDS):
        alive = members(marks, roots)
        if not alive:
            return hit
        hit = True
        for proc in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(proc.pid, signum)
        if signum != signal.SIGKILL:
            return True
    return hit


def _ancestors(pid: int, table: list[Proc]) -> set[int]:
    parents = {proc.pid: proc.parent for proc in table}
    found: set[int] = set()
    while (pid := parents.get(pid, 0)) > 0 and pid not in found:
        found.add(pid)
    return found


def _parse(pid: int, stat: str) -> Proc:
    # The name in brackets may hold spaces and brackets: fields are counted from the last one. proc(5).
    fields = stat[stat.rindex(")") + 2 :].split()
    return Proc(
        pid=pid,
        state=fields[0],
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        ticks=int(fields[11]) + int(fields[12]),
        pages=int(fields[21]),
    )


def _environ(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return set()
