"""Templates of the embedded endpoint, built with the genuine SDK's builder: steps, files, cache, tags, commands."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from e2b import (
    AsyncSandbox,
    AsyncSecret,
    AsyncTemplate,
    AsyncVolume,
    BuildException,
    Sandbox,
    Template,
    wait_for_file,
)
from e2b.exceptions import NotFoundException, SandboxException, TemplateException
from e2b.template.logger import LogEntry

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def where(embedded_e2b: Endpoint) -> dict[str, Any]:
    return _where(embedded_e2b)


def _where(endpoint: Endpoint) -> dict[str, Any]:
    return {"api_url": endpoint.api_url, "sandbox_url": endpoint.sandbox_url, "api_key": endpoint.api_key}


@pytest.fixture
def api(embedded_e2b: Endpoint) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=embedded_e2b.api_url, headers={"X-API-KEY": embedded_e2b.api_key}) as client:
        yield client


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder to build from."""
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "app" / "main.py").write_text("print('from app')")
    (tmp_path / "app" / "sub" / "deep.txt").write_text("deep")
    (tmp_path / "app" / "link").symlink_to("main.py")
    return tmp_path


def _name() -> str:
    return f"test-{uuid4()}"


def _run(template: str, command: str, where: dict[str, Any], **how: Any) -> str:
    box = Sandbox.create(template, timeout=60, **where)
    try:
        return box.commands.run(command, **how).stdout.strip()
    finally:
        box.kill()


def test_steps_change_files_environment_folder_and_user(where: dict[str, Any], files: Path) -> None:
    name, logs = _name(), list[LogEntry]()
    # Where the endpoint is not started by root, a box's root is its user, and what the host has in /usr stays as it is.
    roots = "/usr/local/bin/x" if os.getuid() == 0 else "/srv/x"
    template = (
        Template(file_context_path=files)
        .from_base_image()
        .run_cmd("echo by $(id -un) in $PWD > note")
        .run_cmd([f"touch {roots}", "echo two"], user="root")
        .set_envs({"GREETING": "hi", "WHO": "me: $PATH"})
        .set_workdir("/app/work")
        .copy("one.txt", "renamed.txt", mode=0o600)
        .copy("one.txt", "/opt/new/folder/")
        .copy("app", "code")
        .copy("app/*.py", "only", user="root")
        .make_dir(["a/b", "c"], mode=0o700)
        .make_symlink("renamed.txt", "alias")
        .rename("c", "d")
        .remove("a", recursive=True)
        .run_cmd("echo $GREETING > greeting")
    )
    built = Template.build(template, name, cpu_count=1, memory_mb=512, on_build_logs=logs.append, **where)
    assert built.name == name
    box = Sandbox.create(name, timeout=60, **where)
    try:
        said = box.commands.run(
            "pwd; cat ~/note renamed.txt greeting code/sub/deep.txt /opt/new/folder/one.txt alias; echo;"
            " stat -c '%a %U' renamed.txt; ls only code; readlink code/link; ls -d d a 2>&1; echo $GREETING;"
            f" ls {roots}"
        ).stdout
        info = box.get_info()
    finally:
        box.kill()
    assert said.splitlines() == [
        "/app/work", "by user in /home/user", "onehi", "deeponeone", "600 user",
        "code:", "link", "main.py", "sub", "", "only:", "main.py", "main.py",
        "ls: cannot access 'a': No such file or directory", "d", "hi", roots,
    ]  # fmt: skip
    assert (info.template_id, info.memory_mb) == (built.template_id, 512)
    assert [each.message for each in logs if each.message == "two"] == ["two"]


def test_a_failed_step_tells_its_own_words_and_place_and_leaves_no_template(where: dict[str, Any]) -> None:
    name = _name()
    template = (
        Template().from_base_image().run_cmd("true")
        .run_cmd("echo the reason >&2; exit 3")
    )  # fmt: skip
    with pytest.raises(BuildException, match=r"exit status 3: the reason") as caught:
        Template.build(template, name, **where)
    assert "exit 3" in "".join(traceback.format_tb(caught.tb))
    with pytest.raises((SandboxException, NotFoundException), match="not found"):
        Sandbox.create(name, **where)


def test_work_that_was_done_is_not_done_twice_unless_asked(where: dict[str, Any], files: Path) -> None:
    def build(text: str, *, skip: bool = False) -> list[str]:
        (files / "one.txt").write_text(text)
        begun = Template(file_context_path=files).from_base_image().run_cmd("date +%N > ~/when")
        template = (begun.skip_cache() if skip else begun).copy("one.txt", "/srv/").run_cmd("true")
        said: list[str] = []
        Template.build(template, "cache-test", on_build_logs=lambda each: said.append(each.message), **where)
        return [each.partition("[")[0].strip() for each in said if "] RUN" in each or "] COPY" in each]

    assert build("first") == ["", "", ""]
    when = _run("cache-test", "cat ~/when", where)
    assert build("first") == ["CACHED", "CACHED", "CACHED"]
    assert build("second") == ["CACHED", "", ""]
    assert _run("cache-test", "cat ~/when; cat /srv/one.txt", where) == f"{when}\nsecond"
    assert build("second", skip=True) == ["CACHED", "", ""]


def test_templates_build_on_templates_and_tags_name_builds(where: dict[str, Any]) -> None:
    base, name = _name(), _name()
    Template.build(Template().from_base_image().run_cmd("echo 1 > ~/v").set_envs({"A": "1"}), base, **where)
    Template.build(Template().from_template(base).run_cmd("echo 2 >> ~/v"), f"{name}:v1", **where)
    Template.build(Template().from_template(f"{name}:v1").run_cmd("echo 3 >> ~/v"), name, tags=["v2"], **where)
    assert _run(f"{name}:v1", "cat v; echo $A", where).split() == ["1", "2", "1"]
    assert _run(f"{name}:v2", "cat v", where).split() == ["1", "2", "3"]
    with pytest.raises((SandboxException, NotFoundException), match="not found"):
        Sandbox.create(name, **where)  # no build has the tag `default`
    told = Template.assign_tags(f"{name}:v1", [f"{name}:default", f"{name}:stable"], **where)
    assert told.tags == [f"{name}:default", f"{name}:stable"]
    assert _run(name, "cat v", where).split() == ["1", "2"]
    tags = {each.tag: each.build_id for each in Template.get_tags(name, **where)}
    assert sorted(tags) == ["default", "stable", "v1", "v2"]
    assert tags["v1"] == tags["stable"] == told.build_id != tags["v2"]
    Template.remove_tags(name, "stable", **where)
    with pytest.raises(TemplateException, match="no tag 'stable'"):
        Template.remove_tags(name, "stable", **where)
    assert Template.exists(name, **where) is True
    assert Template.exists(_name(), **where) is False


def test_a_start_command_runs_in_every_box_before_it_is_handed_over(where: dict[str, Any]) -> None:
    name = _name()
    template = (
        Template().from_base_image().set_workdir("/srv/www").set_envs({"SAY": "ready"})
        .set_start_cmd("sleep 0.3; echo $SAY > /tmp/up; exec sleep 60", wait_for_file("/tmp/up"))
    )  # fmt: skip
    Template.build(template, name, **where)
    said = _run(name, "cat /tmp/up; grep -lx 'Name:.sleep' /proc/[0-9]*/status | wc -l", where)
    assert said.split() == ["ready", "1"]


def test_a_start_command_that_fails_fails_the_build(where: dict[str, Any]) -> None:
    template = Template().from_base_image().set_start_cmd("echo no such thing >&2; exit 7", wait_for_file("/tmp/never"))
    with pytest.raises(BuildException, match=r"exit code 7: no such thing"):
        Template.build(template, _name(), **where)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (Template().from_image("alpine:3.20"), "nothing is fetched from a registry; .* builds upon e2bdev/base"),
        (Template().from_image("python:2.7"), "nothing is fetched from a registry"),
        (Template().from_image("registry.example.com/x", username="u", password="p"), "is in a registry"),
        (Template().from_template("no-such-template"), "base template 'no-such-template' not found; there are: .*base"),
        (Template().from_base_image().set_user("; exit 1"), "cannot be a user's name"),
        (Template().from_base_image().run_cmd("true", user="nobody-here"), "invalid username: 'nobody-here'"),
        (Template().from_base_image().git_clone("https://example.com/a.git"), r"128: [^$]*resolve[^$]*--egress"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_why(where: dict[str, Any], template: Any, words: str) -> None:
    with pytest.raises(BuildException, match=words):
        Template.build(template, _name(), **where)


def test_a_dockerfile_is_built(where: dict[str, Any], files: Path) -> None:
    name = _name()
    maker = "maker" if os.getuid() == 0 else "user"  # boxes of an ordinary person's endpoint have one user
    text = (
        "FROM debian:bookworm\nARG LEVEL=7\nENV TOP=/srv LEVEL=$LEVEL\nWORKDIR /srv\nCOPY one.txt app/ ./\n"
        f"RUN id {maker} || useradd -m {maker}; echo made > made\nUSER {maker}\nRUN whoami > ~/who\n"
    )
    Template.build(Template(file_context_path=files).from_dockerfile(text), name, **where)
    said = _run(name, "pwd; ls; whoami; cat ~/who; echo $TOP $LEVEL", where).split()
    assert said == ["/srv", "link", "made", "main.py", "one.txt", "sub", maker, maker, "/srv", "7"]


def test_what_pip_installs_for_all_is_there_for_all(where: dict[str, Any], files: Path) -> None:
    wheel = _wheel(files)
    name = _name()
    template = Template(file_context_path=files).from_base_image().copy(wheel, "/srv/").pip_install(f"/srv/{wheel}")
    Template.build(template, name, **where)
    assert _run(name, "greet; python -c 'import greet; greet.main()'", where).split() == ["hello", "hello"]


def _wheel(folder: Path) -> str:
    """A package as small as can be, built by nobody."""
    files = {
        "greet.py": "def main():\n    print('hello')\n",
        "greet-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n",
        "greet-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "greet-1.0.dist-info/entry_points.txt": "[console_scripts]\ngreet = greet:main\n",
    }
    files["greet-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    name = "greet-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w") as archive:
        for place, text in files.items():
            archive.writestr(place, text)
    return name


def test_templates_are_listed_shown_changed_and_deleted(where: dict[str, Any], api: httpx.Client) -> None:
    name = _name()
    built = Template.build(Template().from_base_image().run_cmd("true"), name, cpu_count=1, memory_mb=256, **where)
    Sandbox.create(name, timeout=60, **where).kill()
    [told] = [each for each in api.get("/templates").json() if each["templateID"] == built.template_id]
    assert (told["names"], told["cpuCount"], told["memoryMB"]) == ([name], 1, 256)
    assert (told["buildStatus"], told["spawnCount"], told["buildCount"]) == ("ready", 1, 1)
    shown = api.get(f"/templates/{name}").json()
    assert [(each["buildID"], each["status"]) for each in shown["builds"]] == [(built.build_id, "ready")]
    assert api.get(f"/templates/aliases/{name}").json() == {"templateID": built.template_id, "public": False}
    assert api.patch(f"/v2/templates/{name}", json={"public": True}).json() == {"names": [name]}
    assert api.get(f"/templates/aliases/{name}").json()["public"] is True
    assert {"base"} <= {each["templateID"] for each in api.get("/default-templates").json()}
    lines = api.get(f"/templates/{name}/builds/{built.build_id}/logs").json()["logs"]
    backward = api.get(f"/templates/{name}/builds/{built.build_id}/logs?direction=backward&limit=1").json()["logs"]
    assert backward == lines[-1:]
    box = Sandbox.create(name, timeout=60, **where)
    try:
        assert api.delete(f"/templates/{name}").status_code == 204
        assert box.commands.run("cat /etc/hostname").stdout == "box\n"  # boxes made of it go on
    finally:
        box.kill()
    assert api.delete(f"/templates/{name}").status_code == 404
    assert api.get(f"/templates/{name}").status_code == 404
    assert api.delete("/templates/base").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "UPPER CASE"},
        {"name": "base"},
        {"name": "x", "cpuCount": 0},
        {"name": "x", "memoryMB": 129},
        {"name": "x", "tags": [1]},
    ],
)
def test_a_wish_that_cannot_be_is_refused(api: httpx.Client, body: dict[str, Any]) -> None:
    answer = api.post("/v3/templates", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_an_upload_goes_only_where_its_address_says(where: dict[str, Any], api: httpx.Client) -> None:
    asked = api.post("/v3/templates", json={"name": _name()}).json()
    place = f"/templates/{asked['templateID']}/files/{'a' * 64}"
    told = api.get(place).json()
    assert told["present"] is False
    with httpx.Client() as anybody:
        assert anybody.put(told["url"].replace("a" * 64, "b" * 64), content=b"x").status_code == 403
        assert anybody.put(told["url"].replace("expires=", "expires=9"), content=b"x").status_code == 403
        assert anybody.put(f"{where['api_url']}{place}", content=b"x").status_code == 403
        assert api.get(place).json()["present"] is False
        assert anybody.put(told["url"], content=b"x").status_code == 200
    assert api.get(place).json()["present"] is True
    assert api.get(f"/templates/{asked['templateID']}/files/..%2Fx").status_code in (400, 404)


def test_a_running_build_is_seen_but_not_its_box_and_ends_with_its_template(
    where: dict[str, Any], api: httpx.Client
) -> None:
    template = Template().from_base_image().run_cmd("echo begun; sleep 50")
    info = Template.build_in_background(template, _name(), **where)
    for _ in range(200):
        status = Template.get_build_status(info, **where)
        if [each for each in status.log_entries if each.message == "begun"]:
            break
        time.sleep(0.05)
    assert status.status.value == "building"
    boxes = api.get("/v2/sandboxes").json()
    assert not [each for each in boxes if each["templateID"] == info.template_id]
    begun = time.monotonic()
    assert api.delete(f"/templates/{info.template_id}").status_code == 204
    assert time.monotonic() - begun < 20
    with pytest.raises(BuildException, match="not found"):
        Template.get_build_status(info, **where)


def test_templates_volumes_and_secrets_survive_a_restart_of_a_kept_endpoint(tmp_path: Path) -> None:
    settings = Settings(folder=str(tmp_path), keep=True)
    name = _name()

    async def first() -> str:
        async with launch(settings) as endpoint:
            template = AsyncTemplate().from_base_image().run_cmd("echo kept > ~/file").set_envs({"A": "b"})
            await AsyncTemplate.build(template, name, **_where(endpoint))
            control = {"api_url": endpoint.api_url, "api_key": endpoint.api_key}
            volume = await AsyncVolume.create(name, **control)
            await volume.write_file("/file", "kept too", api_url=endpoint.api_url)
            await AsyncSecret.create(name, "hidden", **control)
            return endpoint.api_key

    async def second(key: str) -> None:
        async with launch(settings) as endpoint:
            where = {**_where(endpoint), "api_key": key}
            box = await AsyncSandbox.create(name, timeout=60, volume_mounts={"/mnt/v": name}, **where)
            try:
                said = (await box.commands.run("cat file; echo $A; cat /mnt/v/file")).stdout
                assert said.split() == ["kept", "b", "kept", "too"]
                assert (await AsyncSecret.get_info(name, api_url=endpoint.api_url, api_key=key)).version == 1
            finally:
                await box.kill()
            said: list[str] = []
            template = AsyncTemplate().from_base_image().run_cmd("echo kept > ~/file")
            await AsyncTemplate.build(template, name, on_build_logs=lambda each: said.append(each.message), **where)
            assert [each for each in said if each.startswith("CACHED [1] RUN")]

    asyncio.run(second(asyncio.run(first())))


def test_the_javascript_sdk_builds_mounts_and_hides(
    embedded_e2b: Endpoint, npm_tools: Callable[[str], Path], sdk_node: str, files: Path
) -> None:
    program = Path(__file__).parents[1] / "tools" / "e2b-js" / "holdings.mjs"
    done = subprocess.run(
        [sdk_node, str(program), str(npm_tools("e2b-js")), str(files)],
        env={"PATH": os.environ["PATH"], **embedded_e2b.exports()},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr
