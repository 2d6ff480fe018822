"""Is the process that owns a run alive?"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from runner.run import owner as module
from runner.run.owner import is_alive, owner, start_ticks


def test_this_process_is_alive():
    assert is_alive(owner())


def test_a_process_that_ended_is_not():
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert not is_alive({**owner(), "pid": child.pid})
    assert not is_alive({**owner(), "pid": child.pid, "ticks": None})


def test_nothing_survives_a_reboot():
    assert not is_alive({**owner(), "boot": "another"})
    assert not is_alive({**owner(), "pid": None})


def test_another_machine_gets_the_benefit_of_the_doubt():
    assert is_alive({"host": "elsewhere", "pid": 1})


def test_a_killed_process_that_nobody_waited_for_is_dead():
    child = subprocess.Popen(["sleep", "60"])
    mine = {**owner(), "pid": child.pid, "ticks": start_ticks(child.pid)}
    assert is_alive(mine)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is left a zombie
    assert not is_alive(mine)
    child.wait()
    assert not is_alive(mine)


def test_a_process_that_got_the_id_of_a_dead_one_is_another():
    mine = owner()
    assert not is_alive({**mine, "ticks": mine["ticks"] - 1})


def test_a_process_of_another_user_is_alive_where_there_is_no_proc(monkeypatch):
    def refuse(pid, number):
        raise PermissionError

    monkeypatch.setattr("os.kill", refuse)
    assert is_alive({**owner(), "ticks": None})


def test_a_machine_without_boot_ids_and_processes_as_files(monkeypatch):
    monkeypatch.setattr(module, "_BOOT", Path("/nonexistent"))
    monkeypatch.setattr(module, "_PROC", Path("/nonexistent"))
    assert (owner()["boot"], owner()["ticks"]) == ("", None)
    assert is_alive(owner())
