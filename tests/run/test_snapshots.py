"""Snapshots: kept after each step, and given to boxes before their first."""

from __future__ import annotations

import asyncio
import io
import tarfile
from dataclasses import replace

import pytest

from runner.errors import BoxDiskFull
from runner.run.artifacts import load
from runner.run.snapshots import Beginning, Snapshots

TEXT = """
spec: 1
name: lab
sandboxes:
  py: {needs: {runtime: python}, prefer: [e2b], scope: %s}
steps:
  a: {sandbox: py, run: "cat given; echo of-a > kept; chmod 750 kept; touch -d @1700000000 kept; ln -s kept link"}
  b: {sandbox: py, after: [a], run: "cat given; echo of-b > more; touch .runner/own"}
"""


def tar_of(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as target:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def members(tar):
    with tarfile.open(fileobj=io.BytesIO(tar)) as source:
        return {each.name: each for each in source.getmembers()}


@pytest.fixture
def play(lab):
    def run(text, snapshots):
        setup = lab.setup
        lab.setup = lambda: replace(setup(), snapshots=snapshots)
        return lab.play(text)

    return run


GIVEN = Snapshots(True, {"py": Beginning(tar_of(given=b"yes\n"), "x.tar"), "other": Beginning(b"no tar", "y.tar")})


def test_the_files_of_every_step_are_kept_with_modes_times_and_links(lab, play):
    done = play(TEXT % "run", GIVEN)
    assert done.state == "succeeded"
    about = [done.step(key)["snapshot"] for key in ("a", "b")]
    tars = [load(lab.folder / "state" / "artifacts", each["digest"]) for each in about]
    assert [sorted(members(tar)) for tar in tars] == [["given", "kept", "link"], ["given", "kept", "link", "more"]]
    assert [each["files"] for each in about] == [3, 4]
    kept = members(tars[0])["kept"]
    assert (kept.mode, kept.mtime) == (0o750, 1_700_000_000)
    assert members(tars[0])["link"].linkname == "kept"
    told = [(event.step, event.data["digest"], event.data["sandbox"]) for event in done.of("snapshot.stored")]
    assert told == [("a", about[0]["digest"], "py"), ("b", about[1]["digest"], "py")]


def test_a_shared_box_begins_with_the_files_once(lab, play):
    done = play(TEXT % "run", GIVEN)
    (restored,) = done.of("snapshot.restored")
    assert (restored.step, restored.data["source"], restored.data["bytes"]) == (
        "a",
        "x.tar",
        len(tar_of(given=b"yes\n")),
    )
    assert [text for _, _, text in lab.text] == ["yes\n", "yes\n"]


def test_every_box_of_a_step_of_its_own_begins_with_them(play):
    done = play(TEXT % "step", GIVEN)
    assert [event.step for event in done.of("snapshot.restored")] == ["a", "b"]
    assert done.state == "succeeded"


def test_without_being_asked_nothing_is_kept(play):
    done = play((TEXT % "run").replace("cat given; ", ""), Snapshots())
    assert (done.of("snapshot.stored"), done.of("snapshot.restored")) == ([], [])
    assert "snapshot" not in done.step("a")


def test_files_that_do_not_fit_fail_the_attempt(lab, play):
    lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b")
    create = lab.providers["e2b"].create

    async def full(path, tar):
        raise BoxDiskFull("no space left in the box")

    async def make(request):
        box = await create(request)
        box.import_tar = full
        return box

    lab.providers["e2b"].create = make
    done = play(TEXT % "run", GIVEN)
    assert (done.state, done.step("a")["message"]) == ("failed", "no space left in the box")


def test_runs_below_keep_their_files_too_but_begin_with_none(lab):
    below = "spec: 1\nname: below\nsteps: {a: {run: 'ls; echo x > x'}}\n"
    above = "spec: 1\nname: lab\nsteps: {w: {workflow: below.yaml}, a: {run: cat given}}\n"
    setup = lab.setup
    begin = Snapshots(True, {"default": Beginning(tar_of(given=b"yes\n"), "x.tar")})
    lab.setup = lambda: replace(setup(), snapshots=begin)
    done = lab.play(above, files={"below.yaml": below})
    assert done.state == "succeeded"
    child = asyncio.run(lab.below(done.report.run))["w"]
    assert child.of("snapshot.restored") == []
    assert child.step("a")["snapshot"]["files"] == 1
