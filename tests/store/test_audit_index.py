"""The journal searched by words, without a server."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from runner.compiler.canonical import Json
from runner.errors import AuditRefused
from runner.run.audit_port import AuditQuery
from runner.run.event import EventDraft
from runner.run.stored import Tombstone
from runner.store import audit_index
from runner.store.audit_fusion import fused
from runner.store.audit_index import JournalIndex
from runner.store.memory import MemoryStore


def draft(type_: str, step: str | None, minute: int, **data: Json) -> EventDraft:
    return EventDraft(type_, f"2026-01-31T12:{minute:02}:00.000000Z", step, 1, data)


DRAFTS = [
    draft("run.created", None, 0, name="site", spec="site.yaml"),
    draft("step.started", "build", 1),
    draft("step.failed", "build", 2, message="npm ci: no space left on device"),
    draft("box.created", "build", 3, provider="e2b", owner="reviewer"),
    draft("step.started", "test[shard=1]", 4),
    draft("step.retrying", "test[shard=1]", 5, message="connection refused: refused again"),
    draft("step.succeeded", "test[shard=2]", 6, outputs={"text": "ÄRGER 日本 done"}),
]


class Lab:
    def __init__(self, file: Path | None) -> None:
        self.store = MemoryStore()
        self.index = JournalIndex(file)
        asyncio.run(self.store.open())

    def add(self, run: str, *drafts: EventDraft) -> None:
        asyncio.run(self.store.commit(run, [], drafts))

    def find(self, words: str = "", **conditions: object) -> list[tuple[str, int]]:
        query = AuditQuery(words, **conditions)  # type: ignore[arg-type]
        return [(hit.event.run, hit.event.seq) for hit in asyncio.run(self.index.search(self.store, query))]

    def update(self) -> int:
        return asyncio.run(self.index.update(self.store))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    found = Lab(tmp_path / "index.sqlite")
    found.add("r", *DRAFTS)
    found.add("q", *DRAFTS[:2])
    yield found
    found.index.close()


def test_words_find_events_whatever_their_case_and_signs(lab: Lab) -> None:
    assert lab.find("SPACE, left!") == [("r", 3)]
    assert lab.find("ärger") == lab.find("日本") == [("r", 7)]
    assert lab.find("arger") == []
    assert lab.find("nothing like it") == []
    assert lab.find('"space" OR NOT left*') == [("r", 3)]


def test_the_best_comes_first_and_rare_words_count_more(lab: Lab) -> None:
    assert lab.find("refused connection build")[0] == ("r", 6)
    hits = asyncio.run(lab.index.search(lab.store, AuditQuery("refused")))
    # One of nine events has it, twice; it has 10 words, all of them together 63.
    tf, idf = 2 / (2 + 1.2 * (0.25 + 0.75 * 10 / (63 / 9))), math.log(1 + 8.5 / 1.5)
    assert hits[0].score == pytest.approx(tf * idf)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"run": "q"}, [2, 1]),
        ({"step": "test"}, [7, 6, 5]),
        ({"step": "test[shard=2]"}, [7]),
        ({"agent": "reviewer"}, [4]),
        ({"provider": "e2b"}, [4]),
        ({"provider": "webcontainer"}, []),
        ({"types": ("step.failed", "step.retrying")}, [6, 3]),
        ({"severities": ("warning", "error")}, [6, 3]),
        ({"run": "r", "since": "2026-01-31T12:02:00.000000Z", "until": "2026-01-31T12:04:00.000000Z"}, [4, 3]),
        ({"limit": 1}, [7]),
    ],
)
def test_without_words_the_newest_that_fit_come_first(
    lab: Lab, conditions: dict[str, object], expected: list[int]
) -> None:
    assert [seq for _, seq in lab.find(**conditions)] == expected


def test_words_and_conditions_together(lab: Lab) -> None:
    assert lab.find("build", run="r", severities=("error",)) == [("r", 3)]
    assert lab.find("started", step="test") == [("r", 5)]


def test_only_what_is_new_is_taken_in(lab: Lab, tmp_path: Path) -> None:
    assert lab.update() == 9
    assert lab.update() == 0
    lab.add("r", draft("step.failed", "late", 9, message="zebra"))
    assert lab.update() == 1
    assert lab.find("zebra") == [("r", 8)]
    again = JournalIndex(tmp_path / "index.sqlite")
    assert asyncio.run(again.update(lab.store)) == 0
    again.close()


def test_two_processes_take_in_the_same_events_once(lab: Lab, tmp_path: Path) -> None:
    other = JournalIndex(tmp_path / "index.sqlite")
    known = lab.index._known(asyncio.run(lab.store.heads()), {})
    assert asyncio.run(other.update(lab.store)) == 9
    assert known == {}
    lab.index._take("r", asyncio.run(lab.store.events("r")))
    assert lab.find("space") == [("r", 3)]
    other.close()


def test_an_index_of_another_journal_is_made_anew(lab: Lab, tmp_path: Path) -> None:
    lab.update()
    lab.index.close()
    for drafts in (DRAFTS[:1], [*DRAFTS[:6], draft("step.failed", "x", 9, message="zebra")], []):
        other = Lab(tmp_path / "index.sqlite")
        if drafts:
            other.add("r", *drafts)
        assert other.find("space") == ([("r", 3)] if len(drafts) > 1 else [])
        assert len(other.find("site")) == (1 if drafts else 0)
        other.index.close()


def test_what_retention_removed_is_found_no_more(lab: Lab) -> None:
    assert lab.find("space") == [("r", 3)]
    events = asyncio.run(lab.store.events("r"))
    asyncio.run(lab.store.forget(Tombstone("r", "journal", 4, events[3].hash, events[3].ts, "older than 90d")))
    assert lab.find("space") == []
    assert lab.find("refused") == [("r", 6)]
    assert lab.update() == 0


def test_a_file_that_is_no_index_is_replaced(lab: Lab, tmp_path: Path) -> None:
    lab.index.close()
    (tmp_path / "index.sqlite").write_bytes(b"not a database" * 100)
    assert lab.find("space") == [("r", 3)]


def test_an_index_of_another_version_is_replaced(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.update()
    lab.index.close()
    monkeypatch.setattr("runner.store.audit_index.VERSION", 99)
    monkeypatch.setattr("runner.store.audit_index._SCHEMA", _schema(99))
    assert lab.update() == 9
    assert lab.find("space") == [("r", 3)]


def _schema(version: int) -> str:
    from runner.store import audit_index

    return audit_index._SCHEMA.replace(f"user_version = {audit_index.VERSION}", f"user_version = {version}")


def test_a_folder_that_cannot_be_written_is_searched_in_memory(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "missing" / "index.sqlite")
    lab.add("r", *DRAFTS)
    assert lab.find("space") == [("r", 3)]
    assert not (tmp_path / "missing").exists()


def test_without_a_model_meaning_is_not_searched(lab: Lab) -> None:
    with pytest.raises(AuditRefused, match="by words only"):
        lab.find("trouble", mode="semantic")


class Colours:
    """A model that knows two meanings: trouble, and everything else."""

    name, dimension = "colours", 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, sentences: Sequence[str]) -> list[list[float]]:
        self.asked += sentences
        bad = [any(word in text for word in ("no space", "refused", "trouble")) for text in sentences]
        return [[0.8, 0.6] if each else [0.0, 1.0] for each in bad]


def test_each_sentence_is_embedded_once_when_somebody_asks(tmp_path: Path) -> None:
    told: list[str] = []
    lab = Lab(tmp_path / "index.sqlite")
    lab.index = JournalIndex(tmp_path / "index.sqlite", model := Colours(), told.append)
    lab.add("r", *DRAFTS)
    lab.find("space")
    assert model.asked == []
    assert lab.find("trouble", mode="semantic")[:2] == [("r", 6), ("r", 3)]
    assert len(model.asked) == len(set(model.asked)) == len(DRAFTS) + 1
    lab.add("q", *DRAFTS, *(draft("step.failed", "late", n, message=f"refused, try {n}") for n in range(30)))
    before = len(model.asked)
    found = lab.find("trouble", mode="semantic", run="q", severities=("error",), limit=50)
    assert sorted(found) == [("q", seq) for seq in (3, *range(8, 38))]
    assert len(model.asked) == before + 30 + 1
    assert told == ["audit: embedding 30 sentences, once"]
    again = JournalIndex(tmp_path / "index.sqlite", other := Colours())
    query = AuditQuery("trouble", mode="semantic", run="r", limit=1)
    assert [hit.score for hit in asyncio.run(again.search(lab.store, query))] == pytest.approx([1.0])
    assert other.asked == ["trouble"]
    again.close()
    lab.index.close()


def test_another_model_of_the_same_name_embeds_anew(tmp_path: Path) -> None:
    class Deep(Colours):
        dimension = 3

        def embed(self, sentences: Sequence[str]) -> list[list[float]]:
            return [[*each, 0.0] for each in super().embed(sentences)]

    lab = Lab(tmp_path / "index.sqlite")
    lab.add("r", *DRAFTS)
    for model in (Colours(), Deep()):
        lab.index = JournalIndex(tmp_path / "index.sqlite", model)
        assert lab.find("trouble", mode="semantic")[:2] == [("r", 6), ("r", 3)]
        assert len(model.asked) == len(DRAFTS) + 1
        lab.index.close()


def test_what_another_process_files_during_a_search_by_meaning_waits_for_the_next(tmp_path: Path) -> None:
    lab, beside = Lab(tmp_path / "index.sqlite"), Lab(tmp_path / "index.sqlite")
    beside.store = lab.store

    class Slow(Colours):
        def embed(self, sentences: Sequence[str]) -> list[list[float]]:
            if list(sentences) == ["trouble"] and not beside_was:
                beside_was.append(True)
                worker = threading.Thread(target=asyncio.run, args=(beside.index.update(lab.store),))
                asyncio.run(lab.store.commit("r", [], [draft("step.failed", "late", 1, message="trouble")]))
                worker.start()
                worker.join()
            return super().embed(sentences)

    beside_was: list[bool] = []
    lab.index = JournalIndex(tmp_path / "index.sqlite", Slow())
    lab.add("r", *DRAFTS)
    assert lab.find("trouble", mode="semantic")[:2] == [("r", 6), ("r", 3)]
    assert beside_was
    assert ("r", 8) in lab.find("trouble", mode="semantic")[:3]
    lab.index.close()
    beside.index.close()


def test_words_and_meaning_are_fused(tmp_path: Path) -> None:
    lab = Lab(None)
    lab.index = JournalIndex(None, Colours())
    lab.add("r", *DRAFTS)
    assert lab.find("trouble refused", mode="hybrid")[:2] == [("r", 6), ("r", 3)]
    assert lab.find("trouble space", mode="hybrid")[:2] == [("r", 3), ("r", 6)]
    assert lab.find("trouble space", mode="hybrid", types=("box.created",)) == [("r", 4)]
    lab.index.close()


def test_scores_are_stretched_weighed_and_added() -> None:
    both = fused({"a": 8.0, "b": 2.0}, {"b": 0.9, "c": 0.5, "d": 0.1}, str)
    assert [key for key, _ in both] == ["b", "c", "a", "d"]
    assert [score for _, score in both] == pytest.approx([0.75, 0.375, 0.25, 0.0])
    assert fused({}, {}, str) == []
    assert fused({"a": 1.0, "b": 1.0}, {}, lambda key: -ord(key)) == [("b", 0.25), ("a", 0.25)]


def test_an_index_that_was_damaged_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    lab = Lab(file)
    lab.add("r", *DRAFTS)
    expected = lab.find("space")
    assert expected
    lab.index.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    lab.index = JournalIndex(file)
    assert lab.find("space") == expected
    assert not file.exists(), "this search was answered from memory"
    lab.index.close()
    lab.index = JournalIndex(file)
    assert lab.find("space") == expected
    assert file.exists()
    lab.index.close()


def test_an_index_that_another_process_holds_for_long_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "index.sqlite"
    lab = Lab(file)
    lab.add("r", *DRAFTS)
    lab.find("space")
    lab.index.close()
    monkeypatch.setattr(audit_index, "_WAIT", 0.05)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        lab.add("r", draft("step.failed", "late", 1, message="no space"))
        lab.index = JournalIndex(file)
        assert ("r", 8) in lab.find("space")
        lab.index.close()
    assert file.exists()
