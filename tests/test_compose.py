"""docker-compose.yml, its Dockerfile and its .env.example hold together, and open nothing that is not meant.

This looks at the texts, without a container engine. tests/integration/test_compose.py runs the command lines.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.flow import server

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
STACK: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
#: The one service that is root, has no network and ends: it gives volumes to their users.
ONCE = "volumes"
OURS = {"volumes", "prefect-server", "e2b", "worker"}
LASTING = sorted(SERVICES.keys() - {ONCE})
#: Go's caches as the machine has them: a test's own home folder has none.
OUTER = {name: value for name, value in os.environ.items() if name.startswith("GO") or name in ("PATH", "HOME", "LANG")}
COMPOSE_GO = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"


def locked(package: str) -> str:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    return next(str(one["version"]) for one in lock["package"] if one["name"] == package)


def environment_file() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def variables() -> set[str]:
    text = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    return set(re.findall(r"(?<!\$)\$\{(\w+)", text))


def filled() -> dict[str, str]:
    """The environment that the line in .env.example makes of it."""
    line = next(line for line in (ROOT / ".env.example").read_text().splitlines() if line.startswith("#   (umask"))
    command = line.removeprefix("#   ").replace(">.env", "")
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(row.split("=", 1) for row in done.stdout.splitlines() if row and not row.startswith("#"))


def has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


def test_what_the_specification_of_compose_says_of_the_file() -> None:
    """By `docker compose config` where it is, else by the loader that it is made of, which Go builds."""
    if has_compose():
        command = ["docker", "compose", "--profile", "*", "config", "--format", "json"]
    elif shutil.which("go"):
        # By itself this loader heeds no environment: names stay as they are written.
        command = ["go", "run", COMPOSE_GO, "-no-interpolation", "-format", "json", "docker-compose.yml"]
    else:
        pytest.skip("neither `docker compose` nor Go is here: the file is checked by the assertions below alone")
    done = subprocess.run(command, cwd=ROOT, env={**OUTER, **filled()}, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"].keys() == SERVICES.keys()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned_to_one_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+(\.\d+)?", tag), SERVICES[name]["image"]


@pytest.mark.parametrize("name", LASTING)
def test_every_service_that_lasts_tells_whether_it_is_well_and_comes_back(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["pids_limit"] > 0
    assert not {"privileged", "devices", "pid", "ipc", "userns_mode"} & service.keys()
    if name == ONCE:
        assert (service["cap_add"], service["network_mode"], service["restart"]) == (["CHOWN"], "none", "no")
        assert not {"environment", "env_file", "ports"} & service.keys()
    else:
        assert "cap_add" not in service
        assert service["user"] == "postgres" or re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])


def test_only_the_service_that_makes_boxes_has_the_kernels_doors_open() -> None:
    open_ = {name for name, one in SERVICES.items() if any("unconfined" in word for word in one["security_opt"])}
    assert open_ == {"e2b"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_published_to_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_the_databases_of_prefect_are_out_of_reach_of_workers_and_boxes() -> None:
    assert STACK["networks"]["database"]["internal"] is True
    inside = {name for name, one in SERVICES.items() if "database" in one.get("networks", [])}
    assert inside == {"postgres", "prefect-server", "auth"}
    assert SERVICES["postgres"]["networks"] == ["database"]


def test_who_waits_for_whom_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other == ONCE else None
            assert wanted is None or how["condition"] == wanted, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (name, other)
    # A named volume is root's until `volumes` has run, but where the image has the folder: Postgres's.
    for name, service in SERVICES.items():
        named = [one for one in service.get("volumes", []) if one.split(":")[0] in STACK["volumes"]]
        if named and name not in (ONCE, "postgres"):
            assert ONCE in service["depends_on"], name
            assert all(one.split(":")[0] in " ".join(SERVICES[ONCE]["volumes"]) for one in named)


def test_every_secret_comes_from_the_environment_and_each_name_is_in_the_example() -> None:
    assert variables() == environment_file().keys()
    secret = re.compile(r"(PASS|PASSWORD|SECRET|AUTH_STRING|API_KEY|ALLOWED_KEYS|DATABASE_URL)$")
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if secret.search(key):
                assert re.search(r"\$\{\w+:\?see \.env\.example\}", value), f"{name}: {key} is written out"
        words = json.dumps([service.get("command"), service.get("healthcheck")])
        assert not {one for one in variables() if f"${{{one}" in words}, f"{name}: arguments can be seen by everybody"


def test_the_example_has_no_secret_and_the_line_in_it_makes_one_of_its_own_for_each() -> None:
    first, second = filled(), filled()
    assert "change-me" not in "".join(first.values())
    for name, value in environment_file().items():
        if "change-me" in value:
            assert first[name] != second[name]
            assert re.fullmatch(value.replace("change-me", "[0-9a-f]{48}"), first[name])
        else:
            assert first[name] == second[name] == value
            # What the file takes without the name is what the example says.
            assert f"${{{name}:-{value}}}" in TEXT
    assert len(set(first.values())) == len(first)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "secrets.env"} <= set(ignored)


def test_the_servers_are_those_that_the_tests_run() -> None:
    image = dict(one["image"].split(":") for one in SERVICES.values())
    weaviate = re.search(r"^VERSION=(.*)$", (ROOT / "scripts" / "weaviate.sh").read_text(), re.MULTILINE)
    assert weaviate is not None
    assert image["semitechnologies/weaviate"] == weaviate[1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert image["runner"] == project["version"]
    assert {name for name, one in SERVICES.items() if one["image"].startswith("runner:")} == OURS
    # The engine in the SDK of this version is SurrealDB 2.3.10.
    assert (locked("surrealdb"), image["surrealdb/surrealdb"]) == ("2.0.0", "v2.3.10")


def test_prefects_server_is_tuned_and_closed_as_runner_up_makes_it(tmp_path: Path) -> None:
    here: Mapping[str, str] = SERVICES["prefect-server"]["environment"]
    usual = server.environment(tmp_path, 4200, {})
    elsewhere = {"PREFECT_HOME", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_URL"}
    bound = {"PREFECT_SERVER_API_HOST", "PREFECT_SERVER_API_PORT"}
    assert {key: here.get(key) for key in usual.keys() - elsewhere - bound} == {
        key: value for key, value in usual.items() if key not in elsewhere | bound
    }
    assert here["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert here["PREFECT_SERVER_API_AUTH_STRING"] == SERVICES["worker"]["environment"]["PREFECT_API_AUTH_STRING"]


def test_the_image_is_of_the_lock_file_pinned_and_not_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    stages = [line.split() for line in text.splitlines() if line.startswith("FROM ")]
    names = {words[3] for words in stages}
    for words in stages:
        assert words[1] in names or re.fullmatch(r"[\w/]+:\d+\.\d+(\.\d+)?-[\w-]+", words[1]), words[1]
    installs = [line for line in text.splitlines() if "uv sync" in line]
    assert installs
    assert all("--frozen" in line and "--no-dev" in line for line in installs)
    uv = re.search(r"^UV_VERSION=(.*)$", (ROOT / "scripts" / "bootstrap.sh").read_text(), re.MULTILINE)
    assert uv is not None
    assert f"uv=={uv[1]}\n" in text
    for stage in ("runner", "browser"):
        body = text.split(f" AS {stage}\n")[1].split("\nFROM ")[0]
        assert re.findall(r"^USER (.*)$", body, re.MULTILINE)[-1] == SERVICES["worker"]["user"] == "10001:10001"
    assert not re.search(r"^(ARG|ENV) .*(PASSWORD|SECRET|TOKEN|KEY)", text, re.MULTILINE)


def test_the_image_gets_all_that_the_wheel_is_made_of_and_no_secret() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], "README.md", "LICENSE", "uv.lock", "pyproject.toml"}
    text = (ROOT / "Dockerfile").read_text()
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for word in line.split()}
    assert needed <= copied
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert rules[0] == "*", "what is not named stays outside"
    assert {rule[2:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / each).exists() for each in copied)
