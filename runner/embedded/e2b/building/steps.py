"""Steps of a build: what each asks for, which earlier work it can share, and the commands that do it in a box.

All of them run inside the builder's box, behind the same walls as anybody's programs: also an uploaded archive is
unpacked there, so that whatever is in it can reach nothing else.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from runner.records import dataclass

#: `*`, `?`, `[` and `{` begin what the SDK has matched with files already.
_GLOB = re.compile(r"[*?\[{]")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_OWNER = re.compile(r"[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)?")
_MODE = re.compile(r"0?[0-7]{3,4}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HASH = re.compile(r"[0-9a-f]{64}")
#: The kernel takes the names of all layers of a mount in one page of memory.
MOST_LAYERS = 100
_KINDS = ("RUN", "COPY", "ENV", "ARG", "WORKDIR", "USER")


class StepRefused(Exception):
    """A step that cannot be done as it is written; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `RUN`, `COPY`, `ENV`, `ARG`, `WORKDIR` or `USER`, its arguments as the SDK gives them, the hash of the
    files that it copies, and whether it must be done although it has been done before.
    """

    kind: str
    args: tuple[str, ...]
    files: str = ""
    force: bool = False

    def title(self, number: int) -> str:
        """How logs call it."""
        shown = self.args[: {"RUN": 1, "COPY": 2}.get(self.kind, len(self.args))]
        return f"[{number}] {self.kind} {' '.join(shown)}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build has come: layers over the base, and what is set for the steps that follow and for boxes."""

    key: str
    layers: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = "user"
    workdir: str = ""

    def after(self, step: Step) -> str:
        """The key of the work that is done once a step has been: by it equal work is found again."""
        what = json.dumps([self.key, step.kind, step.args, step.files])
        return hashlib.sha256(what.encode()).hexdigest()[:32]


def check_depth(progress: Progress) -> None:
    """Raises StepRefused when no layer more can be put on those there are."""
    if len(progress.layers) >= MOST_LAYERS:
        raise StepRefused(f"a template has at most {MOST_LAYERS} layers: do more in one step, with && between commands")


def parse(rows: object) -> list[Step]:
    """The steps in the body of a build's start. Raises StepRefused."""
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise StepRefused("steps must be a list")
    return [_step(row, number) for number, row in enumerate(rows, 1)]


def _step(row: object, number: int) -> Step:
    if not isinstance(row, dict):
        raise StepRefused(f"step {number} is not an object")
    kind, args = str(row.get("type", "")).upper(), row.get("args") or []
    if kind not in _KINDS:
        raise StepRefused(f"step {number}: {kind!r} is none of {', '.join(_KINDS)}")
    if not isinstance(args, list) or not all(isinstance(each, str) for each in args):
        raise StepRefused(f"step {number}: args must be a list of texts")
    files = row.get("filesHash") or ""
    if kind == "COPY" and not (isinstance(files, str) and _HASH.fullmatch(files)):
        raise StepRefused(f"step {number}: COPY needs the SHA-256 of its files in filesHash")
    least = {"COPY": 2, "ENV": 2, "ARG": 1}.get(kind, 1)
    if len(args) < least or not args[0]:
        raise StepRefused(f"step {number}: {kind} needs {least} arguments, and has {len(args)}")
    return Step(kind, tuple(args), files, row.get("force") is True)


def pairs(step: Step) -> dict[str, str]:
    """The names and values of an ENV, or of an ARG, whose value may be missing. Raises StepRefused."""
    args = step.args if step.kind == "ENV" else (*step.args, "")[:2]
    if len(args) % 2:
        raise StepRefused("ENV needs a value for each name")
    found = dict(zip(args[::2], args[1::2], strict=True))
    for name, value in found.items():
        if not _NAME.fullmatch(name) or "\0" in value:
            raise StepRefused(f"{name!r} cannot be the name of an environment variable")
    return found


def expansion(value: str) -> str:
    """A command that prints a value with `$NAME` and `${NAME}` replaced, and with nothing of it run."""
    escaped = re.sub(r'([\\"`]|\$(?=\())', r"\\\1", value)
    return f'printf %s "{escaped}"'


def user_of(step: Step) -> str:
    """Whom a RUN names, empty if nobody, or a USER. Raises StepRefused."""
    name = step.args[0] if step.kind == "USER" else (*step.args, "", "")[1]
    plain = name.partition(":")[0]
    if plain and not _USER.fullmatch(plain) and not plain.isdecimal():
        raise StepRefused(f"{name!r} cannot be a user's name")
    return plain


def workdir_of(step: Step, progress: Progress) -> str:
    """The absolute path that a WORKDIR means."""
    return posixpath.normpath(posixpath.join(progress.workdir or "/", step.args[0]))


#: Makes the user in $NAME, if there is none.
ADD_USER = """
id -u "$NAME" >/dev/null 2>&1 && exit 0
useradd --create-home --shell /bin/bash --user-group "$NAME"
"""
#: Makes the folder in $TARGET; what is new of it belongs to $OWNER.
MAKE_WORKDIR = """
set -e
first=$TARGET
until [ -e "$(dirname "$first")" ]; do first=$(dirname "$first"); done
if [ ! -d "$TARGET" ]; then
    mkdir -p "$TARGET"
    [ "$(id -u)" != 0 ] || chown -R "$OWNER" "$first"
fi
cd "$TARGET"
"""
#: Unpacks $ARCHIVE and puts $SOURCE of it to $TARGET as COPY does: a file to that place, or into a folder that is there
#: or ends with a slash; a folder's content into the folder.
PLACE = """
set -e
umask 022
fresh=$(mktemp -d)
trap 'chmod -R u+rwX "$fresh"; rm -rf "$fresh" "$ARCHIVE"' EXIT
tar -x --no-same-owner -p -f "$ARCHIVE" -C "$fresh"
cd "${WORK:-$HOME_OF_USER}"
case $TARGET in /*) ;; *) TARGET=$PWD/$TARGET ;; esac
from=$fresh/$SOURCE
if [ ! -e "$from" ] && [ ! -L "$from" ]; then echo "no such file in the build's files: $SOURCE" >&2; exit 1; fi
may() { [ "$(id -u)" != 0 ] || chown -h -R "$OWNER" "$1"; }
if [ -L "$from" ] || [ ! -d "$from" ]; then
    may "$from"
    [ -z "$MODE" ] || [ -L "$from" ] || chmod "$MODE" "$from"
    case $TARGET in */) mkdir -p "$TARGET" ;; *) mkdir -p "$(dirname "$TARGET")" ;; esac
    mv -f "$from" "$TARGET"
else
    may "$from"
    [ -z "$MODE" ] || chmod -R "$MODE" "$from"
    if [ ! -d "$TARGET" ]; then mkdir -p "$TARGET"; may "$TARGET"; fi
    tar -c -C "$from" . | tar -x -p -C "$TARGET" --keep-directory-symlink --no-overwrite-dir
fi
"""


def placement(step: Step, progress: Progress, archive: str) -> dict[str, str]:
    """The environment that `PLACE` needs for a COPY. Raises StepRefused."""
    source, target, owner, mode = (*step.args, "", "")[:4]
    kept = []
    for word in source.split("/"):
        if _GLOB.search(word):
            break
        kept.append(word)
    plain = posixpath.normpath("/".join(kept) or ".")
    if plain.startswith(("/", "..")):
        raise StepRefused(f"COPY: {source!r} leads out of the build's files")
    owner = owner or progress.user
    if not _OWNER.fullmatch(owner):
        raise StepRefused(f"COPY: {owner!r} is no user, nor user:group")
    if mode and not _MODE.fullmatch(mode):
        raise StepRefused(f"COPY: mode {mode!r} is not octal")
    home = {"root": "/root"}.get(progress.user, f"/home/{progress.user}")
    return {
        "ARCHIVE": archive, "SOURCE": plain, "TARGET": target, "OWNER": owner if ":" in owner else f"{owner}:{owner}",
        "MODE": mode, "WORK": progress.workdir, "HOME_OF_USER": home,
    }  # fmt: skip
