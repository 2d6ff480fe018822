"""Parts of building templates that need no box: steps as they are written, bases, names, tags, what is kept."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from runner.embedded.e2b.building import bases, steps
from runner.embedded.e2b.building.bases import Host, NoSuchBase
from runner.embedded.e2b.building.builds import Builder, Hands
from runner.embedded.e2b.building.catalog import Catalog, NameRefused, NotThere, Wish, split
from runner.embedded.e2b.building.records import BUILDING, FAILED, Build, Record
from runner.embedded.e2b.building.steps import Progress, Step, StepRefused
from runner.embedded.e2b.control.orders import order
from runner.embedded.e2b.control.refusals import Refused
from runner.embedded.e2b.folders.vault import Vault
from runner.embedded.e2b.folders.volumes import Volumes
from runner.embedded.e2b.templates import BASE, Template, Templates
from runner.errors import ServiceError

_HASH = "a" * 64
_DEBIAN = Host("Debian 12", frozenset({"debian"}), "3.11.7", "20.1.0")
_ARCH = Host("Arch", frozenset({"arch"}), "3.13.1", "")


# ------------------------------------------------------------- steps


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("RUN", "not an object"),
        ({"type": "ADD", "args": ["a"]}, "none of RUN, COPY"),
        ({"type": "RUN", "args": "ls"}, "list of texts"),
        ({"type": "RUN", "args": []}, "RUN needs 1 arguments"),
        ({"type": "ENV", "args": ["A"]}, "ENV needs 2 arguments"),
        ({"type": "COPY", "args": ["a", "b"]}, "SHA-256"),
        ({"type": "COPY", "args": ["a", "b"], "filesHash": "../../etc"}, "SHA-256"),
    ],
)
def test_a_step_that_cannot_be_read_is_refused(row: object, words: str) -> None:
    with pytest.raises(StepRefused, match=words):
        steps.parse([row])


def test_no_steps_are_good_and_a_list_is_needed() -> None:
    assert steps.parse(None) == []
    with pytest.raises(StepRefused, match="list"):
        steps.parse({})


def test_equal_work_has_equal_keys_and_other_work_others() -> None:
    start = Progress("k")
    run, copy = Step("RUN", ("ls",)), Step("COPY", ("a", "b"), _HASH)
    assert start.after(run) == start.after(Step("RUN", ("ls",), force=True))
    keys = [start.after(run), Progress("l").after(run), start.after(Step("RUN", ("ls", "root"))), start.after(copy)]
    assert len({*keys, start.after(Step("COPY", ("a", "b"), "b" * 64))}) == 5


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("plain", "plain"),
        ("$A and ${A}", "x y and x y"),
        ("$(touch made)", "$(touch made)"),
        ("`touch made`", "`touch made`"),
        ('"; touch made; "', '"; touch made; "'),
        ("back\\slash $", "back\\slash $"),
    ],
)
def test_a_value_is_expanded_and_nothing_of_it_runs(tmp_path: Path, value: str, printed: str) -> None:
    words = ["/bin/bash", "-c", steps.expansion(value)]
    done = subprocess.run(words, env={"A": "x y"}, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == printed
    assert list(tmp_path.iterdir()) == []


def test_environment_names_are_names() -> None:
    assert steps.pairs(Step("ENV", ("A", "1", "B_2", ""))) == {"A": "1", "B_2": ""}
    assert steps.pairs(Step("ARG", ("A",))) == {"A": ""}
    for args in (("A B", "1"), ("A=", "1"), ("A", "\0"), ("A", "1", "B")):
        with pytest.raises(StepRefused):
            steps.pairs(Step("ENV", args))


@pytest.mark.parametrize("name", ["; exit 1", "$(id)", "-rf", "A B"])
def test_a_user_is_a_name(name: str) -> None:
    with pytest.raises(StepRefused):
        steps.user_of(Step("USER", (name,)))


def test_a_folder_is_relative_to_the_one_before() -> None:
    assert steps.workdir_of(Step("WORKDIR", ("b/../c",)), Progress("k", workdir="/a")) == "/a/c"
    assert steps.workdir_of(Step("WORKDIR", ("b",)), Progress("k")) == "/b"
    assert steps.workdir_of(Step("WORKDIR", ("/x",)), Progress("k", workdir="/a")) == "/x"


@pytest.mark.parametrize(
    ("source", "kept"),
    [("a/b.txt", "a/b.txt"), ("a/*.txt", "a"), ("*", "."), (".", "."), ("a/", "a"), ("a/x[1]/b", "a")],
)
def test_what_is_copied_ends_where_a_pattern_begins(source: str, kept: str) -> None:
    assert steps.placement(Step("COPY", (source, "/t")), Progress("k"), "/x.tar")["SOURCE"] == kept


@pytest.mark.parametrize("args", [("../a", "/t"), ("/a", "/t"), ("a", "t", "u;id"), ("a", "t", "", "999")])
def test_a_copy_stays_in_its_files(args: tuple[str, ...]) -> None:
    with pytest.raises(StepRefused):
        steps.placement(Step("COPY", args), Progress("k"), "/x.tar")


def _place(tmp_path: Path, source: str, target: str, **given: str) -> str:
    """Run the script that places files, here, with an archive of `one`, `dir/two` and a link."""
    tree = tmp_path / "tree"
    (tree / "dir").mkdir(parents=True)
    (tree / "one").write_text("1")
    (tree / "dir" / "two").write_text("2")
    (tree / "link").symlink_to("one")
    subprocess.run(["tar", "-czf", tmp_path / "a.tgz", "-C", tree, "."], check=True)
    (tmp_path / "work").mkdir()
    me = f"{os.getuid()}:{os.getgid()}"
    known = {"ARCHIVE": str(tmp_path / "a.tgz"), "SOURCE": source, "TARGET": target, "OWNER": me, "MODE": ""}
    env = {"PATH": os.environ["PATH"], **known, "WORK": str(tmp_path / "work"), "HOME_OF_USER": "/", **given}
    done = subprocess.run(["/bin/bash", "-c", steps.PLACE], env=env, capture_output=True, text=True, check=False)
    assert not (tmp_path / "a.tgz").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("source", "target", "there"),
    [
        ("one", "x", "x"), ("one", "x/", "x/one"), ("one", ".", "one"), ("one", "deep/er/x", "deep/er/x"),
        ("dir", "x", "x/two"), ("dir", "x/", "x/two"), (".", "x", "x/dir/two"), ("link", "x", "x"),
    ],
)  # fmt: skip
def test_files_are_placed_as_copy_does(tmp_path: Path, source: str, target: str, there: str) -> None:
    assert _place(tmp_path, source, target, MODE="0640" if source == "one" else "") == ""
    placed = tmp_path / "work" / there
    assert placed.is_symlink() if source == "link" else placed.is_file()
    if source == "one":
        assert placed.stat().st_mode & 0o777 == 0o640


def test_what_is_not_in_the_archive_is_named(tmp_path: Path) -> None:
    assert "no such file in the build's files: nothing" in _place(tmp_path, "nothing", "x")


def test_layers_do_not_grow_without_end() -> None:
    layers = tuple(Path(f"/{number}") for number in range(steps.MOST_LAYERS))
    steps.check_depth(Progress("k", layers[1:]))
    with pytest.raises(StepRefused, match="at most 100 layers: do more in one step"):
        steps.check_depth(Progress("k", layers))


# ------------------------------------------------------------- bases


@pytest.mark.parametrize(
    ("request_", "machine", "noted"),
    [
        ({"fromImage": "e2bdev/base"}, _ARCH, False),
        ({"fromImage": "e2bdev/base:latest"}, _ARCH, False),
        ({"fromTemplate": "base"}, _ARCH, False),
        ({"fromImage": "ubuntu:22.04"}, _DEBIAN, True),
        ({"fromImage": "docker.io/library/debian"}, _DEBIAN, True),
        ({"fromImage": "python:3"}, _ARCH, True),
        ({"fromImage": "python:3.11-slim"}, _DEBIAN, True),
        ({"fromImage": "node:lts"}, _DEBIAN, True),
    ],
)
def test_what_the_machine_can_stand_for_is_taken(request_: dict[str, Any], machine: Host, noted: bool) -> None:
    chosen = bases.choose(request_, Templates().find, ["base"], machine)
    assert chosen.template == BASE
    assert bool(chosen.note) is noted


@pytest.mark.parametrize(
    ("request_", "machine", "words"),
    [
        ({}, _DEBIAN, "exactly one"),
        ({"fromImage": "debian", "fromTemplate": "base"}, _DEBIAN, "exactly one"),
        ({"fromTemplate": "nothing"}, _DEBIAN, "not found; there are: base"),
        ({"fromImage": "debian"}, _ARCH, "upon e2bdev/base, python:3.13.1$"),
        ({"fromImage": "python:3.1"}, _DEBIAN, "upon e2bdev/base, debian, ubuntu, python:3.11.7, node:20.1.0"),
        ({"fromImage": "node"}, _ARCH, "registry"),
        ({"fromImage": "debian", "fromImageRegistry": {"type": "aws"}}, _DEBIAN, "in a registry"),
        ({"fromImage": "e2bdev/desktop"}, _DEBIAN, "not been set up"),
    ],
)
def test_what_it_cannot_stand_for_is_refused_with_what_it_can(
    request_: dict[str, Any], machine: Host, words: str
) -> None:
    with pytest.raises(NoSuchBase, match=words):
        bases.choose(request_, Templates().find, ["base"], machine)


# ------------------------------------------------------------- catalog


def test_names_and_tags_are_split_and_checked() -> None:
    assert split("Name", []) == ("name", ("default",))
    assert split("team/name:v1", ["V2", "v1"]) == ("team/name", ("v1", "v2"))
    for name, tags in (("a b", []), ("", []), ("a:b c", []), ("a", ["../x"])):
        with pytest.raises(NameRefused):
            split(name, tags)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path, Templates(), lambda layer: False)


def _ready(catalog: Catalog, name: str) -> tuple[Record, Build]:
    record, build = catalog.request(Wish(name, (), 1, 512, 1024))
    layer = catalog.fresh(f"{build.id:.16}")
    layer.mkdir()
    catalog.finish(build, Template(record.id, record.names, (layer,)))
    return record, build


def test_a_build_is_found_by_its_tags_once_it_is_ready(catalog: Catalog) -> None:
    record, first = catalog.request(Wish("a:v1", (), 1, 512, 1024))
    assert catalog.templates.find("a:v1") is None
    catalog.fail(first, "why", "1")
    assert catalog.templates.find("a:v1") is None
    assert _ready(catalog, "a:v1")[0] is record
    _, third = _ready(catalog, "a:v2")
    found = catalog.templates.find(f"{record.id}:v2")
    assert found is not None
    assert found.build == third.id
    assert catalog.templates.find("a") is None
    with pytest.raises(NameRefused, match="built in"):
        catalog.request(Wish("base", (), 1, 512, 1024))


def test_a_snapshot_s_name_is_no_template_s(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, Templates(), lambda layer: False, {"mine"}.__contains__)
    with pytest.raises(NameRefused, match="a snapshot is named 'mine'"):
        catalog.request(Wish("mine:v1", (), 1, 512, 1024))


def test_large_letters_in_names_and_tags_count_as_small_ones(catalog: Catalog) -> None:
    record, build = _ready(catalog, "Mixed:V1")
    assert record.names == ("mixed",)
    for name in ("mixed:v1", "MIXED:V1", " Mixed:v1"):
        assert catalog.templates.find(name) == build.made
        assert catalog.get(name) is record
    catalog.assign("Mixed:V1", ["Mixed:Two"])
    catalog.unassign("MIXED", ["V1"])
    assert list(record.tags()) == ["two"]


def test_tags_move_and_go(catalog: Catalog) -> None:
    record, _ = _ready(catalog, "a:v1")
    _, second = _ready(catalog, "a:v2")
    catalog.assign("a:v2", ["a:v1"])
    assert record.tags()["v1"].build == second.id
    assert [each.tag for each in record.assigned] == ["v1", "v2", "v1"]
    catalog.unassign("a", ["v1"])
    assert catalog.templates.find("a:v1") is None
    for attempt in (lambda: catalog.assign("a:v1", ["x"]), lambda: catalog.unassign("a", ["v2", "v1"])):
        with pytest.raises(NotThere, match="no tag 'v1'"):
            attempt()
    assert catalog.templates.find("a:v2") is not None


def test_a_later_endpoint_knows_templates_and_work(catalog: Catalog, tmp_path: Path) -> None:
    record, build = _ready(catalog, "a")
    build.say("a line", "warn", "1")
    unfinished, _ = catalog.request(Wish("b", (), 1, 512, 1024))
    layer = catalog.fresh("0" * 32)
    layer.mkdir()
    done = Progress("0" * 32, (layer,), {"A": "1"}, "root", "/w")
    catalog.learn(done)
    catalog.save()
    later = Catalog(tmp_path, Templates(), lambda layer: False)
    assert later.get("a") == record
    assert later.templates.find("a") == build.made
    assert later.known("0" * 32) == done
    assert later.find(unfinished.id) is None
    written = [each for each in tmp_path.rglob("*.json")]
    assert len(written) == 2
    assert {each.stat().st_mode & 0o777 for each in written} == {0o600}
    layer.rmdir()
    assert later.known("0" * 32) is None


def test_templates_and_work_are_there_though_the_folder_was_moved(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "one" / "templates", Templates(), lambda layer: False)
    record, build = _ready(catalog, "a")
    assert build.made is not None
    catalog.learn(Progress("0" * 32, build.made.layers))
    (tmp_path / "one").rename(tmp_path / "two")
    moved = Catalog(tmp_path / "two" / "templates", Templates(), lambda layer: False)
    layers = (tmp_path / "two" / "templates" / "layers" / build.made.layers[0].name,)
    found, work = moved.templates.find(record.id), moved.known("0" * 32)
    assert found is not None
    assert work is not None
    assert found.layers == work.layers == layers


def test_what_a_killed_endpoint_left_half_made_goes_and_what_has_lost_a_layer_is_not_offered(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, Templates(), lambda layer: False)
    for name in ("whole", "lost"):
        _ready(catalog, name)
    made = catalog.templates.find("lost")
    assert made is not None
    made.layers[0].rmdir()
    half = [catalog.layers / ".0-1.2", catalog.uploads / ".3.4"]
    half[0].mkdir()
    half[1].touch()
    later = Catalog(tmp_path, Templates(), lambda layer: False)
    assert not any(each.exists() for each in half)
    assert later.templates.find("whole") is not None
    assert later.templates.find("lost") is None
    assert later.get("lost").names == ("lost",)


@pytest.mark.parametrize(
    ("text", "says"), [("{", "cannot be read"), ("[]", "cannot be read"), ('{"version": 9}', "version 9")]
)
@pytest.mark.parametrize("name", ["templates/index.json", "volumes/index.json", "secrets.json"])
def test_a_file_that_cannot_be_read_is_said_and_stays(tmp_path: Path, name: str, text: str, says: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)

    def begin() -> None:
        Catalog(tmp_path / "templates", Templates(), lambda layer: False)
        Volumes(tmp_path / "volumes", literal=False)
        Vault(tmp_path)

    with pytest.raises(ServiceError, match=says) as caught:
        begin()
    assert str(file) in caught.value.message
    assert "another --folder" in caught.value.hint
    assert file.read_text() == text


def test_layers_go_with_the_last_that_needs_them(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    record, build = _ready(catalog, "a")
    assert build.made is not None
    layer = build.made.layers[0]
    spare = catalog.fresh("1" * 32)
    spare.mkdir()
    assert catalog.rubbish() == []
    catalog.delete(record)
    assert catalog.rubbish([Progress("k", (layer,))]) == []
    assert catalog.rubbish() == [layer]
    aside = catalog.set_aside([layer])
    assert not layer.exists(), "no build finds it while it is being removed"
    assert catalog.rubbish() == []
    catalog.discard(aside)
    assert list(catalog.layers.iterdir()) == [spare]
    assert spare.exists()
    later = time.time() + 25 * 3600
    monkeypatch.setattr("runner.embedded.e2b.building.catalog.time.time", lambda: later)
    assert catalog.rubbish() == [spare]


def test_layers_of_a_build_that_no_tag_means_are_not_kept_for_ever(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_, first), (_, second) = _ready(catalog, "a"), _ready(catalog, "a")
    assert first.made is not None
    assert second.made is not None
    assert catalog.rubbish() == [], "the next build may begin with them"
    later = time.time() + 25 * 3600
    monkeypatch.setattr("runner.embedded.e2b.building.catalog.time.time", lambda: later)
    assert catalog.rubbish() == list(first.made.layers)


def test_a_build_that_ends_after_its_template_was_deleted_has_failed(catalog: Catalog) -> None:
    record, build = catalog.request(Wish("a", (), 1, 512, 1024))
    catalog.delete(record)
    catalog.finish(build, Template(record.id))
    assert (build.status, build.reason) == (FAILED, "its template was deleted")
    assert catalog.find("a") is None


def test_a_layer_that_a_box_needs_outlives_its_template(tmp_path: Path) -> None:
    used: set[Path] = set()
    catalog = Catalog(tmp_path, Templates(), used.__contains__)
    record, build = _ready(catalog, "a")
    assert build.made is not None
    used.update(build.made.layers)
    catalog.delete(record)
    assert catalog.rubbish() == []
    used.clear()
    assert catalog.rubbish() == list(build.made.layers)


def test_an_archive_stays_as_long_as_builds_ask_for_it(catalog: Catalog) -> None:
    for name in ("asked", "left"):
        (catalog.uploads / name).touch()
        os.utime(catalog.uploads / name, (0, 0))
    assert catalog.has_upload("asked")
    assert not catalog.has_upload("never")
    catalog.expire()
    assert [each.name for each in catalog.uploads.iterdir()] == ["asked"]


def test_a_log_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.embedded.e2b.building.records._MOST_LINES", 3)
    build = Build("t", ("default",), 1, 512, 1024)
    for number in range(9):
        build.say(str(number))
    assert [each.message for each in build.lines] == ["0", "1", "2", "more than 3 lines: the rest is not kept"]


# ------------------------------------------------------------- where boxes cannot have what is asked for


def test_a_machine_without_layers_says_so(catalog: Catalog) -> None:
    async def unused(*_: object) -> Any:
        raise AssertionError("no box is made")

    async def go() -> Build:
        hands = Hands(unused, lambda box: None, unused, catalog.templates.find, "no overlays here")
        record, build = catalog.request(Wish("a", (), 1, 512, 1024))
        builder = Builder(catalog, hands)
        builder.start(record, build, {"fromTemplate": "base"})
        for _ in range(1000):
            if build.status != BUILDING:
                break
            await asyncio.sleep(0.01)
        await builder.close()
        return build

    build = asyncio.run(go())
    assert (build.status, build.step) == ("error", "base")
    assert build.reason == "templates cannot be built on this machine: no overlays here"


@pytest.mark.parametrize(
    ("mounts", "shared", "status", "words"),
    [
        ([{"name": "v", "path": "/mnt/v"}], False, 400, "cannot share volumes"),
        ([{"name": "other", "path": "/mnt/v"}], True, 404, "'other' not found"),
        ([{"name": "v", "path": "/mnt/v"}, {"name": "v", "path": "/mnt/v"}], True, 400, "cannot be mounted"),
        ([{"name": "v", "path": "/usr/lib"}], True, 400, "cannot be mounted at '/usr/lib'"),
        ([{"name": "v", "path": "/opt/runner/bin"}], True, 400, "cannot be mounted"),
        ("v", True, 400, "must be a list"),
    ],
)
def test_volumes_that_cannot_be_mounted(tmp_path: Path, mounts: object, shared: bool, status: int, words: str) -> None:
    volumes = Volumes(tmp_path / "v", literal=False, shared=shared)
    made = volumes.create("v")
    with pytest.raises(Refused, match=words) as caught:
        order({"volumeMounts": mounts}, BASE, 60, volumes)
    assert caught.value.status == status
    if shared:
        good = order({"volumeMounts": [{"name": "v", "path": "/mnt/v"}]}, BASE, 60, volumes)
        assert [(each.volume, each.path) for each in good.volumes] == [(made, "/mnt/v")]
