"""Every spec and every `runner` command shown in the README and in docs/ is run, and prints what is shown.

How a document is read: a `yaml` or `python` block with a name behind it is a file; a `console` block is a session:
lines that start with `$ ` are commands, what follows is their output. `…` stands for any text within a line, and alone
on a line for any lines. `echo $?` shows the exit code of the command before it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w*)[ ]?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    line: str
    expected: str


def blocks(document: Path) -> list[tuple[str, str, str]]:
    return [(m[1], m[2], m[3]) for m in FENCE.finditer(document.read_text())]


def commands(session: str) -> list[Command]:
    found: list[Command] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], ""))
        else:
            found[-1] = Command(found[-1].line, found[-1].expected + line + "\n")
    return found


def pattern(expected: str) -> re.Pattern[str]:
    parts = []
    for line in expected.splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(p) for p in line.rstrip().split("…")) + r"[ ]*\n")
    return re.compile("".join(parts))


def environment(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "COLUMNS": "120", "NO_COLOR": "1"}


def run_session(document: Path, folder: Path) -> int:
    """Write the files and run the sessions in their order; returns how many commands ran."""
    ran, code = 0, 0
    env = environment(folder)
    for language, name, text in blocks(document):
        if language in ("yaml", "python") and name:
            (folder / name).write_text(text)
        if language != "console":
            continue
        for command in commands(text):
            if command.line == "echo $?":
                assert command.expected.strip() == str(code)
                continue
            if command.line.startswith("make "):
                target = command.line.split()[1]
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command.line
                continue
            done = subprocess.run(
                ["bash", "-c", command.line], cwd=folder, env=env, capture_output=True, text=True, timeout=120
            )
            code, ran = done.returncode, ran + 1
            output = "".join(line.rstrip() + "\n" for line in (done.stdout + done.stderr).splitlines())
            assert pattern(command.expected).fullmatch(output), f"$ {command.line}\n{output}"
    return ran


@pytest.mark.acceptance
@pytest.mark.timeout(240)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_command_prints_what_is_shown(document: Path, tmp_path: Path) -> None:
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    shown = sum(len(commands(text)) for language, _, text in blocks(document) if language == "console")
    ran = run_session(document, tmp_path)
    assert (ran > 0) == (shown > 0)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_link_into_the_repository_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    lost = [target for target in targets if not (document.parent / target).exists()]
    assert not lost, f"{document.name} links to what does not exist: {lost}"


def test_the_readme_names_both_commands_and_ci_calls_the_second() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
    assert "make test" in (ROOT / ".ci" / "run").read_text()
