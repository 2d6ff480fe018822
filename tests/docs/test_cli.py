"""docs/cli.md is what every `--help` prints, in the order of `runner --help`.

`RUNNER_GOLDEN=write` writes it anew: read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typer.main import get_command

from runner.cli.main import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
HEAD = """\
# The command line

What `--help` prints for each command; a test keeps this page up to date. Exit codes: 0 ok · 1 problems in the spec or a
failed run · 2 bad usage · 3 internal error · 4 a service is missing or unreachable, or the system refuses a file · 130
interrupted.
"""


def sections(command: Any, words: str) -> list[str]:
    """The help of a command and of those below it."""
    context = command.make_context(words, [], resilient_parsing=True, terminal_width=100)
    context.info_name = words
    help_ = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    out = [f"## {words}\n\n```text\n{help_}\n```\n"]
    for name, inner in getattr(command, "commands", {}).items():
        out += sections(inner, f"{words} {name}")
    return out


def test_the_page_is_what_help_prints() -> None:
    text = "\n".join([HEAD, *sections(get_command(app), "runner")])
    if os.environ.get("RUNNER_GOLDEN") == "write":
        DOCUMENT.write_text(text, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == text


def test_every_command_has_json() -> None:
    groups = ("runner", "runner audit", "runner endpoint", "runner snapshot", "runner state")
    for section in sections(get_command(app), "runner"):
        name = section.splitlines()[0].removeprefix("## ")
        assert name in groups or " --json " in section, name


def test_no_first_sentence_is_cut_in_the_lists_of_commands() -> None:
    for section in sections(get_command(app), "runner"):
        assert "..." not in section.replace("]...", "").replace("[ARGS]...", ""), section
