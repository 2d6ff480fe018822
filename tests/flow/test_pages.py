"""What the pages of Prefect show of a run: names, tags, lines, tables, links; and that they never disturb it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from runner.compiler.plan.model import ForEach, Leg, Milestone, Plan, PlanStep, Retry
from runner.flow.pages import pages as module
from runner.flow.pages import papers, sender, words
from runner.flow.pages.ledger import Ledger
from runner.flow.pages.lines import MOST_OF_LEG, WIDTH, Lines, visible
from runner.flow.pages.names import tags, task_run_name
from runner.flow.pages.pages import Pages
from runner.run.event import Event

RUN = "20260101-000000-abcdef"


def step(id_: str, *legs: str, **more: Any) -> PlanStep:
    return PlanStep(id=id_, kind="run", action={}, legs=tuple(Leg(key) for key in legs or (id_,)), **more)


BUILD = step("build", ref="1.1", title="Build the page", phase="make", sandbox="web", retry=Retry(attempts=3))
TEST = step("test", "test[n=0]", "test[n=1]", after=("build",), timeout=90.0)
EACH = PlanStep(id="each", kind="run", action={}, after=("build",), legs=None, for_each=ForEach(["a", "b"]))
PLAN = Plan(
    "Two Parts", "A <b>title</b>", "", {}, {}, {}, (BUILD, TEST, EACH), {},
    milestones=(Milestone("w1", "It builds", week=1, needs=("build",), accept=("1 < 2", "2 < 1")),),
    digest="0123456789abcdef" * 4,
)  # fmt: skip


def event(type_: str, step: str | None = None, second: int = 0, run: str = RUN, **data: Any) -> Event:
    attempt = data.pop("attempt", None)
    return Event(run, 1, f"2026-01-01T00:00:{second:02}.000000Z", type_, step, attempt, data, "")


CHECKS = ({"expression": "1 < 2", "ok": True}, {"expression": "2 < 1", "ok": False})
COURSE = (
    event("box.created", sandbox="web", provider="e2b"),
    event("step.started", "build", 1, attempt=1),
    event("step.retrying", "build", 2, message="exit code 1", delay=2.0),
    event("step.started", "build", 4, attempt=2),
    event("step.succeeded", "build", 11, attempt=2),
    event("milestone.missed", milestone="w1", checks=[*CHECKS]),
    event("step.started", "test[n=0]", 12, attempt=1),
    event("step.failed", "test[n=0]", 13, attempt=1, message="exit code 2: a | b <i>", **{"class": "exit"}),
    event("step.started", "test[n=0]", 13, run="20260101-000001-below0", attempt=7),
)  # fmt: skip


def ledger(*more: Event) -> Ledger:
    found = Ledger(PLAN, RUN)
    for each in (*COURSE, *more):
        found.hear(each)
    return found


def test_a_task_run_is_called_ref_key_and_title_and_tagged_by_what_it_belongs_to() -> None:
    assert task_run_name(BUILD, Leg("build")) == "1.1 build: Build the page"
    assert task_run_name(TEST, Leg("test[n=0]")) == "test[n=0]"
    assert len(task_run_name(step("s", title="long " * 40), Leg("s"))) < 70
    assert tags(PLAN, BUILD) == ["phase:make", "kind:run", "milestone:w1"]
    last = replace(PLAN, on_failure=PlanStep("on_failure", "run", {}), finally_=PlanStep("finally", "run", {}))
    for name in ("on_failure", "finally"):
        assert tags(last, PlanStep(name, "run", {}, timeout=60.0)) == ["kind:run", name]


def test_the_table_of_steps_says_how_each_leg_ended() -> None:
    rows = papers.steps_paper(ledger()).data

    assert isinstance(rows, list)
    assert [row["step"] for row in rows] == ["1.1 build", "test[n=0]", "test[n=1]"]
    assert rows[0] == {
        "step": "1.1 build", "state": "✓ succeeded", "attempts": 2, "time": "10s", "sandbox": "web · e2b",
        "message": "", "title": "Build the page",
    }  # fmt: skip
    assert (rows[1]["state"], rows[1]["message"], rows[1]["attempts"]) == ("✗ failed", "exit code 2: a | b <i>", 1)
    assert (rows[2]["state"], rows[2]["sandbox"], rows[2]["time"]) == ("pending", "", "")


def test_results_that_were_taken_over_say_from_where() -> None:
    cached = event("step.succeeded", "test[n=1]", cached={"run": "r0", "leg": "test[n=1]"})
    reused = (event("step.reused", "build", run=RUN, state="succeeded"), event("step.succeeded", "build"))
    notes = {row.key: row.note for row in ledger(cached, *reused).rows()}
    assert notes["test[n=1]"] == "cached, from run r0"
    assert notes["build"].startswith("from run")


def test_progress_counts_a_fan_out_as_one_until_its_items_are_known() -> None:
    assert ledger().done() == (2, 4)
    expanded = event("step.expanded", "each", legs=[{"leg": "each[0]"}, {"leg": "each[1]"}])
    assert ledger(expanded).done() == (2, 5)
    assert ledger(expanded, event("step.skipped", "each[1]", reason="no")).done() == (3, 5)


def test_the_table_of_milestones_has_every_check() -> None:
    paper = papers.milestones_paper(ledger())
    assert paper is not None
    assert isinstance(paper.data, list)
    assert paper.data[0]["state"] == "✗ missed"
    assert paper.data[0]["acceptance"] == "1 < 2: ✓ holds; 2 < 1: ✗ does not hold"
    assert paper.data[0]["due"] == "week 1"
    assert papers.milestones_paper(Ledger(Plan("n", "", "", {}, {}, {}, (), {}), RUN)) is None


def test_the_plan_shows_bounds_and_the_graph_and_no_markup_of_the_spec() -> None:
    text = str(papers.plan_paper(PLAN).data)
    assert "| make | `build` | 1.1 Build the page | run |  | 10m | 3, exponential from 2s |" in text
    assert "| `test` |  | run | `build` | 1m 30s | 1 |" in text
    assert "```mermaid\nflowchart LR\n" in text
    assert "<b>" not in text


def test_a_graph_that_nobody_could_read_is_not_drawn() -> None:
    many = tuple(step(f"s{n}", after=tuple(f"s{m}" for m in range(n))) for n in range(30))
    assert "too large" in str(papers.plan_paper(Plan("n", "", "", {}, {}, {}, many, {})).data)


def test_the_overview_says_what_failed_and_links_previews_only_while_they_live() -> None:
    up = event("preview.ready", sandbox="web", port=80, address="http://a.localhost:81/", box="b")
    running, ended = (str(papers.run_paper(ledger(up), state).data) for state in (None, "failed"))
    assert "- [web:80](http://a.localhost:81/)" in running
    assert "localhost" not in ended
    assert f"## Run `{RUN}`: ✗ failed" in ended
    assert "- ✗ `test[n=0]`: exit code 2: a \\| b &lt;i&gt;" in ended
    assert f"runner logs {RUN}" in ended


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]:1/x", True),
        ("https://p.localhost:1/", True),
        ("http://127.0.0.1:8080/?token=abc", False),
        ("http://127.0.0.1:8080/#abc", False),
        ("http://user:secret@127.0.0.1/", False),
        ("http://127.0.0.1.example.org/", False),
        ("https://3000-box.example.org/", False),
        ("javascript:alert(1)", False),
        ("http://127.0.0.1/) [x](http://example.org", False),
        ("http://[", False),
    ],
)
def test_only_plain_addresses_of_this_machine_are_linked(address: str, linked: bool) -> None:
    assert papers.is_local(address) is linked


def test_keys_of_artifacts_are_what_prefect_takes() -> None:
    assert papers.plan_paper(PLAN).key == "two-parts-plan"


def test_output_in_pieces_becomes_whole_lines_without_colours() -> None:
    lines = Lines()
    assert lines.feed("a", "stdout", "one\ntw") == ["one"]
    assert lines.feed("b", "stdout", "other") == []
    assert lines.feed("a", "stdout", "o\n\x1b[32mgreen\x1b[0m\tx\x00\n 10%\r 90%\r\nrest") == [
        "two",
        "green   x",
        " 90%",
    ]
    assert lines.rest("a") == [("stdout", "rest")]
    assert lines.rest("a") == []
    assert len(visible("x" * 100_000)) == WIDTH


def test_a_leg_that_says_too_much_is_cut_off_once_and_others_are_not() -> None:
    lines = Lines()
    first = lines.feed("a", "stdout", "x\n" * (MOST_OF_LEG + 5))
    assert len(first) == MOST_OF_LEG + 1
    assert "runner logs" in first[-1]
    assert lines.feed("a", "stdout", "x\n" * 10) == []
    assert lines.feed("b", "stdout", "y\n") == ["y"]


def test_what_goes_wrong_is_a_warning_and_what_states_show_is_not_said_again() -> None:
    said = [words.sentence(each)[1] for each in COURSE]
    assert said[2] == "exit code 1; again in 2 s"
    assert said[5] == "milestone w1 missed: 2 < 1 does not hold"
    assert [bool(text) for text in said] == [False, False, True, False, False, True, False, False, False]
    full = event("step.waiting", "build", group="g", limit=1, holders=["run r1"])
    assert words.sentence(full)[1] == "waits: the concurrency group g is full (run r1)"
    assert len(words.sentence(event("step.paused", "build", reason="x" * 999))[1]) == 300


class Server:
    """Takes what a Sender sends; `broken` refuses it all, `away` never answers."""

    def __init__(self, broken: bool = False, away: bool = False) -> None:
        self.broken, self.away = broken, away
        self.lines: list[tuple[str | None, str, str]] = []
        self.kept: dict[UUID, tuple[str, Any]] = {}
        self.calls = 0

    def line(self, task_run: UUID | None, name: str, level: int, text: str) -> None:
        if self.broken:
            raise RuntimeError("http://user:secret@server is broken")
        self.lines.append((str(task_run) if task_run else None, name, text))

    async def flush(self) -> None:
        await self._keep(uuid4(), "lines", None) if self.broken or self.away else None

    async def create(self, paper: papers.Paper) -> UUID:
        return await self._keep(uuid4(), paper.key, paper.data)

    async def change(self, artifact: UUID, paper: papers.Paper) -> None:
        await self._keep(artifact, paper.key, paper.data)

    async def progress(self, artifact: UUID | None, key: str, percent: float, description: str) -> UUID:
        return await self._keep(artifact or uuid4(), key, (percent, description))

    async def _keep(self, id_: UUID, key: str, data: Any) -> UUID:
        self.calls += 1
        if self.away:
            await asyncio.sleep(3600)
        if self.broken:
            raise RuntimeError("http://user:secret@server is broken")
        self.kept[id_] = (self.kept[id_][0] if id_ in self.kept else key, data)
        return id_

    def shown(self) -> dict[str, Any]:
        return dict(self.kept.values())


class Place:
    flow_run = uuid4()

    def task_run(self, key: str) -> UUID | None:
        return {"build": UUID(int=1), "test[n=0]": UUID(int=2)}.get(key)


@asynccontextmanager
async def showing(server: Server, monkeypatch: pytest.MonkeyPatch, **more: Any):
    monkeypatch.setattr(sender, "Sender", lambda flow_run: server)
    pages = Pages(**more)
    async with pages.shown(PLAN, RUN, Place()):
        yield pages


def test_a_run_is_shown_from_its_plan_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROGRESS", 0.01)
    server = Server()

    async def scenario() -> None:
        async with showing(server, monkeypatch, before=COURSE[:4]) as pages:
            for each in COURSE[4:]:
                pages.event(each)
            pages.event(event("preview.ready", sandbox="web", port=80, address="http://127.0.0.1:81/", box="b"))
            for _ in range(500):
                if "two-parts-run" not in server.shown():
                    await asyncio.sleep(0.01)
            assert "127.0.0.1:81" in server.shown()["two-parts-run"]
            assert server.shown()["two-parts-progress"] == (50.0, "2 of 4 steps ended")
            calls = server.calls
            await asyncio.sleep(0.1)
            assert server.calls == calls, "nothing changed, and something was sent"
            await pages.end("failed")

    asyncio.run(scenario())
    shown = server.shown()
    assert sorted(shown) == [f"two-parts-{name}" for name in ("milestones", "plan", "progress", "run", "steps")]
    assert shown["two-parts-progress"] == (50.0, "failed: 2 of 4 steps ended")
    assert "✗ failed" in shown["two-parts-run"]
    assert shown["two-parts-steps"][0]["attempts"] == 2, "what an earlier process did is shown too"


def test_output_goes_to_the_log_of_its_task_run_and_that_of_runs_below_to_their_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server()

    async def scenario() -> None:
        async with showing(server, monkeypatch) as pages:
            pages.text("build", "stdout", "one\nrest")
            pages.text("build/inner[x=a/b]", "stderr", "deep\n")
            pages.text("unknown", "stdout", "early\n")
            pages.event(COURSE[4])
            pages.event(COURSE[5])

    asyncio.run(scenario())
    build = str(UUID(int=1))
    assert server.lines == [
        (build, "stdout", "one"),
        (build, "stderr", "inner[x=a/b] │ deep"),
        (None, "stdout", "unknown │ early"),
        (build, "stdout", "rest"),
        (None, "runner", "milestone w1 missed: 2 < 1 does not hold"),
    ]


@pytest.mark.parametrize("server", [Server(broken=True), Server(away=True)], ids=["broken", "away"])
def test_a_server_that_takes_nothing_is_told_once_and_never_named(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)

    async def scenario() -> None:
        async with showing(server, monkeypatch) as pages:
            pages.text("build", "stdout", "one\ntwo\n")
            pages.event(COURSE[2])
            await pages.end("succeeded")

    asyncio.run(scenario())
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("Prefect's pages do not show all of the run")
    assert "secret" not in json.dumps(told)


def test_pages_that_are_shown_nowhere_take_everything_and_do_nothing() -> None:
    pages = Pages()
    pages.event(COURSE[0])
    pages.text("build", "stdout", "x\n")
    asyncio.run(pages.end("succeeded"))
