"""What the benchmarks stand on: valid files, graphs that prove themselves, figures that land in their place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import engine_peers, engines, graphs, harness, report, specfiles, validate
from benchmarks.__main__ import main
from benchmarks.harness import BenchmarkFailed, Case, Section
from runner.compiler.compile import check


@pytest.mark.parametrize("number", [0, 1, 2, 199, 999])
def test_generated_specs_are_silent_and_real_sized(number: int) -> None:
    text = specfiles.spec_text(number)
    assert check(text.encode(), f"spec-{number}.yaml") == []
    assert len(text.splitlines()) == specfiles.LINES
    assert len(specfiles.workflow_text(number).splitlines()) == specfiles.LINES


def test_the_same_number_gives_the_same_file_and_another_number_another_one() -> None:
    assert specfiles.spec_text(7) == specfiles.spec_text(7)
    assert len({specfiles.spec_text(n) for n in range(50)}) == 50
    assert len({specfiles.workflow_text(n) for n in range(50)}) == 50


@pytest.mark.parametrize(("make", "edges"), [(graphs.chain, 99), (graphs.layered, 180)])
def test_the_hundred_steps_are_a_silent_spec(make: object, edges: int) -> None:
    assert callable(make)
    graph = make()
    assert sum(map(len, graph.values())) == edges
    assert check(engines.spec_text(graph, "hundred-steps").encode(), "hundred.yaml") == []


def test_a_defect_that_checkers_must_find_is_one_for_runner_too() -> None:
    for text, replacement in (("    sandbox: python", "    sandbx: python"), ("spec: 1\n", "spec: 1\nspec: 1\n")):
        good = specfiles.spec_text(1)
        assert text in good
        assert check(good.replace(text, replacement, 1).encode(), "spec.yaml")


def test_an_order_is_proven_only_when_complete_and_allowed() -> None:
    graph = graphs.layered()
    order = list(graph)
    graphs.prove(order, graph, "somebody")
    with pytest.raises(BenchmarkFailed, match="missing: s99"):
        graphs.prove(order[:-1], graph, "somebody")
    with pytest.raises(BenchmarkFailed, match="101 steps"):
        graphs.prove([*order, "s00"], graph, "somebody")
    with pytest.raises(BenchmarkFailed, match="ran s10 before s00"):
        graphs.prove(["s10", *[name for name in order if name != "s10"]], graph, "somebody")


def test_the_baseline_really_runs_the_graph(tmp_path: Path) -> None:
    graph = graphs.layered()
    baseline = next(peer for peer in engine_peers.PEERS if peer.name == engine_peers.BASELINE)
    argv = baseline.write(tmp_path, graph)
    harness.process(argv, cwd=tmp_path, env=harness.clean_environment(tmp_path / "home"))
    graphs.prove_log(tmp_path / "order.log", graph, baseline.name)
    assert len((tmp_path / "order.log").read_text().split()) == 100


def test_rounds_are_interleaved_and_a_wrong_result_ends_the_benchmark() -> None:
    calls: list[str] = []
    cases = [
        Case("a", lambda: calls.append("a"), prepare=lambda: calls.append("(")),
        Case("b", lambda: calls.append("b"), most=1),
    ]
    timings = harness.interleaved(cases, 3)
    assert "".join(calls) == "(ab(a(a"
    assert (timings["a"].count, timings["b"].count) == (3, 1)

    def refuse(result: object) -> None:
        raise BenchmarkFailed(f"wrong: {result}")

    with pytest.raises(BenchmarkFailed, match="wrong: 5"):
        harness.interleaved([Case("c", lambda: 5, check=refuse)], 1)


def test_a_section_replaces_its_own_text_only(tmp_path: Path) -> None:
    text = "head\n<!-- a: begin -->\nold\n<!-- a: end -->\nmiddle\n<!-- b: begin -->\nkeep\n<!-- b: end -->\n"
    (tmp_path / "README.md").write_text(text)
    section = Section("a", "A", ["new"], {"x": {"median_s": 1.0}})
    report.write(section, tmp_path)
    once = (tmp_path / "README.md").read_text()
    assert once == text.replace("\nold\n", "\n\nnew\n\n")
    report.write(section, tmp_path)
    assert (tmp_path / "README.md").read_text() == once
    with pytest.raises(BenchmarkFailed, match="c: begin"):
        report.write(Section("c", "C"), tmp_path)


def test_the_page_has_a_place_for_every_benchmark() -> None:
    text = (report.FOLDER / "README.md").read_text()
    for name in ("validate", "engines", "e2b", "store"):
        assert f"the figures of {name}" in report.spliced(text, Section(name, name, [f"the figures of {name}"]))


def test_an_absent_peer_is_a_failure_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert main(["validate", "--quick"]) == 1
    said = capsys.readouterr().err
    assert "is not installed beside this Python" in said
    assert "--group bench" in said
    assert "no figures for validate" in said


def test_a_checker_that_finds_nothing_is_not_timed(tmp_path: Path) -> None:
    blind = validate.Checker("blind", "spec", lambda _: ["true"], ("    sandbox: python", "    sandbx: python"))
    with pytest.raises(BenchmarkFailed, match="ended with 0, expected 1"):
        validate.prove(blind, tmp_path, harness.clean_environment(tmp_path / "home"))
