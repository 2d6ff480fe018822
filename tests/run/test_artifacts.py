"""Artifacts and host files in whole runs, and the store of artifacts."""

from __future__ import annotations

import io
import tarfile

import pytest

from runner.compiler.plan.model import Candidate, FileCopy, OutputDecl, SandboxPlan
from runner.errors import FileMissing, StoreError, StoreFull
from runner.run import artifacts
from runner.run.artifacts import Collected, keep, load, write_durably

TREE = (
    "mkdir -p dist/sub .artifacts/x && echo 1 > dist/a.whl && echo 2 > dist/sub/b.txt && echo 3 > dist/c.txt "
    "&& echo 4 > top.whl && chmod 755 dist/a.whl && ln -s a.whl dist/link && echo 5 > .artifacts/x/own.whl"
)


def members(lab, done, key):
    digest = done.report.artifacts[key]["digest"]
    tar = (lab.folder / "state" / "artifacts" / f"{digest}.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return {member.name: member for member in opened.getmembers()}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("dist/*.whl", ["a.whl"]),
        ("dist/**", ["a.whl", "c.txt", "link", "sub/b.txt"]),
        ("dist", ["a.whl", "c.txt", "link", "sub/b.txt"]),
        ("**/*.whl", ["dist/a.whl", "top.whl"]),
        ("*/*.whl", ["dist/a.whl"]),
        ("top.whl", ["top.whl"]),
        ("dist/*/b.txt", ["sub/b.txt"]),
    ],
)
def test_patterns_find_files_and_drop_the_folders_before_the_wildcard(lab, make_step, pattern, found):
    done = lab.run(make_step("a", TREE, outputs={"d": OutputDecl(artifact=pattern)}))
    assert sorted(members(lab, done, "a/d")) == found
    stored = done.of("artifact.stored")[0]
    assert (stored.step, stored.data["output"], stored.data["files"]) == ("a", "d", len(found))


@pytest.mark.parametrize("pattern", ["dist/*.*", "*/*.whl", "*/sub/*"])
def test_many_files_come_as_one_archive_and_are_the_same(lab, make_step, monkeypatch, pattern):
    one = members(lab, done := lab.run(make_step("a", TREE, outputs={"d": OutputDecl(artifact=pattern)})), "a/d")
    lab.clock.time += 1
    monkeypatch.setattr(artifacts, "_MANY", 1)
    monkeypatch.setattr("runner.sandbox.fake.FakeBox.read", _not_one_by_one)
    many = lab.run(make_step("a", TREE, outputs={"d": OutputDecl(artifact=pattern)}))
    assert {name: (each.size, each.mode) for name, each in members(lab, many, "a/d").items()} == {
        name: (each.size, each.mode) for name, each in one.items()
    }
    assert many.report.artifacts["a/d"]["digest"] == done.report.artifacts["a/d"]["digest"]


async def _not_one_by_one(box, path):
    if ".runner/" in path:
        raise FileMissing(path)
    raise AssertionError(path)


@pytest.mark.parametrize("pattern", ["dist/*", "dist/**"])
def test_files_that_are_too_large_fail_the_step(lab, make_step, monkeypatch, pattern):
    monkeypatch.setattr(artifacts, "MAX_BYTES", 3)
    done = lab.run(make_step("a", TREE, outputs={"d": OutputDecl(artifact=pattern)}))
    assert done.step("a")["error_class"] == "output"
    assert "bytes, allowed are 3" in done.step("a")["message"]


def test_a_folder_that_is_too_large_is_not_brought_here_to_choose_from(lab, make_step, monkeypatch):
    async def export(box, path):
        raise AssertionError(path)

    monkeypatch.setattr("runner.sandbox.fake.FakeBox.export_tar", export)
    monkeypatch.setattr(artifacts, "MAX_BYTES", 10**7)
    command = "mkdir d && echo small > d/a.txt && truncate -s 20000000 d/big"
    done = lab.run(make_step("a", command, outputs={"d": OutputDecl(artifact="d/**/*.txt")}))
    assert done.step("a")["error_class"] == "output"
    assert "where d/**/*.txt is looked for, hold 20," in done.step("a")["message"]


def test_many_small_files_beside_a_large_one_are_read_one_by_one(lab, make_step, monkeypatch):
    monkeypatch.setattr(artifacts, "_MANY", 1)
    monkeypatch.setattr(artifacts, "MAX_BYTES", 10**7)
    command = "mkdir d && echo 1 > d/a.txt && echo 2 > d/b.txt && truncate -s 20000000 d/big"
    done = lab.run(make_step("a", command, outputs={"d": OutputDecl(artifact="d/*.txt")}))
    assert sorted(members(lab, done, "a/d")) == ["a.txt", "b.txt"]


def test_modes_and_links_survive(lab, make_step):
    done = lab.run(make_step("a", TREE, outputs={"d": OutputDecl(artifact="dist/**")}))
    found = members(lab, done, "a/d")
    assert found["a.whl"].mode == 0o755
    assert found["link"].linkname == "a.whl"


@pytest.mark.parametrize("pattern", ["nothing/*.x", "nothing", "dist/a.whl/x", "nothing/**", "*.none", "top.whl/**"])
def test_a_pattern_that_matches_nothing_fails_the_step(lab, make_step, pattern):
    done = lab.run(make_step("a", TREE, outputs={"d": OutputDecl(artifact=pattern)}))
    assert done.step("a")["error_class"] == "output"
    assert f"output d: expected files matching {pattern} in" in done.step("a")["message"]


def test_files_are_handed_on_to_another_box(lab, make_step):
    fresh = SandboxPlan("fresh", scope="step", candidates=(Candidate("fake", True, ""),))
    done = lab.run(
        make_step("a", "mkdir d && echo hello > d/f", sandbox="fresh", outputs={"d": OutputDecl(artifact="d/*")}),
        make_step(
            "m",
            "echo $RUNNER_STEP > f",
            legs=2,
            sandbox="fresh",
            outputs={"d": OutputDecl(artifact="f")},
            after=("a",),
        ),
        make_step(
            "b",
            "cat $A/f $RUNNER_ARTIFACTS/m/*/d/f; echo $M",
            env={"A": "${{ steps.a.outputs.d }}", "M": "${{ steps.m.outputs.d }}"},
            after=("a", "m"),
            artifacts=(("a", "d"), ("m", "d")),
        ),
        make_step(
            "c",
            "cat $RUNNER_EXPR_0/f",
            expressions={"RUNNER_EXPR_0": "steps.a.outputs.d"},
            after=("a", "b"),
            artifacts=(("a", "d"),),
        ),
        sandboxes={"fresh": fresh},
    )
    assert done.state == "succeeded"
    said = "".join(text for key, _, text in lab.text if key == "b")
    assert said.startswith("hello\nm[n=0]\nm[n=1]\n")
    home = lab.fake.made[-1].home
    assert f'["{home}/.artifacts/m/0/d","{home}/.artifacts/m/1/d"]' in said
    assert ("c", "stdout", "hello\n") in lab.text


def test_an_artifact_of_a_step_that_did_not_succeed_is_not_placed(lab, make_step):
    done = lab.run(
        make_step("a", "exit 1", allow_failure=True, outputs={"d": OutputDecl(artifact="d")}),
        make_step("b", "ls $RUNNER_ARTIFACTS 2>/dev/null || echo none", after=("a",), artifacts=(("a", "d"),)),
    )
    assert ("b", "stdout", "none\n") in lab.text
    assert done.state == "succeeded"


def test_an_artifact_that_was_changed_on_the_disk_ends_the_run(lab, make_step):
    def spoil(event):
        if event.type == "step.succeeded":
            for path in (lab.folder / "state" / "artifacts").iterdir():
                path.write_bytes(b"changed")

    lab.on_event = spoil
    with pytest.raises(StoreError, match="was changed after it was stored"):
        lab.run(
            make_step("a", "echo > f", outputs={"d": OutputDecl(artifact="f")}),
            make_step("wait", "sleep 0.1", after=("a",), sandbox="other"),
            make_step("b", after=("a", "wait"), artifacts=(("a", "d"),)),
        )
    assert not lab.cloud.boxes


def test_host_files_are_in_the_box_before_the_step(lab, make_step):
    (lab.folder / "src").mkdir()
    (lab.folder / "src" / "f").write_text("from the host\n")
    (lab.folder / "src" / "out").symlink_to("/etc/passwd")
    done = lab.run(
        make_step("m", "cat work/f", legs=2, files=(FileCopy("${{ inputs.from }}", "work"),)),
        make_step("bad", files=(FileCopy("missing", "work"),)),
        inputs={"from": "src"},
    )
    assert done.states["m[n=0]"] == done.states["m[n=1]"] == "succeeded"
    assert ("m[n=0]", "stdout", "from the host\n") in lab.text
    assert ("m[n=1]", "stderr", "files: out was left out, it links to a place outside\n") in lab.text
    assert done.step("bad")["error_class"] == "files"


def test_equal_content_is_stored_once_and_read_back(tmp_path):
    first = keep(tmp_path / "new", Collected(b"tar", 1))
    second = keep(tmp_path / "new", Collected(b"tar", 1))
    assert first == second
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"{first.digest}.tar"]
    assert load(tmp_path / "new", first.digest) == b"tar"


def test_content_that_was_changed_on_the_disk_is_mended(tmp_path):
    kept = keep(tmp_path, Collected(b"content", 1))
    kept.path.write_bytes(b"changed")
    with pytest.raises(StoreError, match="was changed after it was stored"):
        load(tmp_path, kept.digest)
    assert keep(tmp_path, Collected(b"content", 1)) == kept
    assert load(tmp_path, kept.digest) == b"content"


def test_what_is_lost_is_told(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        load(tmp_path, "0" * 64)


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts.os, "fsync", full)
    with pytest.raises(StoreFull, match="no space left for"):
        keep(tmp_path, Collected(b"tar", 1))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="No space"):
        write_durably(tmp_path / "x", b"")
