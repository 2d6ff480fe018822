"""The SARIF of every golden case holds the standard: judged by Microsoft's own validator, schema and rules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.renderers import RENDERERS, Report

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

#: We have no page on the web yet that the log could name.
ALLOWED = {"Warning_ProvideToolnformationUri"}
Validate = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def validate(npm_tools: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Validate:
    program = npm_tools("sarif") / "@microsoft" / "sarif-multitool-linux" / "Sarif.Multitool"
    program.chmod(0o755)

    def run(log: Path) -> list[str]:
        out = tmp_path_factory.mktemp("sarif") / "verdict.sarif"
        env = {"PATH": os.environ["PATH"], "HOME": str(out.parent), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
        command = [str(program), "validate", str(log), "--output", str(out)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        assert "Analysis completed successfully" in done.stdout, done.stdout + done.stderr
        (verdict,) = json.loads(out.read_text(encoding="utf-8-sig"))["runs"]
        return [f"{one['ruleId']} {one['message'].get('id')} {one['message']}" for one in verdict.get("results", [])]

    return run


def test_the_findings_of_all_golden_cases_are_valid_sarif(validate: Validate, root: Path, tmp_path: Path) -> None:
    found: list[Diagnostic] = []
    paths = []
    for path in sorted((root / "tests" / "golden" / "err").glob("*.yaml")):
        paths.append(str(path.relative_to(root)))
        found += check(path.read_bytes(), paths[-1])
    log = tmp_path / "golden.sarif"
    log.write_text(RENDERERS["sarif"](Report(tuple(found), {}, len(paths), tuple(paths))), encoding="utf-8")
    verdict = validate(log)
    assert [one for one in verdict if not any(known in one for known in ALLOWED)] == []


def test_the_log_of_good_specs_is_valid_sarif(validate: Validate, tmp_path: Path) -> None:
    log = tmp_path / "good.sarif"
    log.write_text(RENDERERS["sarif"](Report((), {}, 1, ("specs/a.yaml",))), encoding="utf-8")
    assert [one for one in validate(log) if not any(known in one for known in ALLOWED)] == []


def test_the_validator_sees_what_is_wrong(validate: Validate, tmp_path: Path) -> None:
    log = tmp_path / "bad.sarif"
    log.write_text(RENDERERS["sarif"](Report(())).replace('"columnKind"', '"columnSort"'), encoding="utf-8")
    assert any("columnSort" in one for one in validate(log))
