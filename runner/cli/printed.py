"""Commands that are printed for people, who run them as they are: quoted for a shell, with the options they need."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from runner.cli.table import one_line
from runner.compiler.canonical import Json

#: The state folder of a command that names none.
STATE = Path(".runner")
#: Characters of the longest name that somebody may be asked to type.
_TYPED = 200
#: The commands that look into a state folder, as hints write them: between backticks, or at the end of the hint.
_COMMAND = (
    r"runner (?:approve|cancel|logs|pause|reject|rerun|resume|run|status|"
    r"audit (?:export|prune|search|ship|status|verify)|(?:snapshot|state) [a-z]+)\b"
)
_QUOTED = re.compile(rf"`({_COMMAND}[^`]*)`")
_LAST = re.compile(rf"(?:(?<=: )|^)({_COMMAND}[^`]*?)(?=[.]?$)")


def command(state: Path, *words: str) -> str:
    """`runner WORDS` for the runs in the folder `state`, for a shell."""
    where = () if state == STATE else ("--state", str(state))
    return shlex.join(("runner", *words, *where))


def completed(hint: str, state: Path) -> str:
    """The hint of an error, with the state folder in the commands that it names: who raised it knew of no folder."""
    if state == STATE or " --state " in hint:
        return hint
    where = f" --state {shlex.quote(str(state))}"
    return _LAST.sub(lambda found: found[1] + where, _QUOTED.sub(lambda found: f"`{found[1]}{where}`", hint))


def answering(state: Path, run: str, name: str, form: object = None) -> str:
    """The command that says yes to the question about the leg `name` of a run; `form` are the question's fields. Those
    that have no default are named with `…` for what belongs there. A name that cannot be typed is that of its step.
    """
    typed = name if one_line(name, _TYPED) == name else name.partition("[")[0]
    found = command(state, "approve", run, typed)
    fields: Mapping[str, Json] = form if isinstance(form, Mapping) else {}
    needed = [key for key, one in fields.items() if not (isinstance(one, Mapping) and "default" in one)]
    return found + "".join(f" -i {key}=…" for key in needed)
