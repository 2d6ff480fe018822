"""`runner plan --diff` against genuine git: changed, moved, new, deleted and broken specs, and what they run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from runner.cli.main import app
from runner.errors import UsageError
from runner.project.revisions import Repository

pytestmark = pytest.mark.integration

SPEC = "spec: 1\nname: {name}\nsteps: {{a: {{run: make {name}, estimate: 5m}}}}\n"
PARENT = "spec: 1\nname: parent\nsteps: {a: {workflow: child.yaml}}\n"


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def spec(folder: Path, name: str, text: str = "") -> Path:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or SPEC.format(name=name))
    return path


@pytest.fixture(autouse=True)
def _git(missing: Callable[[str], None]) -> None:
    if shutil.which("git") is None:
        missing("git is not installed")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with five specs in `specs`, the working folder around them."""
    for name in ("build", "moves", "goes"):
        spec(tmp_path / "specs", name)
    spec(tmp_path / "specs", "child")
    spec(tmp_path / "specs", "parent", PARENT)
    (tmp_path / "specs" / "notes.yaml").write_text("title: no spec\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diff(*arguments: str, revision: str = "HEAD") -> Result:
    return CliRunner().invoke(app, ["plan", "--diff", revision, *arguments])


def found(*arguments: str, revision: str = "HEAD") -> dict[str, Any]:
    result = diff(*arguments, "--json", revision=revision)
    assert result.exit_code == 0, result.output
    return {one["path"]: one for one in json.loads(result.stdout)["specs"]}


def test_nothing_has_changed(repository: Path) -> None:
    result = diff("--exit-code")
    assert (result.exit_code, result.stdout) == (0, "no plan has changed\n")


def test_a_changed_step_and_its_exit_code(repository: Path) -> None:
    spec(repository / "specs", "build", SPEC.format(name="build").replace("make build", "make all"))
    result = diff("--exit-code")
    assert result.exit_code == 1
    assert "    ~ a.does: make build → make all\n" in result.stdout
    assert diff().exit_code == 0
    assert set(found("specs/build.yaml")) == {"specs/build.yaml"}
    assert found("specs/moves.yaml") == {}
    assert set(found(str(repository / "specs"))) == {"specs/build.yaml"}
    assert set(found("specs/b*.yaml")) == {"specs/build.yaml"}


def test_new_moved_and_deleted_specs(repository: Path) -> None:
    spec(repository / "specs", "fresh")
    (repository / "specs" / "moves.yaml").rename(repository / "specs" / "moved.yaml")
    (repository / "specs" / "goes.yaml").unlink()
    specs = found()
    assert {path: one["status"] for path, one in specs.items()} == {
        "specs/fresh.yaml": "added",
        "specs/goes.yaml": "removed",
        "specs/moved.yaml": "same",
    }
    assert specs["specs/moved.yaml"]["moved_from"] == "specs/moves.yaml"
    assert specs["specs/goes.yaml"]["price"]["after"] is None
    assert set(found("specs/goes.yaml")) == {"specs/goes.yaml"}


def test_a_spec_that_moves_and_changes_is_followed(repository: Path) -> None:
    text = "".join(f"# line {number}\n" for number in range(30)) + SPEC.format(name="long")
    spec(repository / "specs", "long", text)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "long")
    git(repository, "mv", "specs/long.yaml", "specs/longer.yaml")
    spec(repository / "specs", "longer", text.replace("5m", "6m"))
    one = found()["specs/longer.yaml"]
    assert (one["moved_from"], one["status"]) == ("specs/long.yaml", "changed")


def test_a_spec_that_breaks(repository: Path) -> None:
    spec(repository / "specs", "build", "spec: 1\nname: build\nsteps: {a: {rnu: make}}\n")
    one = found()["specs/build.yaml"]
    assert one["status"] == "broken"
    assert "did you mean `run`?" in one["errors"][0]


def test_what_a_workflow_runs_is_read_at_the_same_revision(repository: Path) -> None:
    spec(repository / "specs", "child", SPEC.format(name="child").replace("5m", "9m"))
    specs = found()
    assert set(specs) == {"specs/child.yaml", "specs/parent.yaml"}
    price = specs["specs/parent.yaml"]["price"]
    assert price["difference"]["likely"] == pytest.approx(price["before"]["likely"] * 4 / 5, rel=0.01)


def test_a_workflow_elsewhere_that_a_spec_runs_is_compared_too(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec(repository / "shared", "far")
    spec(repository / "specs", "parent", PARENT.replace("child.yaml", "../shared/far.yaml"))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "far")
    assert found() == {}
    spec(repository / "shared", "far", SPEC.format(name="far").replace("make far", "make near"))
    change = found()["shared/far.yaml"]["changes"]
    assert [(one["subject"], one["before"], one["after"]) for one in change] == [("a", "make far", "make near")]
    monkeypatch.chdir(repository / "specs")
    assert set(found("parent.yaml")) == {"../shared/far.yaml"}
    (repository / "shared" / "far.yaml").unlink()
    assert {path: one["status"] for path, one in found().items()} == {"parent.yaml": "broken"}


def test_from_another_folder_of_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec(repository / "specs", "build", SPEC.format(name="build").replace("5m", "9m"))
    monkeypatch.chdir(repository / "specs")
    assert set(found()) == {"build.yaml"}
    (repository / "other").mkdir()
    monkeypatch.chdir(repository / "other")
    assert set(found("../specs")) == {"../specs/build.yaml"}


def test_links_are_what_they_lead_to(repository: Path) -> None:
    specs = repository / "specs"
    (specs / "link.yaml").symlink_to("build.yaml")
    (specs / "second.yaml").symlink_to("link.yaml")
    for name, target in (("circle", "circle.yaml"), ("out", "../../out.yaml"), ("lost", "nothing.yaml")):
        (specs / f"{name}.yaml").symlink_to(target)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "links")
    assert found("specs/build.yaml", "specs/link.yaml", "specs/second.yaml") == {}
    spec(specs, "build", SPEC.format(name="build").replace("make build", "make all"))
    names = ("build", "link", "second")
    changed = found(*(f"specs/{name}.yaml" for name in names))
    assert {path: one["status"] for path, one in changed.items()} == {f"specs/{name}.yaml": "changed" for name in names}


def test_several_workflows_in_a_file(repository: Path) -> None:
    both = SPEC.format(name="one") + "---\n" + SPEC.format(name="two")
    spec(repository / "specs", "both", both)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "both")
    spec(repository / "specs", "both", both.replace("make two", "make 2") + "---\n" + SPEC.format(name="three"))
    result = json.loads(diff("--json").stdout)
    assert {one["name"]: one["status"] for one in result["specs"]} == {"two": "changed", "three": "added"}


def test_other_revisions_by_any_name(repository: Path) -> None:
    git(repository, "tag", "v1")
    spec(repository / "specs", "build", SPEC.format(name="build").replace("5m", "9m"))
    git(repository, "commit", "-qam", "second")
    assert found() == {}
    assert set(found(revision="v1")) == set(found(revision="HEAD~1")) == {"specs/build.yaml"}


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_spec_gives_no_orders_to_a_terminal(repository: Path, form: str) -> None:
    text = SPEC.format(name="build")
    spec(repository / "specs", "build", text.replace("run: make build", 'title: "\\e[2Jgone\\u202E", run: make build'))
    shown = CliRunner().invoke(app, ["plan", "--diff", "HEAD", "--format", form], color=True).stdout
    assert "\ufffd[2Jgone\ufffd" in shown
    assert not set(shown) & set("\x1b\u202e")


def test_a_comment_for_a_pull_request(repository: Path) -> None:
    spec(repository / "specs", "build", SPEC.format(name="build").replace("make build", "make all"))
    shown = diff("--format", "markdown").stdout
    assert shown.startswith("<!-- runner plan --diff -->\n")
    assert "| `specs/build.yaml` | has changed |" in shown


@pytest.mark.parametrize("revision", ["nope", "", "--help", "HEAD:specs"])
def test_an_unknown_revision_is_bad_usage(repository: Path, revision: str) -> None:
    result = CliRunner().invoke(app, ["plan", f"--diff={revision}"])
    assert isinstance(result.exception, UsageError)
    assert "git knows no revision" in result.exception.message


def test_outside_of_a_repository_is_bad_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    result = diff()
    assert isinstance(result.exception, UsageError)
    assert "git finds no repository" in result.exception.message


def test_without_git_there_is_a_word(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    result = diff()
    assert isinstance(result.exception, UsageError)
    assert result.exception.hint == "install git"


@pytest.mark.parametrize("name", ["specs/nowhere.yaml", "-"])
def test_names_that_lead_to_nothing_are_bad_usage(repository: Path, name: str) -> None:
    assert isinstance(diff(name).exception, UsageError)


def test_files_of_a_revision_end_at_its_repository(repository: Path) -> None:
    revision = Repository.around(repository / "specs").revision("HEAD")
    assert b"make build" in bytes(revision.read("build.yaml"))  # type: ignore[arg-type]
    assert "outside" in str(revision.read("../../etc/passwd"))
    assert "outside" in str(revision.read("/etc/passwd"))
    assert "no such file" in str(revision.read("nothing.yaml"))
    (repository / "specs" / "large.yaml").write_text("x" * (5 * 2**20 + 1))
    (repository / "specs" / "link.yaml").symlink_to("build.yaml")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "large")
    after = Repository.around(repository / "specs").revision("HEAD")
    assert "bytes; a spec may have" in str(after.read("large.yaml"))
    assert b"make build" in bytes(after.read("link.yaml"))  # type: ignore[arg-type]
