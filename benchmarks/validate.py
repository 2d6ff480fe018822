"""How long it takes to check 1, 200 and 1,000 real-sized files, beside other checkers on as many lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import specfiles
from benchmarks.harness import (
    ROOT,
    BenchmarkFailed,
    Case,
    Section,
    Timing,
    clean_environment,
    interleaved,
    process,
    span,
    table,
    times,
    tool,
)

SCHEMA = ROOT / "schemas" / "workflow.v1.schema.json"
SUBJECT = "runner validate --no-cache"
CACHED = "runner validate, nothing changed"
BASELINE = "PyYAML's C loader + jsonschema-rs, a 12-line script"
YAMLLINT = "{extends: default, rules: {line-length: disable, document-start: disable, truthy: disable}}"
#: Files → (repetitions, repetitions of the slow peers).
FULL = {1: (9, 9), 200: (5, 3), 1000: (3, 2)}
QUICK = {1: (3, 3), 200: (2, 1)}
BUDGETS = {1: 0.15, 200: 0.6, 1000: 2.0}
CACHED_BUDGET = 0.3

_SCRIPT = """\
import json, sys
from pathlib import Path
import jsonschema_rs, yaml
check = jsonschema_rs.validator_for(json.loads(Path(sys.argv[1]).read_text()))
bad = 0
for name in sorted(Path(sys.argv[2]).glob("*.yaml")):
    value = yaml.load(name.read_text(), Loader=yaml.CSafeLoader)
    for error in check.iter_errors(value):
        print(name, error.message.splitlines()[0])
        bad = 1
sys.exit(bad)
"""


@dataclass(frozen=True, slots=True)
class Checker:
    """A program that checks a folder of files.

    `defect` is an edit that it must find (text, replacement), `refusal` the exit code with which it tells it.
    """

    name: str
    dialect: str
    argv: Callable[[Path], list[str]]
    defect: tuple[str, str]
    slow: bool = False
    refusal: int = 1


def run(work: Path, quick: bool) -> Section:
    """Time all checkers on folders of files that each of them accepts, after showing that each finds a defect."""
    if not SCHEMA.is_file():
        raise BenchmarkFailed(f"{SCHEMA.relative_to(ROOT)} is absent: there is no language to check yet")
    checkers = _checkers(work)
    env = clean_environment(work / "home")
    for checker in checkers:
        prove(checker, work / "proof", env)
    section = Section("validate", "Checking files")
    for count, (often, seldom) in (QUICK if quick else FULL).items():
        folders = _folders(work / str(count), count)
        process(
            [tool("runner"), "validate", str(folders["spec"])], cwd=folders["spec"].parent, env=env
        )  # fills the cache
        cases = [_case(checker, folders[checker.dialect], env, seldom) for checker in checkers]
        _report(section, count, interleaved(cases, often), {checker.name: checker for checker in checkers})
    return section


def _checkers(work: Path) -> list[Checker]:
    script = work / "baseline.py"
    script.write_text(_SCRIPT)
    lint, schema = tool("actionlint"), tool("check-jsonschema")
    typo = ("    runs-on: ubuntu-latest", "    runs_on: ubuntu-latest")
    ours = ("    sandbox: python", "    sandbx: python")
    twice = ("spec: 1\n", "spec: 1\nspec: 1\n")

    def files(folder: Path) -> list[str]:
        return [str(path) for path in sorted(folder.glob("*.yaml"))]

    return [
        Checker(SUBJECT, "spec", lambda folder: [tool("runner"), "validate", "--no-cache", str(folder)], ours),
        Checker(CACHED, "spec", lambda folder: [tool("runner"), "validate", str(folder)], ours),
        Checker(
            "actionlint",
            "workflow",
            lambda folder: [lint, "-shellcheck=", "-pyflakes=", *files(folder)],
            ("needs: [", "needs: [nobody, "),
        ),
        Checker(
            "zizmor --offline",
            "workflow",
            lambda folder: [tool("zizmor"), "--offline", "--quiet", "--no-progress", *files(folder)],
            ("actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "actions/checkout@v5"),
            refusal=14,
        ),
        Checker(BASELINE, "spec", lambda folder: [sys.executable, str(script), str(SCHEMA), str(folder)], ours),
        Checker(
            "check-jsonschema, our schema",
            "spec",
            lambda folder: [schema, "--schemafile", str(SCHEMA), *files(folder)],
            ours,
            slow=True,
        ),
        Checker(
            "check-jsonschema, built-in GitHub schema",
            "workflow",
            lambda folder: [schema, "--builtin-schema", "vendor.github-workflows", *files(folder)],
            typo,
            slow=True,
        ),
        Checker("yamllint", "spec", lambda folder: [tool("yamllint"), "-d", YAMLLINT, str(folder)], twice, slow=True),
    ]


def _folders(work: Path, count: int) -> dict[str, Path]:
    folders = {"spec": work / "specs", "workflow": work / "workflows"}
    specfiles.write_specs(folders["spec"], count)
    specfiles.write_workflows(folders["workflow"], count)
    return folders


def prove(checker: Checker, work: Path, env: Mapping[str, str]) -> None:
    """The checker accepts good files and refuses a bad one; else its time would mean nothing."""
    folder = _folders(work, 3)[checker.dialect]
    process(checker.argv(folder), cwd=work, env=env)
    victim = sorted(folder.glob("*.yaml"))[1]
    text = victim.read_text()
    assert checker.defect[0] in text
    victim.write_text(text.replace(*checker.defect, 1))
    process(checker.argv(folder), cwd=work, env=env, expect=checker.refusal)


def _case(checker: Checker, folder: Path, env: Mapping[str, str], seldom: int) -> Case:
    argv = checker.argv(folder)
    return Case(checker.name, lambda: process(argv, cwd=folder.parent, env=env), most=seldom if checker.slow else None)


def _report(section: Section, count: int, timings: dict[str, Timing], checkers: dict[str, Checker]) -> None:
    ours = timings[SUBJECT].median
    rows = [
        [name, checkers[name].dialect, span(timing.median), times(timing.median / ours), str(timing.count)]
        for name, timing in timings.items()
    ]
    budget = BUDGETS[count]
    cached = timings[CACHED].median
    section.markdown += [
        *([""] if section.markdown else []),
        f"**{count:,} file{'s' if count > 1 else ''}** (budget for runner: {span(budget)}, {_verdict(ours, budget)}; "
        f"with nothing changed {span(CACHED_BUDGET)}, {_verdict(cached, CACHED_BUDGET)})",
        "",
        *table(["program", "files", "median", "× runner", "runs"], rows),
    ]
    section.raw[f"{count}_files"] = {name: timing.to_json() for name, timing in timings.items()}


def _verdict(seconds: float, budget: float) -> str:
    return "held" if seconds <= budget else "MISSED"
