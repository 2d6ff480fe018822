"""What was found is remembered; whatever is wrong with the memory costs time only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.compiler.diagnostic import Diagnostic, Fix, Related, Span, error
from runner.project import cache as module
from runner.project.cache import Cache, cache_folder, checker_digest

SPAN = Span("a.yaml", 1, 2, 3, 4)
FOUND = [error("needs-cycle", "é ${{ x }}", SPAN, "hint", (Related("there", SPAN),), Fix("m", SPAN, "\n", safe=False))]


def same(path: str) -> str:
    return "as before"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "caches"


def kept(folder: Path, key: str, found: list[Diagnostic], others: dict[str, str] | None = None) -> Path:
    cache = Cache(folder, "checker")
    cache.put(key, found, others or {})
    cache.save()
    return max(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)


def test_findings_come_back_as_they_were(folder: Path) -> None:
    kept(folder, "k", FOUND)
    assert Cache(folder, "checker").get("k", same) == FOUND
    assert Cache(folder, "checker").get("other", same) is None


def test_a_key_depends_on_everything(folder: Path) -> None:
    cache, other = Cache(folder, "checker"), Cache(folder, "another")
    keys = {
        cache.key("a", b"x", ""), cache.key("b", b"x", ""), cache.key("a", b"y", ""), cache.key("a", b"x", "s"),
        other.key("a", b"x", ""), cache.key(os.fsdecode(b"\xff"), b"x", ""),
    }  # fmt: skip
    assert len(keys) == 6
    assert cache.key("a", b"x", "") == Cache(folder, "checker").key("a", b"x", "")


def test_other_files_that_changed_make_findings_old(folder: Path) -> None:
    kept(folder, "k", FOUND, {"b.yaml": "as before"})
    assert Cache(folder, "checker").get("k", same) == FOUND
    assert Cache(folder, "checker").get("k", lambda path: "new") is None


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\x00", b"[]", b"{}", b'{"format": 1}', b'{"format": 1, "entries": []}', b"[" * 99999,
        b'{"format": 0, "entries": {"k": {"found": [], "others": {}}}}', b'{"format": 1, "entries": {"k": 3}}',
        b'{"format": 1, "entries": {"k": {"found": [{}], "others": {}}}}',
        b'{"format": 1, "entries": {"k": {"found": 3, "others": []}}}',
        b'{"format": 1, "entries": {"k": {"found": [{"code": "x", "severity": "bad"}], "others": {}}}}',
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_no_memory(folder: Path, text: bytes) -> None:
    path = kept(folder, "k", FOUND)
    path.write_bytes(text)
    assert Cache(folder, "checker").get("k", same) is None
    kept(folder, "k", FOUND)
    assert Cache(folder, "checker").get("k", same) == FOUND


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file", "checker")
    cache.put("k", FOUND, {})
    cache.save()
    assert Cache(tmp_path / "file", "checker").get("k", same) is None


def test_nothing_new_writes_nothing(folder: Path) -> None:
    path = kept(folder, "k", FOUND)
    before = path.stat().st_mtime_ns
    cache = Cache(folder, "checker")
    cache.get("k", same)
    cache.save()
    assert path.stat().st_mtime_ns == before


def test_what_another_process_found_meanwhile_stays(folder: Path) -> None:
    mine, theirs = Cache(folder, "checker"), Cache(folder, "checker")
    mine.put("mine", FOUND, {})
    theirs.put("theirs", [], {})
    theirs.save()
    mine.save()
    both = Cache(folder, "checker")
    assert (both.get("mine", same), both.get("theirs", same)) == (FOUND, [])


def test_it_stays_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 5000)
    cache = Cache(folder, "checker")
    for number in range(40):
        cache.put(str(number), FOUND, {})
    cache.save()
    assert next(folder.glob("*.json")).stat().st_size <= 5000
    assert Cache(folder, "checker").get("39", same) == FOUND
    assert Cache(folder, "checker").get("0", same) is None
    monkeypatch.setattr(module, "_MOST_BYTES", 10)
    kept(folder, "k", FOUND)
    assert json.loads(next(folder.glob("*.json")).read_bytes())["entries"] == {}


def test_old_folders_and_drafts_of_the_dead_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_FILES", 2)
    folder.mkdir()
    long_ago = time.time() - 9999
    for number, name in enumerate(["old.json", "older.json", "draft-dead", "draft-alive"]):
        (folder / name).write_text("")
        if name != "draft-alive":
            os.utime(folder / name, (long_ago - number, long_ago - number))
    path = kept(folder, "k", FOUND)
    assert sorted(one.name for one in folder.iterdir()) == sorted([path.name, "old.json", "draft-alive"])


def test_a_draft_that_cannot_take_its_place_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    cache = Cache(folder, "checker")
    cache.put("k", FOUND, {})
    cache.save()
    assert list(folder.iterdir()) == []


WRITER = """
import sys
from pathlib import Path
from runner.project.cache import Cache
for number in range(10_000):
    cache = Cache(Path(sys.argv[1]), "checker")
    cache.put(f"{sys.argv[2]}-{number}", [], {})
    cache.save()
    print(number, flush=True)
"""


def test_processes_that_write_at_once_and_are_killed_leave_a_whole_file(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(folder)]
    writers = [
        subprocess.Popen([*command, name], cwd=tmp_path, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ROOT})
        for name in ("one", "two", "three")
    ]
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(20):
            assert writer.stdout.readline()
    for writer in writers:
        writer.kill()
        writer.communicate()
    loaded = json.loads(next(folder.glob("*.json")).read_bytes())
    assert loaded["format"] == 1
    assert len(loaded["entries"]) >= 20
    assert len(list(folder.glob("draft-*"))) <= 3


ROOT = str(Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/runner/validate"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/runner/validate"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/runner/validate"),
        ({"HOME": ""}, None),
        ({}, None),
    ],
)
def test_where_it_is(environment: dict[str, str], expected: str | None) -> None:
    assert cache_folder(environment) == (None if expected is None else Path(expected))


def test_the_checker_is_known_by_its_files_its_libraries_and_shellcheck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "shellcheck"
    program.write_text("1")
    first = checker_digest()
    assert checker_digest() == first
    with_program = checker_digest(program)
    assert with_program != first
    program.write_text("22")
    assert checker_digest(program) not in (first, with_program)
    monkeypatch.setattr(module, "_LIBRARIES", ("yaml", "no_such_package_at_all"))
    assert checker_digest() != first
    (tmp_path / "compiler" / "rules" / "__pycache__").mkdir(parents=True)
    rule = tmp_path / "compiler" / "rules" / "a.py"
    rule.write_text("x = 1")
    (tmp_path / "project").mkdir()
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    moved = checker_digest()
    (tmp_path / "compiler" / "rules" / "__pycache__" / "a.py").write_text("")
    assert checker_digest() == moved
    rule.write_text("x = 22")
    assert checker_digest() != moved
    changed = checker_digest()
    (tmp_path / "project" / "shellcheck.py").write_text("x = 1")
    assert checker_digest() != changed, "what is asked of other programs counts too"
