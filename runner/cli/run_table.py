"""How a run ended, as a page for people and as one JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.printed import command
from runner.cli.state import seconds_between, span
from runner.cli.table import one_line, render
from runner.compiler.canonical import Json

if TYPE_CHECKING:
    from runner.run.execute import Report


def as_json_document(report: Report) -> dict[str, Json]:
    """{"run", "steps", "milestones", "artifacts", "warnings"}: the documents as the store holds them."""

    def rows(documents: dict[str, dict[str, Json]]) -> list[Json]:
        return [{"key": key, **document} for key, document in documents.items()]

    return {
        "run": report.document,
        "steps": rows(report.steps),
        "milestones": rows(report.milestones),
        "artifacts": rows(report.artifacts),
        "warnings": list(report.warnings),
    }


def page(report: Report, state: Path) -> str:
    """The run's steps, milestones and artifacts, how it ended, and where to look next."""
    parts = [_steps(report)]
    if report.milestones:
        rows = [
            (key, str(each["state"]), "" if each["week"] is None else str(each["week"]), one_line(each["title"], 60))
            for key, each in report.milestones.items()
        ]
        parts.append(render(("MILESTONE", "STATE", "WEEK", "TITLE"), rows))
    if report.artifacts:
        rows = [
            (one_line(key, 60), str(each["files"]), _size(each["bytes"]), str(each["digest"])[:12])
            for key, each in report.artifacts.items()
        ]
        parts.append(render(("ARTIFACT", "FILES", "SIZE", "DIGEST"), rows))
    if report.document.get("outputs"):
        parts.append(f"outputs {one_line(json.dumps(report.document['outputs'], ensure_ascii=False), 400)}")
    parts += [f"warning: {sentence}" for sentence in report.warnings]
    parts.append(_end(report, state))
    return "\n" + "\n\n".join(parts)


def _steps(report: Report) -> str:
    rows = [
        (
            one_line(key, 60),
            str(each["state"]),
            str(each["attempt"] or "–"),
            span(seconds_between(each["started_at"], each["ended_at"]) if each["started_at"] else None),
            _where(each),
            one_line(each["message"], 80),
        )
        for key, each in report.steps.items()
    ]
    return render(("STEP", "STATE", "ATTEMPTS", "TIME", "PROVIDER", "MESSAGE"), rows)


def _where(step: dict[str, Json]) -> str:
    """What did the work: a provider's box, a run of another workflow, or an earlier run."""
    if step.get("cached"):
        return "cache"
    if step.get("reused"):
        return "reused"
    return f"run {step['child']}" if step.get("child") else str(step["provider"] or "–")


def _size(value: Json) -> str:
    size = float(value) if isinstance(value, int | float) else 0.0
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _end(report: Report, state: Path) -> str:
    took = span(seconds_between(report.document["created_at"], report.document["ended_at"]))
    message = one_line(report.document["message"], 300)
    lines = [f"run {report.run} {report.state} in {took}" + (f": {message}" if message else "")]
    failed = next((key for key, each in report.steps.items() if each["state"] == "failed"), None)
    # A name that cannot be typed is asked for by its step.
    typed = failed if failed is None or one_line(failed) == failed else str(report.steps[failed].get("step"))
    about = [report.run, typed] if typed else [report.run]
    if failed and report.steps[failed].get("child"):
        about = [str(report.steps[failed]["child"])]
    if report.state == "paused":
        lines.append(
            "nothing more of it runs by itself; what succeeded is kept: artifacts, outputs, files of its boxes"
        )
    next_ = [("logs", *about), ("status", report.run), ("audit", "verify", report.run)]
    lines.append("next: " + " · ".join(command(state, *words) for words in next_))
    return "\n".join(lines)
