"""`runner state lineage`: where results come from, and where they went."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.errors import UsageError
from runner.run.ports import Change
from runner.store.surreal import SurrealStore

SHA = "ab" * 32


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A run: both legs of `make` made a file, `mix` took them in its second attempt and made one, `use` took that."""

    def attempt(leg: str, number: int, state: str, *consumed: str, **more: object) -> Change:
        data = {"step": leg, "number": number, "state": state, "consumed": [*consumed], "provider": "e2b", **more}
        return Change("attempt", f"{leg}#{number}", 0, data)  # type: ignore[arg-type]

    legs = [("make[n=1]", "make"), ("make[n=2]", "make"), ("mix", "mix"), ("use", "use"), ("alone", "alone")]
    changes = [
        Change("run", "r1", 0, {"id": "r1", "name": "lab", "state": "succeeded", "workflow": "v1"}),
        Change("workflow", "v1", 0, {"path": "lab.yaml", "spec_sha256": SHA}),
        Change("box", "b1", 0, {"provider": "e2b"}),
        *(
            Change("step", key, 0, {"step": step, "state": "succeeded", "started_at": f"2026-01-0{place + 1}"})
            for place, (key, step) in enumerate(legs)
        ),
        *(
            Change("artifact", f"{leg}/f", 0, {"step": leg, "output": "f", "digest": SHA, "bytes": 1, "files": 1})
            for leg in ("make[n=1]", "make[n=2]", "mix")
        ),
        attempt("make[n=1]", 1, "succeeded", box="b1"),
        attempt("make[n=2]", 1, "succeeded", cached={"run": "r0", "leg": "make[n=2]"}),
        attempt("mix", 1, "failed", "make[n=1]/f", "make[n=2]/f", box="b1"),
        attempt("mix", 2, "succeeded", "make[n=1]/f", "make[n=2]/f", box="b1"),
        attempt("use", 1, "succeeded", "mix/f", child="r2"),
    ]

    async def main() -> None:
        store = SurrealStore(tmp_path / "state")
        await store.open()
        await store.commit("r1", changes, [])
        await store.close()

    asyncio.run(main())
    return tmp_path


def call(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["state", "lineage", "r1", *arguments, "--state", str(state)])


def lines(state: Path, *arguments: str) -> list[str]:
    result = call(state, *arguments)
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_a_whole_run(state: Path) -> None:
    assert lines(state) == [
        f"run r1 of lab.yaml (sha256 {SHA[:12]})",
        "",
        "STEP TOOK MADE ATTEMPTS",
        "make[n=1] – make[n=1]/f 1 succeeded in e2b b1",
        "make[n=2] – make[n=2]/f 1 succeeded, the result of make[n=2] of run r0",
        "mix make[n=1]/f, make[n=2]/f mix/f 1 failed in e2b b1; 2 succeeded in e2b b1",
        "use mix/f – 1 succeeded as run r2",
    ]


def test_what_an_artifact_was_made_of_and_what_became_of_it(state: Path) -> None:
    found = lines(state, "mix/f")
    assert found[1:4] == ["mix/f", "", "made of"]
    assert [line.split()[0] for line in found[5:8]] == ["make[n=1]", "make[n=2]", "mix"]
    assert found[9:] == ["became", "STEP TOOK MADE ATTEMPTS", "use mix/f – 1 succeeded as run r2"]


def test_a_step_stands_for_its_legs_and_a_leg_for_itself(state: Path) -> None:
    def downstream(what: str) -> set[str]:
        found = json.loads(call(state, what, "--json").output)
        return {f"{edge['source']} {edge['kind']} {edge['target']}" for edge in found["downstream"]}

    one = {"make[n=1] produced make[n=1]/f", "make[n=1]/f consumed mix"}
    after = {"mix produced mix/f", "mix/f consumed use"}
    assert downstream("make[n=1]") == one | after
    two = {"make[n=2] produced make[n=2]/f", "make[n=2]/f consumed mix"}
    assert downstream("make") == one | two | after
    assert downstream("make/f") == (one | two | after) - {f"make[n={n}] produced make[n={n}]/f" for n in (1, 2)}


def test_json_has_all_of_it(state: Path) -> None:
    found = json.loads(call(state, "mix", "--json").output)
    assert (found["run"], found["of"], found["version"]["path"]) == ("r1", "mix", "lab.yaml")
    assert [(each["step"], each["number"]) for each in found["attempts"] if each["step"] == "mix"] == [
        ("mix", 1),
        ("mix", 2),
    ]
    assert (list(found["boxes"]), list(found["artifacts"])) == (["b1"], ["make[n=1]/f", "make[n=2]/f", "mix/f"])


def test_without_artifacts_that_is_said(state: Path) -> None:
    assert lines(state, "alone")[-1] == "it was made of no artifact, and no artifact of it"


def test_what_is_not_there_is_told_with_what_is_near(state: Path) -> None:
    result = call(state, "mixx")
    assert isinstance(result.exception, UsageError)
    assert "has no step and no artifact 'mixx'" in result.exception.message
    assert "Did you mean mix?" in str(result.exception.hint)
