"""Is the process that owns a run alive?"""

from __future__ import annotations

import subprocess
from pathlib import Path

from runner.run import owner as module
from runner.run.owner import is_alive, owner


def test_this_process_is_alive():
    assert is_alive(owner())


def test_a_process_that_ended_is_not():
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert not is_alive({**owner(), "pid": child.pid})


def test_nothing_survives_a_reboot():
    assert not is_alive({**owner(), "boot": "another"})
    assert not is_alive({**owner(), "pid": None})


def test_another_machine_gets_the_benefit_of_the_doubt():
    assert is_alive({"host": "elsewhere", "pid": 1})


def test_a_process_of_another_user_is_alive(monkeypatch):
    def refuse(pid, number):
        raise PermissionError

    monkeypatch.setattr("os.kill", refuse)
    assert is_alive(owner())


def test_a_machine_without_boot_ids(monkeypatch):
    monkeypatch.setattr(module, "_BOOT", Path("/nonexistent"))
    assert owner()["boot"] == ""
    assert is_alive(owner())
