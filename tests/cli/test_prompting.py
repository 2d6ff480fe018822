"""A run at a terminal asks its questions right there. The terminal is a real one; the run is a process of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runner.cli.main import app

SPEC = """
spec: 1
name: asks
agents: {lead: {human: true, title: Lead}}
steps:
  gate:
    owner: lead
    approve:
      prompt: Ship it?
      timeout: 1h
      form:
        share: {type: integer, title: Percent, minimum: 1, maximum: 100, default: 10}
        to: {type: string, enum: [some, all]}
  again: {after: [gate], approve: {prompt: Ship the rest?}}
"""
# A terminal is somebody's only as that of their session.
_IN_A_SESSION = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'runner', *sys.argv[1:]])"
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A terminal in which `runner` runs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.state = folder / "state"
        self.said = ""
        self._seen = 0
        ours, theirs = pty.openpty()
        self.fd = ours
        words = [sys.executable, "-c", _IN_A_SESSION, *arguments, "--state", str(self.state), "--engine", "local"]
        environ = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environ)
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.fd)

    def reads(self, text: str) -> str:
        """What is on the screen up to and with this text, from where the last call ended."""
        end = time.monotonic() + 30
        while text not in self.said[self._seen :]:
            assert time.monotonic() < end, f"no {text!r} in:\n{self.said[self._seen :]}"
            if not self._more():
                raise AssertionError(f"the process has ended, and no {text!r} in:\n{self.said[self._seen :]}")
        start, self._seen = self._seen, self.said.index(text, self._seen) + len(text)
        return self.said[start : self._seen]

    def types(self, text: str) -> None:
        """Press these keys."""
        os.write(self.fd, text.encode())

    def ends(self) -> tuple[int, str]:
        """The exit code, and what was on the screen since the last look."""
        while self._more():
            pass
        return self.process.wait(20), self.said[self._seen :]

    def _more(self) -> bool:
        if not select.select([self.fd], [], [], 20)[0]:
            raise AssertionError(f"nothing happens:\n{self.said[self._seen :]}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # nobody has the other end any more
            return False
        self.said += _COLOURS.sub("", data.decode()).replace("\r", "")
        return bool(data)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "asks.yaml").write_text(SPEC)
    return tmp_path


def runner(terminal, *arguments):
    """A command in another terminal."""
    result = CliRunner().invoke(app, [*arguments, "--state", str(terminal.state)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_run_at_a_terminal_is_answered_there_field_by_field(folder):
    with Terminal(folder, "run", "asks.yaml") as terminal:
        question = terminal.reads("approve? [y/n/later] ")
        assert "? gate asks (of lead) until " in question
        assert "then: reject: Ship it?" in question
        terminal.types("maybe\n")
        terminal.reads("approve? [y/n/later] ")
        terminal.types("y\n")
        terminal.reads("share, Percent (integer, from 1, to 100) [10]: ")
        terminal.types("101\n")
        assert "field `share`: 101 is more than the maximum 100" in terminal.reads("[10]: ")
        terminal.types("many\n")
        assert '"many" is not `integer`' in terminal.reads("[10]: ")
        terminal.types("\n")
        terminal.reads("to (one of some, all): ")
        terminal.types("\n")
        assert "field `to` is missing" in terminal.reads("all): ")
        terminal.types("all\n")
        terminal.reads("gate: approved by")
        terminal.reads("? again asks")
        terminal.reads("approve? [y/n/later] ")
        terminal.types("n\n")
        terminal.reads("why not? ")
        terminal.types("\n")
        terminal.reads("why not? ")
        terminal.types("not today\n")
        code, rest = terminal.ends()
        assert code == 1
        assert "again: rejected by" in rest
        assert "not today" in rest
        told = json.loads(runner(terminal, "status", "last", "--json"))["steps"]
        assert {leg["leg"]: leg["state"] for leg in told} == {"gate": "succeeded", "again": "failed"}
        assert next(leg for leg in told if leg["leg"] == "gate")["outputs"] == {"share": 10, "to": "all"}


def test_a_decision_made_elsewhere_ends_the_question_and_what_was_typed_decides_nothing(folder):
    with Terminal(folder, "run", "asks.yaml") as terminal:
        terminal.reads("approve? [y/n/later] ")
        terminal.types("n")  # not sent off, and not meant for the next question
        runner(terminal, "approve", "last", "gate", "-i", "to=all", "--comment", "from elsewhere")
        assert "approved by" in terminal.reads("from elsewhere")
        terminal.reads("? again asks")
        terminal.reads("approve? [y/n/later] ")
        terminal.types("y\n")
        assert terminal.ends()[0] == 0


def test_ctrl_c_in_a_question_stops_the_run(folder):
    with Terminal(folder, "run", "asks.yaml") as terminal:
        terminal.reads("approve? [y/n/later] ")
        terminal.types("\x03")
        terminal.reads("\nstopping after Ctrl-C")
        code, rest = terminal.ends()
        assert (code, "approve? " in rest) == (130, False)


def test_what_is_left_open_is_asked_again_when_the_run_is_gone_on_with(folder):
    with Terminal(folder, "run", "asks.yaml") as terminal:
        terminal.reads("approve? [y/n/later] ")
        terminal.types("y\n")
        terminal.reads("[10]: ")
        terminal.types("\x04")
        assert "runner approve " in terminal.reads("-i to=…")
        runner(terminal, "pause", "last")
        assert terminal.ends()[0] == 1
    with Terminal(folder, "resume", "last") as terminal:
        assert "? gate asks (of lead)" in terminal.reads("approve? [y/n/later] ")
        terminal.types("later\n")
        terminal.reads("left open; it is answered by: runner approve ")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ends()[0] == 130


@pytest.mark.parametrize("option", ["--no-wait", "--quiet"])
def test_who_wants_no_questions_gets_none(folder, option):
    with Terminal(folder, "run", "asks.yaml", option) as terminal:
        if option == "--quiet":
            end = time.monotonic() + 20
            while (
                "waits for a decision"
                not in CliRunner().invoke(app, ["status", "last", "--state", str(terminal.state)]).stdout
                and time.monotonic() < end
            ):
                time.sleep(0.2)
            terminal.process.send_signal(signal.SIGTERM)
        code, rest = terminal.ends()
        assert (code, "[y/n/later]" in rest) == (130 if option == "--quiet" else 1, False)
