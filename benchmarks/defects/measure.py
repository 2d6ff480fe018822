"""How many one-edit defects each checker catches: runner and others on our base, GitHub's checkers on a workflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.defects import peers
from benchmarks.defects.classes import BASE, DEFECTS, Seeded, seed
from benchmarks.harness import ROOT, BenchmarkFailed, Section, clean_environment, process, table, tool

SCHEMA = ROOT / "schemas" / "workflow.v1.schema.json"
YAMLLINT = (
    "{extends: default, rules: {line-length: disable, document-start: disable, truthy: disable, comments: disable}}"
)


def run(work: Path, quick: bool) -> Section:
    """Seed every defect, ask every checker; each of them must accept the base. `quick` changes nothing here."""
    section = Section("defects", "Seeded defects")
    env = clean_environment(work / "home")
    seeded = [seed(defect) for defect in DEFECTS]
    ours = _ours(seeded, work, env)
    schema = _caught(seeded, lambda text: _schema(text, work, env))
    lint = _caught(seeded, lambda text: _yamllint(text, work, env))
    rows = []
    for group in dict.fromkeys(defect.group for defect in DEFECTS):
        names = [defect.name for defect in DEFECTS if defect.group == group]
        counts = [sum(name in caught for name in names) for caught in (ours, schema, lint)]
        rows.append([group, str(len(names)), *map(str, counts)])
    rows.append(["all", str(len(DEFECTS)), str(len(ours)), str(len(schema)), str(len(lint))])
    section.markdown += [
        f"{len(DEFECTS)} classes of one-edit mistakes in one valid spec (`benchmarks/defects/`). For runner a catch is "
        "one finding alone, with the code and exactly at the place that the class names, and with the right "
        "name offered where one is misspelt; for the others any complaint counts.",
        "",
        *table(["mistakes", "classes", "runner", "JSON Schema alone", "yamllint"], rows),
    ]
    found = _peers(work, env)
    section.markdown += [
        "",
        f"The {len(peers.EDITS)} classes that have a counterpart in a GitHub workflow, in one, any complaint counts:",
        "",
        *table(
            ["program", "caught"], [[name, f"{len(caught)} of {len(peers.EDITS)}"] for name, caught in found.items()]
        ),
    ]
    section.raw["caught"] = {
        "classes": len(DEFECTS),
        "runner": len(ours),
        "json_schema": len(schema),
        "yamllint": len(lint),
        **{name: len(caught) for name, caught in found.items()},
        "peer_classes": len(peers.EDITS),
    }
    return section


def _caught(seeded: list[Seeded], complains: Callable[[str], bool]) -> set[str]:
    if complains(BASE.read_text(encoding="utf-8")):
        raise BenchmarkFailed(f"a peer complains about {BASE.name} itself, so its catches would mean nothing")
    return {one.defect.name for one in seeded if complains(one.text)}


def _ours(seeded: list[Seeded], work: Path, env: Mapping[str, str]) -> set[str]:
    folder = work / "seeded"
    folder.mkdir()
    for number, one in enumerate(seeded):
        (folder / f"{number:03}.yaml").write_text(one.text, encoding="utf-8")
    command = [tool("runner"), "validate", "--format", "json", "."]
    found: dict[int, list[dict[str, object]]] = {}
    for entry in json.loads(process(command, cwd=folder, env=env, expect=1).stdout):
        found.setdefault(int(Path(entry["path"]).stem), []).append(entry)
    return {one.defect.name for number, one in enumerate(seeded) if _exact(one, found.get(number, []))}


def _exact(one: Seeded, found: list[dict[str, object]]) -> bool:
    """One finding, with its code, its place and, for a misspelt name, the one that was meant."""
    if [entry["code"] for entry in found] != [one.defect.code]:
        return False
    (entry,) = found
    place = ((entry["line"], entry["column"]), (entry["end_line"], entry["end_column"]))
    meant = not one.defect.meant or f"did you mean `{one.defect.meant}`?" in str(entry["hint"])
    return place == (one.start, one.end) and meant


def _file(text: str, work: Path, name: str) -> Path:
    path = work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _schema(text: str, work: Path, env: Mapping[str, str]) -> bool:
    command = [tool("check-jsonschema"), "--schemafile", str(SCHEMA), str(_file(text, work, "schema.yaml"))]
    return process(command, cwd=work, env=env, expect=None).returncode != 0


def _yamllint(text: str, work: Path, env: Mapping[str, str]) -> bool:
    command = [tool("yamllint"), "-d", YAMLLINT, str(_file(text, work, "lint.yaml"))]
    return process(command, cwd=work, env=env, expect=None).returncode != 0


def _peers(work: Path, env: Mapping[str, str]) -> dict[str, set[str]]:
    base = peers.BASE.read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for name, count in (("actionlint, with ShellCheck", _actionlint), ("zizmor", _zizmor)):
        usual = count(base, work, env)
        found[name] = {
            title for title, (old, new) in peers.EDITS.items() if count(base.replace(old, new), work, env) > usual
        }
    return found


def _actionlint(text: str, work: Path, env: Mapping[str, str]) -> int:
    path = _file(text, work, ".github/workflows/lint.yaml")
    command = [tool("actionlint"), "-pyflakes=", "-format", "{{json .}}", str(path)]
    return len(json.loads(process(command, cwd=work, env=env, expect=None).stdout or "[]"))


def _zizmor(text: str, work: Path, env: Mapping[str, str]) -> int:
    """Findings; a file that it cannot read counts as a catch."""
    path = _file(text, work, ".github/workflows/zizmor.yaml")
    command = [tool("zizmor"), "--offline", "--quiet", "--persona", "auditor", "--format", "json", str(path)]
    done = process(command, cwd=work, env=env, expect=None)
    try:
        return len(json.loads(done.stdout))
    except ValueError:
        return sys.maxsize
