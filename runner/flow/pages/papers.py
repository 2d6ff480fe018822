"""The artifacts of a run as plain data: its plan, its steps, its milestones, where to look. Imports no Prefect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from runner.compiler.canonical import Json
from runner.compiler.plan import mermaid
from runner.compiler.plan.amounts import lasting
from runner.compiler.plan.markdown import code, plain, table
from runner.compiler.plan.model import Milestone, Plan, PlanStep
from runner.flow.pages.ledger import Ledger, Reached, Row
from runner.records import dataclass
from runner.run.ports import RunState
from runner.run.support import all_steps

#: Rows of a table, and what a graph may have: more is slow to draw, and nobody reads it.
MOST_ROWS = 1_000
_MOST_EDGES = 300
_MOST_TEXT = 40_000
_SIGNS = {
    "succeeded": "✓",
    "failed": "✗",
    "skipped": "–",
    "cancelled": "■",
    "paused": "‖",
    "reached": "✓",
    "missed": "✗",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """An artifact: `key` finds its versions, `type` is Prefect's (`markdown` or `table`)."""

    key: str
    type: str
    data: str | list[dict[str, Json]]
    description: str


def plan_paper(plan: Plan) -> Paper:
    """The plan: each step with its bounds, then the graph, which only some pages draw."""
    lines = [
        f"## {plain(plan.title or plan.name)}",
        "",
        *([plain(plan.description), ""] if plan.description else []),
        f"{code(plan.name)}, digest {code(plan.digest[:12])}, {len(plan.steps)} steps.",
        "",
        *table(("phase", "step", "title", "kind", "after", "time limit", "attempts"), _bounds(plan)),
        "",
        "### Graph (Mermaid)",
        "",
        *_graph(plan),
    ]
    return Paper(
        f"{slug(plan)}-plan", "markdown", "\n".join(lines) + "\n", "What runs, in which order, within what bounds"
    )


def _graph(plan: Plan) -> list[str]:
    text = mermaid.render(plan)
    if len(text) > _MOST_TEXT or sum(len(step.after) for step in plan.steps) > _MOST_EDGES:
        return ["The graph is too large to be drawn here: `runner plan --format mermaid` prints it."]
    return ["```mermaid", *text.splitlines(), "```"]


def _bounds(plan: Plan) -> Iterator[tuple[str, ...]]:
    for step in all_steps(plan)[:MOST_ROWS]:
        after = ", ".join(code(id_) for id_ in step.after)
        words = plain(" ".join(part for part in (step.ref, step.title) if part))
        yield plain(step.phase or ""), code(step.id), words, step.kind, after, lasting(step.timeout), _attempts(step)


def _attempts(step: PlanStep) -> str:
    retry = step.retry
    if retry.attempts == 1:
        return "1"
    return f"{retry.attempts}, {retry.backoff} from {lasting(retry.delay)}"


def steps_paper(ledger: Ledger) -> Paper:
    """How each leg ended: state, attempts, time, sandbox, message."""
    rows = list(ledger.rows())
    shown: list[dict[str, Json]] = [_leg(ledger, row) for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        shown.append({"step": f"… {len(rows) - MOST_ROWS} more: runner status {ledger.run}"})
    return Paper(f"{slug(ledger.plan)}-steps", "table", shown, "How each step ended")


def _leg(ledger: Ledger, row: Row) -> dict[str, Json]:
    step, took = row.step, row.seconds
    box = (step.sandbox, ledger.providers.get(step.sandbox)) if step.sandbox and row.attempts else ()
    return {
        "step": " ".join(part for part in (step.ref, row.key) if part),
        "state": _state(row.state),
        "attempts": row.attempts or "",
        "time": "" if took is None else lasting(took),
        "sandbox": " · ".join(part for part in box if part),
        "message": _short("; ".join(part for part in (row.message, row.note) if part)),
        "title": step.title,
    }


def milestones_paper(ledger: Ledger) -> Paper | None:
    """Each milestone with its acceptance checks; None for a plan without milestones."""
    if not ledger.plan.milestones:
        return None
    rows = [_milestone(each, ledger.milestones[each.id]) for each in ledger.plan.milestones]
    return Paper(f"{slug(ledger.plan)}-milestones", "table", rows, "Which milestones are reached")


def _milestone(milestone: Milestone, known: Reached) -> dict[str, Json]:
    signs = {True: "✓ holds", False: "✗ does not hold", None: "not looked at"}
    checks = "; ".join(f"{expression}: {signs[ok]}" for expression, ok in known.checks.items())
    when = [milestone.due or "", "" if milestone.week is None else f"week {milestone.week}"]
    return {
        "milestone": milestone.id,
        "title": milestone.title,
        "due": ", ".join(part for part in when if part),
        "state": _state(known.state),
        "acceptance": checks,
        "steps": ", ".join(milestone.needs),
    }


def run_paper(ledger: Ledger, state: RunState | None) -> Paper:
    """Where to look further: the run's id, previews on this machine, the commands for logs. `state` is None while it
    goes on.
    """
    counts: dict[str, int] = {}
    for row in ledger.rows():
        counts[row.state] = counts.get(row.state, 0) + 1
    run = ledger.run
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    failed = [row for row in ledger.rows() if row.state == "failed"]
    lines = [
        f"## Run {code(run)}: {_state(state or 'running')}",
        "",
        *([f"Steps: {told}.", ""] if told else []),
        *(f"- ✗ {code(row.key)}: {plain(_short(row.message))}" for row in failed[:20]),
        *([f"- and {len(failed) - 20} more that failed"] if len(failed) > 20 else []),
        *([""] if failed else []),
        *_previews(ledger.previews.items(), live=state is None),
        "On a machine that has the state of the run:",
        "",
        *("```sh", f"runner status {run}", f"runner logs {run}", "```"),
    ]
    return Paper(
        f"{slug(ledger.plan)}-run", "markdown", "\n".join(lines) + "\n", "How the run stands, and where to look"
    )


def _previews(previews: Iterable[tuple[str, str]], *, live: bool) -> Iterator[str]:
    """Links to previews while there is something behind them. Only addresses of this machine: nothing else is known to
    be without a secret in it.
    """
    known = [(name, address) for name, address in previews if is_local(address)]
    if live and known:
        yield from ("Previews, on the machine of the run:", "")
        yield from (f"- [{plain(name)}]({address})" for name, address in known)
        yield ""


def is_local(address: str) -> bool:
    """Whether an address is one of loopback, with nothing in it but host, port and path."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    bare = not (parts.query or parts.fragment or parts.username or parts.password or re.search(r"[\s()<>]", address))
    return bare and parts.scheme in ("http", "https") and (host in ("127.0.0.1", "::1") or _is_localhost(host))


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _state(state: str) -> str:
    return f"{_SIGNS[state]} {state}" if state in _SIGNS else state


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:299]}…"


def slug(plan: Plan) -> str:
    """The plan's name as a key of artifacts: lower-case letters, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", plan.name.lower()).strip("-") or "workflow"
