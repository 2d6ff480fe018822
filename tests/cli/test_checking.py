"""Many specs are checked by several processes, with the same findings in the same order."""

from __future__ import annotations

import os

import pytest

from runner.cli import checking
from runner.cli.checking import check_each
from runner.compiler.compile import check

GOOD = "spec: 1\nname: demo\nsteps: {a: {run: echo}}\n"
BAD = "spec: 1\nname: demo\nsteps: {a: {run: echo, after: [b%d]}}\n"


def specs(count: int) -> list[tuple[str, bytes]]:
    return [(f"{number}.yaml", (BAD % number if number % 7 == 0 else GOOD).encode()) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 120])
def test_the_findings_are_those_of_each_alone_in_order(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_processors", lambda: 2)
    assert check_each(specs(count)) == [check(data, path) for path, data in specs(count)]


def test_many_are_checked_by_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_processors", lambda: 2)
    monkeypatch.setattr(checking, "check", lambda data, path: os.getpid())
    assert os.getpid() not in check_each(specs(120))
    assert set(check_each(specs(20))) == {os.getpid()}


def test_one_processor_checks_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr(checking, "check", lambda data, path: os.getpid())
    assert set(check_each(specs(120))) == {os.getpid()}
