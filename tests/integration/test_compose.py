"""The command lines of docker-compose.yml, run here: Prefect's server on a real Postgres behind a password and CSRF
tokens, the endpoint of boxes, a worker, and the checks of their health. A gateway stands for SurrealDB's server.
"""

from __future__ import annotations

import base64
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.environ import needed
from runner.flow import server

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SECRET = f"the-secret-{uuid.uuid4().hex}"
VALUES = {
    "POSTGRES_PASSWORD": uuid.uuid4().hex,
    "PREFECT_DATABASE_PASSWORD": uuid.uuid4().hex,
    "AUTH_DATABASE_PASSWORD": uuid.uuid4().hex,
    "PREFECT_AUTH_STRING": f"runner:{uuid.uuid4().hex}",
    "RUNNER_STATE_PASSWORD": uuid.uuid4().hex,
    "RUNNER_AUDIT_API_KEY": uuid.uuid4().hex,
    "E2B_API_KEY": f"e2b_{uuid.uuid4().hex * 2}",
}
SECRETS = {**VALUES, "DEPLOY_TOKEN": SECRET}
SPEC = """
spec: 1
name: guarded
secrets: {token: {env: DEPLOY_TOKEN}}
inputs: {target: {type: string, default: here}}
steps:
  use: {env: {TOKEN: "${{ secrets.token }}"}, run: 'echo "in ${{ inputs.target }} with $TOKEN, ${#TOKEN} long"'}
"""
EXPOSED = """spec: 1
name: exposed
secrets: {token: {env: DEPLOY_TOKEN}}
inputs: {target: {type: string, default: "${{ secrets.token }}"}}
steps:
  use: {run: 'echo "${{ inputs.target }} ${{ secrets.token }}"'}
schedules:
  - {id: daily, cron: "0 9 * * *", inputs: {target: "${{ secrets.token }}"}}
"""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


@dataclass
class Place:
    """Where on this machine what the file names by hosts and folders of containers is."""

    folder: Path
    ports: dict[str, int]
    logs: list[Path] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports['prefect-server']}/api"

    def translated(self, text: str) -> str:
        """A word of the file as it is meant here: other ports, no other address than loopback, folders of the test."""
        named = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
        found = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: VALUES[match[1]], named).replace("$$", "$")
        for host, port in (("prefect-server", 4200), ("e2b", 3900), ("surrealdb", 8000), ("postgres", 5432)):
            found = re.sub(rf"\b{port}\b", str(self.ports[host]), found)
        found = re.sub(r"\b(prefect-server|surrealdb|weaviate)(?=:)", "127.0.0.1", found)
        found = re.sub(r"(?<![\w/])/(tmp|var/lib)/", f"{self.folder}/", found)
        return "127.0.0.1" if found in ("postgres", "0.0.0.0") else found

    def environment(self, service: str, **more: str) -> dict[str, str]:
        said = {key: self.translated(value) for key, value in SERVICES[service].get("environment", {}).items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**needed(os.environ), **said, "PATH": path, "HOME": str(self.folder), **more}

    def words(self, service: str) -> list[str]:
        return [self.translated(word) for word in SERVICES[service]["command"]]

    def healthy(self, service: str) -> bool:
        """What the file's check says of a service."""
        test = [self.translated(word) for word in SERVICES[service]["healthcheck"]["test"]]
        command = test[1:] if test[0] == "CMD" else ["sh", "-c", test[1]]
        env = self.environment(service, PGPORT=str(self.ports["postgres"]))
        done = subprocess.run(command, env=env, capture_output=True, timeout=30)
        return done.returncode == 0

    @contextmanager
    def serving(self, service: str, **more: str) -> Iterator[None]:
        """The service by its own command line, healthy by its own check, until the block ends."""
        log = self.folder / f"{service}.log"
        self.logs.append(log)
        with log.open("wb") as out, process_of(self.words(service), out, self.environment(service, **more)) as process:
            until(lambda: process.poll() is not None or self.healthy(service))
            assert process.poll() is None, log.read_text()
            yield


@contextmanager
def process_of(words: list[str], out: Any, env: dict[str, str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.2)


@contextmanager
def postgres(place: Place, programs: Path) -> Iterator[None]:
    """A Postgres whose administrator is called as in the image, made ready by the script that the image runs last."""
    with tempfile.TemporaryDirectory(prefix="runner-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "password").write_text(VALUES["POSTGRES_PASSWORD"])
        as_whom: dict[str, Any] = {}
        if os.geteuid() == 0:  # it refuses to be root
            nobody = pwd.getpwnam("nobody")
            as_whom = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for each in (folder, folder / "password"):
                os.chown(each, nobody.pw_uid, nobody.pw_gid)
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
        make = ["initdb", "-D", f"{folder}/data", "-U", "supabase_admin", "-A", "scram-sha-256", "--no-sync"]
        make += ["--pwfile", str(folder / "password"), "-E", "UTF8"]
        subprocess.run(
            [str(programs / make[0]), *make[1:]], env=env, cwd=folder, check=True, capture_output=True, **as_whom
        )
        words = [str(programs / "postgres"), "-D", f"{folder}/data", "-k", str(folder), "-h", "127.0.0.1"]
        words += ["-p", str(place.ports["postgres"]), "-c", "fsync=off", "-c", "log_statement=all"]
        log = place.folder / "postgres.log"
        place.logs.append(log)
        with log.open("wb") as out, process_of(words, out, env, cwd=folder, **as_whom) as process:
            until(lambda: process.poll() is not None or place.healthy("postgres"))
            ready = {**place.environment("postgres"), "PGHOST": "127.0.0.1", "PGPORT": str(place.ports["postgres"])}
            script = [str(ROOT / "scripts" / "postgres-init.sh")]
            done = subprocess.run(script, env=ready, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]) -> Iterator[Place]:
    """The stack without SurrealDB's server, Weaviate and accounts, with a project whose spec has a secret."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    program = shutil.which("postgres") or (str(found[-1]) if found else None)
    if program is None or shutil.which("psql") is None:
        missing("Postgres is not installed: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("stack")
    for name in ("prefect", "project", "e2b", "runner"):
        (folder / name).mkdir()
    (folder / "project" / "guarded.yaml").write_text(SPEC)
    (folder / "project" / "exposed.yaml").write_text(EXPOSED)
    (folder / "project" / "runner.toml").touch()
    made = Place(folder, free_ports("prefect-server", "e2b", "surrealdb", "postgres"))
    with ExitStack() as stack:
        stack.enter_context(postgres(made, Path(str(program)).resolve().parent))
        stack.enter_context(made.serving("prefect-server"))
        yield made


def free_ports(*names: str) -> dict[str, int]:
    """Not of those that the kernel gives to connections: whoever waits for a server there may meet itself."""
    ports: dict[str, int] = {}
    last = 10_000 + os.getpid() % 1_000 * 10
    for name in names:
        last = ports[name] = server.free_port(last + 1)
    return ports


@pytest.fixture(scope="module")
def stack(place: Place) -> Iterator[Place]:
    """The rest of it: boxes, the state, the worker, which has the spec's secret in its environment."""
    state = [sys.executable, "-m", "runner", "endpoint", "surreal", "--state", str(place.folder / "gateway")]
    state += ["--port", str(place.ports["surrealdb"])]
    env = place.environment("worker")
    with ExitStack() as entered:
        log = place.folder / "state.log"
        out = entered.enter_context(log.open("wb"))
        entered.enter_context(process_of(state, out, {k: v for k, v in env.items() if k != "RUNNER_STATE_URL"}))
        entered.enter_context(place.serving("e2b"))
        until(lambda: b"serving the state" in log.read_bytes())
        project = str(place.folder / "project")
        assert "1 made" in deploy(place, VALUES["PREFECT_AUTH_STRING"]).stdout
        entered.enter_context(place.serving("worker", RUNNER_PROJECT=project, DEPLOY_TOKEN=SECRET))
        yield place


def deploy(place: Place, auth: str | None, spec: str = "guarded.yaml") -> subprocess.CompletedProcess[str]:
    env = place.environment("worker", DEPLOY_TOKEN=SECRET)
    env.pop("PREFECT_API_AUTH_STRING")
    return subprocess.run(
        [sys.executable, "-m", "runner", "deploy", spec],
        cwd=place.folder / "project",
        env=env if auth is None else {**env, "PREFECT_API_AUTH_STRING": auth},
        capture_output=True,
        text=True,
        timeout=90,
    )


def ask(place: Place, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        place.api + path,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def signed(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def with_token(place: Place) -> dict[str, str]:
    """The headers that a browser sends which has signed in and fetched a token."""
    own = signed(VALUES["PREFECT_AUTH_STRING"])
    code, answer = ask(place, "/csrf-token?client=test", **own)
    assert code == 200, answer
    return {**own, "Prefect-Csrf-Token": answer["token"], "Prefect-Csrf-Client": "test"}


def test_the_server_refuses_who_has_no_password_and_pages_of_others(place: Place) -> None:
    for asked in ("/admin/version", "/csrf-token?client=test", "/work_pools/runner"):
        assert ask(place, asked)[0] == 401
        assert ask(place, asked, **signed("runner:guessed"))[0] == 401
    own, both = signed(VALUES["PREFECT_AUTH_STRING"]), with_token(place)
    token = {name: value for name, value in both.items() if name not in own}
    assert ask(place, "/flows/filter", {}, **token)[0] == 401
    code, said = ask(place, "/flows/filter", {}, **own)
    assert code == 403, "a page of another server has the browser's password, and no token"
    assert "csrf" in str(said).lower()
    assert ask(place, "/flows/filter", {}, **both) == (200, [])


def test_deploying_needs_the_password_and_says_so_without_repeating_it(place: Place) -> None:
    for wrong in (None, "runner:guessed-wrong"):
        refused = deploy(place, wrong)
        assert refused.returncode == 4, refused.stdout + refused.stderr
        assert "PREFECT_API_AUTH_STRING" in refused.stderr
        assert "guessed-wrong" not in refused.stderr
    assert ask(place, "/deployments/filter", {}, **with_token(place)) == (200, [])


def test_a_secret_in_a_parameter_a_schedule_or_a_command_is_not_deployed(place: Place) -> None:
    refused = deploy(place, VALUES["PREFECT_AUTH_STRING"], "exposed.yaml")

    assert refused.returncode == 1
    for line, code in ((4, "expression-syntax"), (6, "secret-exposed"), (8, "expression-syntax")):
        assert re.search(rf"exposed\.yaml:{line}:\d+: error\[{code}\]", refused.stderr), refused.stderr
    assert "nothing was deployed" in refused.stderr
    assert SECRET not in refused.stdout + refused.stderr
    named = {"deployments": {"name": {"any_": ["exposed"]}}}
    assert ask(place, "/deployments/filter", named, **with_token(place)) == (200, [])


def test_a_run_gets_its_secret_by_reference_and_nothing_of_it_is_kept(stack: Place) -> None:
    _, found = ask(stack, "/deployments/filter", {}, **with_token(stack))
    _, run = ask(stack, f"/deployments/{found[0]['id']}/create_flow_run", {}, **with_token(stack))

    def state() -> str:
        return str(ask(stack, f"/flow_runs/{run['id']}", **signed(VALUES["PREFECT_AUTH_STRING"]))[1]["state_type"])

    until(lambda: state() in ("COMPLETED", "FAILED", "CRASHED"))
    logs = "".join(log.read_text(errors="replace") for log in stack.logs)
    assert state() == "COMPLETED", (stack.folder / "worker.log").read_text()

    assert f"in here with ***, {len(SECRET)} long" in command(stack, "logs", "last")
    everything = {"Prefect's database": dumped(stack), "the state": command(stack, "state", "export"), "logs": logs}
    told = {name: '"token"' in text or "guarded" in text for name, text in everything.items()}
    assert all(told.values()), f"they were looked at: {told}"
    leaks = [(name, kept) for kept, text in everything.items() for name, value in SECRETS.items() if value in text]
    assert not leaks


def dumped(place: Place) -> str:
    """All that Prefect's server has written down."""
    env = {**os.environ, "PGPASSWORD": VALUES["PREFECT_DATABASE_PASSWORD"]}
    words = ["pg_dump", "-h", "127.0.0.1", "-p", str(place.ports["postgres"]), "-U", "prefect", "--inserts", "prefect"]
    return subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout


def command(place: Place, *words: str) -> str:
    """What a command of runner prints in the worker's environment."""
    done = subprocess.run(
        [sys.executable, "-m", "runner", *words],
        env=place.environment("worker"),
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
