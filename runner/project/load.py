"""The text of a `runner.toml` to a Project."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from runner.compiler.codes import CODES
from runner.compiler.diagnostic import Diagnostic, Fix, Severity, error
from runner.compiler.spec.units import seconds
from runner.compiler.suggest import certain, did_you_mean, nearest
from runner.compiler.surroundings import Settings
from runner.project.conform import conforming
from runner.project.project import Override, Project, Severities
from runner.project.toml import Path, Table, read_toml

_OPTIONS = "options"


def load(folder: str, shown: str, data: bytes) -> Project:
    """Read the settings for the specs below `folder`. `shown` is their path for findings. Raises nothing."""
    text = data.decode("utf-8-sig", "replace")
    table = read_toml(data, shown)
    if isinstance(table, Diagnostic):
        return Project(folder, shown, text, (table,))
    content, findings = conforming(table, shown)
    checks: dict[str, Any] = content.get("checks", {})
    options: dict[str, Any] = checks.pop(_OPTIONS, {})
    severity = _severities(checks, ("checks",), table, findings)
    overrides = _overrides(content, table, findings)
    files, shellcheck = content.get("files", {}), content.get("shellcheck", {})
    return Project(
        folder=folder,
        path=shown,
        text=text,
        findings=tuple(sorted(findings, key=lambda one: one.sort_key)),
        base=_settings(severity, options),
        overrides=overrides,
        include=tuple(files.get("include", ())),
        exclude=tuple(files.get("exclude", ())),
        shellcheck=shellcheck.get("enabled", False),
        shellcheck_exclude=frozenset(shellcheck.get("exclude", ())),
        strict=content.get("validate", {}).get("strict", False),
    )


def _settings(severity: Severities, options: Mapping[str, Any]) -> Settings:
    """Options have the names of the fields of Settings; a duration is there a number of seconds."""
    numbers: dict[str, Any] = {
        name: seconds(value) if isinstance(value, str) else value for name, value in options.items()
    }
    return Settings(severity, **numbers)


def _overrides(content: dict[str, Any], table: Table, findings: list[Diagnostic]) -> tuple[Override, ...]:
    every: list[dict[str, Any]] = content.get("overrides", [])
    return tuple(
        Override(
            tuple(one.get("paths", ())),
            _severities(one.get("checks", {}), ("overrides", index, "checks"), table, findings),
        )
        for index, one in enumerate(every)
    )


def _severities(checks: dict[str, str], path: Path, table: Table, findings: list[Diagnostic]) -> Severities:
    """The severity of each code: families first, in their order, then codes."""
    out: dict[str, Severity | None] = {}
    for name in sorted(checks, key=lambda name: "*" not in name):
        codes = [code for code in CODES if fnmatchcase(code, name)]
        if not codes:
            findings.append(_unknown(name, (*path, name), table))
        wanted = checks[name]
        out |= dict.fromkeys(codes, None if wanted == "off" else Severity(wanted))
    return out


def _unknown(name: str, path: Path, table: Table) -> Diagnostic:
    span = table.keys.get(path) or table.keys[path[:1]]
    if "*" in name:
        return error("settings-code", f"no check is of the family `{name}`", span, "runner explain lists all checks")
    near = nearest(name, CODES)
    fix = Fix(f"rename it to `{near[0]}`", span, near[0], certain(name, CODES)) if near else None
    hint = did_you_mean(name, CODES) or "runner explain lists all checks"
    return error("settings-code", f"there is no check `{name}`", span, hint, fix=fix)
