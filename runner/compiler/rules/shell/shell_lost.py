"""`shell-lost`: a step ends with a `cd`, an `export` or the like, which ends with it."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.document import Scalar
from runner.compiler.expressions.commands import Command, commands
from runner.compiler.expressions.place import locate
from runner.compiler.rules.context import Context

CODE = "shell-lost"
_HINTS = {
    "cd": "each step begins in its own folder: write `cwd` on the steps that need it, or do the work here",
    "export": "each step has its own environment: write `env` on the steps that need it, or hand on an output",
    "source": "each step has its own environment: source it in the step that needs it",
    "alias": "each step has its own shell: define it in the step that needs it",
    "set": "each step has its own shell: set it in the step that needs it",
}
_NAMES = {"pushd": "cd", ".": "source", "unset": "export", "shopt": "set"}
_LAST = re.compile(r"(?:^|[\s;&|])(?:cd|pushd|export|unset|source|\.|alias|set|shopt)\s[^\n]*\s*$")


def check(context: Context) -> list[Diagnostic]:
    """Each step is a shell of its own: what its last command changes in the shell is gone when the next one begins."""
    found = []
    for step in context.workflow.all_steps:
        node = step.action
        if step.kind != "run" or not isinstance(node, Scalar) or not _LAST.search(str(node.value)):
            continue
        last = _last(str(node.value))
        if last is None:
            continue
        start, end = last.words[0].start, last.words[-1].end
        hint = _HINTS[_NAMES.get(last.name or last.words[0].text, last.name)]
        shown = last.words[0].text
        message = f"the step `{step.id}` ends with `{shown}`, which changes nothing outside of it"
        found.append(warning(CODE, message, locate(context.document, node, start, end), hint))
    return found


def _last(text: str) -> Command | None:
    """The last command if it only changes the shell itself, and nothing can come back from it."""
    top = [command for command in commands(text) if command.depth == 0]
    last = top[-1] if top else None
    if last is None or len(last.words) < 2 or last.piped_in or last.redirects:
        return None
    name = last.words[0].text
    # Behind `&&` and inside braces it may be a test (`cd x && …` has its work before); `}` and `)` come after it.
    tail = text[last.words[-1].end :].strip()
    return last if _NAMES.get(name, name) in _HINTS and not tail else None
