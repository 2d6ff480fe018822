"""The local WebContainer engine does what Node does: each program of web/engine/conformance, on both, in one run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from runner.errors import SandboxMissing, ServiceError
from tests.engine_conformance import report, surface
from tests.engine_conformance.engine import Engine, engine
from tests.engine_conformance.node import NotInstalled, RealNode, node, packages, real_node
from tests.engine_conformance.outcome import Outcome, difference
from tests.engine_conformance.programs import Program, known, programs

# A slow machine is no failure: what hangs is ended by the limits of engine.py and node.py, which are shorter.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PROGRAMS = programs()
_AGAIN = "programs or known.json have changed: make engine-conformance writes the page again"


class Both:
    """Node and the engine, side by side."""

    def __init__(self, runner: asyncio.Runner, real: RealNode, ours: Engine) -> None:
        self._runner, self._real, self._ours = runner, real, ours

    def run(self, program: Program) -> tuple[Outcome, Outcome]:
        """What a program comes to on Node, and in the engine."""
        return self._real.run(program), self._runner.run(self._ours.run(program))


@pytest.fixture(scope="module")
def both(missing: Callable[[str], None]) -> Iterator[Both]:
    """One browser and, while it holds, one container for all programs."""
    try:
        command, found = node(), packages()
    except NotInstalled as error:
        missing(str(error))
    with asyncio.Runner() as runner, real_node(command, found) as real:
        serving = engine(found)
        try:
            ours = runner.run(serving.__aenter__())
        except (SandboxMissing, ServiceError) as error:
            missing(f"{error} {error.hint}")
        yield Both(runner, real, ours)
        runner.run(serving.__aexit__(None, None, None))


def _cases() -> Iterator[object]:
    reasons = known()
    for program in PROGRAMS:
        marks = [pytest.mark.xfail(reason=reasons[program.name], strict=True)] if program.name in reasons else []
        yield pytest.param(program, id=program.name, marks=marks)


@pytest.mark.parametrize("program", list(_cases()))
def test_a_program_does_in_the_engine_what_it_does_on_node(program: Program, both: Both) -> None:
    on_node, in_engine = both.run(program)
    assert in_engine == on_node, difference(on_node, in_engine)


@pytest.mark.xfail("surface" in known(), reason=known().get("surface", ""), strict=True)
def test_every_name_of_every_module_is_there_or_refuses(both: Both) -> None:
    on_node, in_engine = both.run(surface.SURVEY)
    modules = surface.compare(surface.read(on_node), surface.read(in_engine))
    assert {each.name: each.lacks for each in modules if each.lacks} == {}


def test_the_published_list_tells_of_every_program() -> None:
    published = report.FILE.read_text()
    reasons = known()
    assert [each.name for each in PROGRAMS if report.row(each, reasons) not in published] == [], _AGAIN
    assert report.count(PROGRAMS, reasons) in published, _AGAIN


def test_what_is_known_to_fail_is_a_program_and_has_a_reason() -> None:
    names = {each.name for each in PROGRAMS} | {surface.SURVEY.name}
    assert {name: reason for name, reason in known().items() if name not in names or len(reason) < 20} == {}
