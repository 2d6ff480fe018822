"""`runner.toml`: which one counts, what it says, what is wrong with it and where."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

from runner.compiler.codes import CODES
from runner.compiler.diagnostic import Severity
from runner.compiler.renderers.text import one_line
from runner.compiler.surroundings import Settings
from runner.errors import UsageError
from runner.project.conform import settings_schema
from runner.project.load import load
from runner.project.project import Project
from runner.project.settings import Projects


def loaded(text: str, folder: str = "/p") -> Project:
    return load(folder, "runner.toml", text.encode())


def told(text: str) -> str:
    return "".join(one_line(one) + "\n" for one in loaded(text).findings)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    return tmp_path


# -- which one counts


def test_the_nearest_one_upwards(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "runner.toml").write_text("[validate]\nstrict = true\n")
    (folder / "a" / "runner.toml").write_text("")
    projects = Projects()
    assert projects.of("x.yaml").strict
    assert not projects.of("a/b/x.yaml").strict
    assert projects.of("a/b/../../x.yaml").strict
    assert [one.path for one in projects.loaded()] == ["a/runner.toml", "runner.toml"]


def test_none_above_the_top_of_the_repository(folder: Path) -> None:
    (folder / "inner" / ".git").mkdir(parents=True)
    (folder / "runner.toml").write_text("[validate]\nstrict = true\n")
    projects = Projects()
    assert not projects.of("inner/x.yaml").strict
    assert projects.loaded() == []


def test_a_named_one_counts_everywhere_and_none_nowhere(folder: Path) -> None:
    (folder / "runner.toml").write_text("[validate]\nstrict = true\n")
    (folder / "other.toml").write_text('[files]\nexclude = ["x"]\n')
    named = Projects("other.toml")
    assert named.of("a/b.yaml").exclude == ("x",)
    assert named.within("/") is named.of("a")
    assert [one.path for one in named.loaded()] == ["other.toml"]
    nothing = Projects(none=True)
    assert not nothing.of("x.yaml").strict
    assert nothing.loaded() == []
    with pytest.raises(UsageError, match="no such file"):
        Projects("absent.toml")


def test_one_that_cannot_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "runner.toml").write_text("")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("runner.project.settings._read", refuse)
    (finding,) = Projects().of("x.yaml").findings
    assert one_line(finding).startswith("1:1 error unreadable-file: the file cannot be read: permission denied")


def test_a_folder_of_that_name_is_none(folder: Path) -> None:
    (folder / "runner.toml").write_text("")
    (folder / "sub" / "runner.toml").mkdir(parents=True)
    assert Projects().of("sub/x.yaml").path == "runner.toml"


def test_a_path_far_away_is_shown_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder / "1/2/3/4/5"
    deep.mkdir(parents=True)
    (folder / "runner.toml").write_text("x = 1")
    monkeypatch.chdir(deep)
    assert Projects().of("x.yaml").path == str(folder / "runner.toml")


# -- what it says


def test_every_setting() -> None:
    project = loaded(
        """
        [checks]
        "schedule-*" = "info"
        schedule-cron = "error"
        input-unused = "off"
        [checks.options]
        owner_load = 12
        schedule_interval = "1h30m"
        [files]
        include = ["*.yaml"]
        exclude = ["drafts/"]
        [shellcheck]
        enabled = true
        exclude = ["SC2086"]
        [validate]
        strict = true
        [[overrides]]
        paths = ["examples/"]
        checks = {input-unused = "error", "secret-*" = "off"}
        [[overrides]]
        paths = ["examples/old.yaml"]
        checks.input-unused = "info"
        """
    )
    assert project.findings == ()
    base = project.settings("/p/a.yaml")
    assert base.severity["schedule-timezone"] is Severity.INFO
    assert base.severity["schedule-cron"] is Severity.ERROR
    assert base.severity["input-unused"] is None
    assert "secret-unused" not in base.severity
    assert (base.owner_load, base.schedule_interval) == (12, 5400.0)
    examples = project.settings("/p/examples/a.yaml")
    assert examples.severity["input-unused"] is Severity.ERROR
    assert examples.severity["secret-unused"] is None
    assert examples.owner_load == 12
    assert project.settings("/p/examples/old.yaml").severity["input-unused"] is Severity.INFO
    assert project.settings("/p/examples/b.yaml") is examples
    assert (project.include, project.exclude) == (("*.yaml",), ("drafts/",))
    assert (project.shellcheck, project.shellcheck_exclude, project.strict) == (True, {"SC2086"}, True)


def test_an_exact_code_counts_more_than_a_family_wherever_it_stands() -> None:
    project = loaded('[checks]\ninput-unused = "error"\n"*-unused" = "off"\n"input-*" = "info"\n')
    assert project.base.severity["input-unused"] is Severity.ERROR
    assert project.base.severity["agent-unused"] is None
    assert project.base.severity["input-default"] is Severity.INFO


def test_an_empty_file_is_as_none() -> None:
    assert loaded("").base == Settings()
    assert loaded("").findings == ()


# -- what is wrong with it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[chekcs]", "1:2 error settings-key: runner.toml has no key `chekcs` | did you mean `checks`?"),
        ("cheese = 1", "1:1 error settings-key: runner.toml has no key `cheese` | allowed here: "),
        ("[validate]\nstrikt = true", "2:1 error settings-key: `validate` has no key `strikt` | did you mean"),
        ("[validate]\nstrict = 'yes'", '2:10 error settings-value: `strict` must be true or false, but is the text "y'),
        ("[validate]\nstrict = 1", "2:10 error settings-value: `strict` must be true or false, but is the number 1"),
        ("validate = true", "1:12 error settings-value: `validate` must be a table, but is true"),
        ("[[validate]]", "1:3 error settings-value: `validate` must be a table, but is a list"),
        ('[checks]\ninput-unsed = "off"', "2:1 error settings-code: there is no check `input-unsed` | did you mean"),
        ('[checks]\ncheese = "off"', "2:1 error settings-code: there is no check `cheese` | runner explain lists"),
        ('[checks]\n"cheese-*" = "off"', "2:1 error settings-code: no check is of the family `cheese-*`"),
        (
            '[checks]\ninput-unused = "warn"',
            '2:16 error settings-value: `input-unused` must be "error", "warning", "info" or "off", but is '
            'the text "warn" | did you mean `warning`?',
        ),
        ("[checks]\ninput-unused = false", "2:16 error settings-value: `input-unused` must be "),
        ("[checks.options]\nowner_load = 0", "2:14 error settings-value: `owner_load` must be at least 1, but is the"),
        ("[checks.options]\nowner_load = 1.5", "2:14 error settings-value: `owner_load` must be a whole number"),
        ("[checks.options]\nowner_laod = 5", "2:1 error settings-key: `checks.options` has no key `owner_laod` | did"),
        (
            "[checks.options]\nschedule_interval = '5 minutes'",
            '2:21 error settings-value: `schedule_interval` must be a duration in quotes, such as "90s" or "15m"',
        ),
        ("[checks.options]\nschedule_interval = 60", "2:21 error settings-value: `schedule_interval` must be a text"),
        ("[files]\nexclude = 'x'", "2:11 error settings-value: `exclude` must be a list, but is the text"),
        ("[files]\nexclude = ['x',\n 3]", "3:2 error settings-value: item 2 of `exclude` must be a text, but is"),
        ("[files]\nexclude = ['']", "2:12 error settings-value: item 1 of `exclude` must be a text that is not empty"),
        ("[shellcheck]\nexclude = ['2086']", '2:12 error settings-value: item 1 of `exclude` must be a code such'),
        ("[[overrides]]\npaths = ['x']", "1:3 error settings-key: the key `checks` is missing here | add `checks = …`"),
        ("overrides = [{checks = {}}]", "1:14 error settings-key: the key `paths` is missing here"),
        ("overrides = [3]", "1:14 error settings-value: item 1 of `overrides` must be a table"),
        (
            "[[overrides]]\npaths = []\nchecks.inputunused = 'off'",
            "3:8 error settings-code: there is no check `inputunused` | did you mean `input-unused`?",
        ),
        ("[validate]\nstrict = 2030-01-31", "2:10 error settings-value: `strict` must be true or false, but is a date"),
        ("[validate]\nstrict = {}", "2:10 error settings-value: `strict` must be true or false, but is a table"),
        ("[validate]\nstrict = '" + "x" * 99 + "'", "but is a long text"),
        ("[validate", "1:10 error settings-syntax: this is not TOML: expected ']'"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_where_it_is(text: str, expected: str) -> None:
    found = told(text)
    assert expected in found
    assert found.count("\n") == 1


def test_what_is_right_counts_beside_what_is_wrong() -> None:
    project = loaded('[validate]\nstrict = true\nx = 1\n[checks]\ninput-unused = "off"\nagent-unused = "of"\n')
    assert len(project.findings) == 2
    assert project.strict
    assert project.base.severity == {"input-unused": None}
    assert [one.fix.replacement for one in project.findings if one.fix] == ['"off"']


def test_several_mistakes_stand_in_the_order_of_the_text() -> None:
    lines = re.findall(r"^(\d+):", told('x = 1\n[checks]\nb = "x"\na = "off"\n[valdate]\n'), re.MULTILINE)
    assert lines == ["1", "3", "4", "5"]


def test_a_file_that_is_no_toml_says_nothing() -> None:
    project = loaded("[validate]\nstrict = true\nx = \n")
    assert not project.strict
    assert [one.code for one in project.findings] == ["settings-syntax"]


# -- the schema


@pytest.mark.parametrize(
    "text",
    [
        "", "[validate]\nstrict = true", "[validate]\nstrict = 1", "[checks]\na = 'off'", "[checks]\na = 'of'",
        "[checks.options]\nowner_load = 3", "[checks.options]\nowner_load = 0", "[files]\nexclude = ['a', 1]", "x = 1",
        "[[overrides]]\npaths = []", "[[overrides]]\npaths = []\nchecks = {}", "[shellcheck]\nexclude = ['SC1']",
        "[checks.options]\nschedule_interval = '5m'", "[checks.options]\nschedule_interval = '5'", "files = []",
    ],
)  # fmt: skip
def test_the_schema_refuses_what_is_told(text: str) -> None:
    validator = jsonschema.Draft202012Validator(settings_schema())
    wrong = [one for one in loaded(text).findings if one.code != "settings-code"]
    assert validator.is_valid(tomllib.loads(text)) is not bool(wrong)


def test_the_schema_is_good_and_describes_every_key() -> None:
    schema = settings_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    def walk(inner: dict[str, object], path: str) -> None:
        for name, one in inner.get("properties", {}).items():  # type: ignore[attr-defined]
            assert one.get("description"), f"{path}{name}"
            if "properties" not in one:
                assert "examples" in one, f"{path}{name}"
            walk(one, f"{path}{name}.")

    walk(schema, "")
    for example in json.loads(json.dumps(schema["properties"]["checks"]["examples"])):
        jsonschema.validate({"checks": example}, schema)


def test_every_bound_of_the_checks_is_a_setting() -> None:
    options = settings_schema()["properties"]["checks"]["properties"]["options"]["properties"]
    assert set(options) == {field.name for field in fields(Settings)} - {"severity"}
    assert "options" not in CODES
    project = loaded(
        "[checks.options]\n" + "".join(f"{name} = {json.dumps(one['default'])}\n" for name, one in options.items())
    )
    assert project.base == Settings()
    assert project.findings == ()


def test_settings_that_are_a_link_out_of_the_project_are_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").write_text("machine example password hunter2")
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "specs").mkdir()
    monkeypatch.chdir(tmp_path / "repo")
    Path("specs/runner.toml").symlink_to("../../outside")
    found = Projects().of("specs/a.yaml")
    assert [one.message for one in found.findings] == [
        "the file cannot be read: it is a link that leads out of the project"
    ]
    assert found.text == ""
    Path("shared.toml").write_text("[shellcheck]\nenabled = true\n")
    Path("specs/runner.toml").unlink()
    Path("specs/runner.toml").symlink_to("../shared.toml")
    assert Projects().of("specs/a.yaml").shellcheck, "inside the repository a link counts"
