"""The way out of boxes: real programs in real boxes, a bait server on this machine, the genuine SDK for the rules."""

from __future__ import annotations

import asyncio
import http.server
import io
import shlex
import socketserver
import subprocess
import tarfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from e2b import ALL_TRAFFIC, AsyncSandbox, CommandExitException
from e2b.exceptions import SandboxException

from runner.embedded.e2b.launch import Endpoint, launch
from runner.embedded.e2b.settings import Settings
from runner.errors import SandboxMissing

pytestmark = pytest.mark.integration
#: Loopback, but not the address that programs in a box take for their own.
HOST = "127.0.0.2"
Body = Callable[[AsyncSandbox], Awaitable[None]]


class Bait(http.server.SimpleHTTPRequestHandler):
    """Serves a folder of packages and repositories."""

    folder: ClassVar[str] = ""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, directory=self.folder, **more)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`HOST:PORT` of a web server with a page, a Python package, an npm package and a git repository."""
    folder = tmp_path_factory.mktemp("bait")
    (folder / "page.txt").write_text("the outside\n")
    (folder / "tiny-1.0.tar.gz").write_bytes(_archive({"package/package.json": '{"name":"tiny","version":"1.0.0"}'}))
    _wheel(folder / "simple" / "tiny")
    work = folder / "work"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "from outside"]):
        work.mkdir(exist_ok=True)
        subprocess.run([*git, *words], cwd=work, check=True)
    subprocess.run([*git, "clone", "-q", "--bare", str(work), str(folder / "repo.git")], check=True)
    subprocess.run([*git, "update-server-info"], cwd=folder / "repo.git", check=True)
    Bait.folder = str(folder)
    with socketserver.ThreadingTCPServer((HOST, 0), Bait) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"{HOST}:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _archive(files: dict[str, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return raw.getvalue()


def _wheel(folder: Path) -> None:
    import zipfile

    folder.mkdir(parents=True)
    about = "tiny-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "word = 'from outside'\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


@pytest.fixture(scope="module")
def open_endpoint(missing: Callable[[str], None]) -> Iterator[Endpoint]:
    """An endpoint whose boxes may reach the outside, and this machine, where the bait is."""
    with asyncio.Runner() as runner:
        serving = launch(Settings(egress=True, allow_private=True))
        try:
            endpoint = runner.run(serving.__aenter__())
        except SandboxMissing as error:
            missing(f"{error} {error.hint}")
        yield endpoint
        runner.run(serving.__aexit__(None, None, None))


def _where(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "api_url": endpoint.api_url,
        "sandbox_url": endpoint.sandbox_url,
        "api_key": endpoint.api_key,
        "retries": 0,
    }


def _in_box(endpoint: Endpoint, body: Body, **more: Any) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=120, **_where(endpoint), **more)
        try:
            await body(box)
        finally:
            await box.kill()

    asyncio.run(go())


async def _fails(box: AsyncSandbox, command: str) -> str:
    with pytest.raises(CommandExitException) as caught:
        await box.commands.run(command)
    return caught.value.stdout + caught.value.stderr


def test_programs_reach_the_outside_through_the_proxy(open_endpoint: Endpoint, bait: str) -> None:
    async def body(box: AsyncSandbox) -> None:
        get = "import urllib.request as u; print(u.urlopen('http://{}/page.txt').read().decode(), end='')"
        for command in (
            f"curl -sS http://{bait}/page.txt",
            f"curl -sS --proxytunnel http://{bait}/page.txt",
            f"curl -sS --proxy socks5h://127.0.0.1:3128 http://{bait}/page.txt",
            f"python3 -c {shlex.quote(get.format(bait))}",
        ):
            assert (await box.commands.run(command)).stdout == "the outside\n", command
        await box.commands.run("python3 -m http.server 8080", background=True, timeout=0)
        inside = "until curl -sS -o /dev/null http://localhost:8080/; do sleep 0.1; done; echo inside"
        assert (await box.commands.run(inside)).stdout == "inside\n", "the box itself is not asked of the proxy"

    _in_box(open_endpoint, body)


def test_package_managers_and_git_work(open_endpoint: Endpoint, bait: str) -> None:
    async def body(box: AsyncSandbox) -> None:
        index = f"--disable-pip-version-check --trusted-host {HOST} -i http://{bait}/simple"
        await box.commands.run(
            f"pip install -q {index} --target lib tiny && PYTHONPATH=lib python3 -c 'import tiny; print(tiny.word)'"
        )
        await box.commands.run(f"git clone -q http://{bait}/repo.git repo")
        assert "from outside" in (await box.commands.run("git -C repo log --format=%s")).stdout
        if (await box.commands.run("command -v npm || true")).stdout:
            await box.commands.run(f"npm install --no-audit --no-fund --loglevel error http://{bait}/tiny-1.0.tar.gz")
            assert '"tiny"' in (await box.commands.run("cat node_modules/tiny/package.json")).stdout

    _in_box(open_endpoint, body)


def test_rules_are_kept_and_can_be_changed_while_the_box_runs(open_endpoint: Endpoint, bait: str) -> None:
    host, _, port = bait.partition(":")

    async def body(box: AsyncSandbox) -> None:
        get = f"curl -sS -f http://{bait}/page.txt"
        assert "403" in await _fails(box, get)
        sentence = (await box.commands.run(f"curl -sS http://{bait}/page.txt")).stdout
        assert sentence.startswith(f"this box may not reach {bait}: deny_out has 0.0.0.0/0")
        await box.update_network({"allow_out": [f"{host}:{port}"], "deny_out": [ALL_TRAFFIC]})
        assert (await box.commands.run(get)).stdout == "the outside\n"
        info = await box.get_info()
        assert info.network is not None
        assert info.network.get("allow_out") == [f"{host}:{port}"]
        assert info.allow_internet_access is True
        fields = {"X-API-KEY": open_endpoint.api_key}
        async with httpx.AsyncClient(headers=fields) as client:
            detail = (await client.get(f"{open_endpoint.api_url}/sandboxes/{box.sandbox_id}")).json()
        assert detail["egress"]["received"] > len("the outside\n")
        assert detail["egress"]["refused"] == 2
        await box.update_network({"allow_out": [f"{host}:1"], "deny_out": [ALL_TRAFFIC]})
        assert "403" in await _fails(box, get)
        await box.update_network({})
        assert (await box.commands.run(get)).stdout == "the outside\n"
        await box.update_network({"allow_internet_access": False})
        assert "allow_internet_access=False" in (await box.commands.run(f"curl -sS http://{bait}/page.txt")).stdout

    _in_box(open_endpoint, body, network={"deny_out": [ALL_TRAFFIC]})


def test_a_rule_that_cannot_be_is_refused_as_the_hosted_service_does(open_endpoint: Endpoint) -> None:
    async def go() -> None:
        with pytest.raises(SandboxException, match="must include 'ALL_TRAFFIC' in deny out") as caught:
            await AsyncSandbox.create(network={"allow_out": ["example.com"]}, **_where(open_endpoint))
        assert caught.value.status_code == 400
        with pytest.raises(SandboxException, match=r"invalid denied CIDR example\.com"):
            await AsyncSandbox.create(network={"deny_out": ["example.com"]}, **_where(open_endpoint))

    asyncio.run(go())


def test_without_leave_this_machine_is_never_reached(bait: str) -> None:
    async def go() -> None:
        async with launch(Settings(egress=True)) as endpoint:
            box = await AsyncSandbox.create(network={"allow_out": [HOST]}, **_where(endpoint))
            said = (await box.commands.run(f"curl -sS http://{bait}/page.txt")).stdout
            assert "is an address of this machine or of a private network" in said
            port = endpoint.api_url.rpartition(":")[2]
            for host in ("127.0.0.3", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254"):
                said = await _fails(box, f"curl -sS -f --noproxy '' http://{host}:{port}/health")
                assert "403" in said, host

    asyncio.run(go())


def test_by_default_there_is_no_way_out(embedded_e2b: Endpoint, bait: str) -> None:
    async def body(box: AsyncSandbox) -> None:
        assert (await box.get_info()).allow_internet_access is False
        assert "proxy" not in (await box.commands.run("env")).stdout.lower()
        await _fails(box, f"curl -sS --max-time 5 http://{bait}/page.txt")
        await _fails(box, "bash -c '</dev/tcp/127.0.0.1/3128'")

    _in_box(embedded_e2b, body)


_SERVER = """
import http.server as h, ssl, sys
class H(h.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(self.headers).encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
s = h.HTTPServer(('127.0.0.1', int(sys.argv[1])), H)
if len(sys.argv) > 2:
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain(sys.argv[2])
    s.socket = c.wrap_socket(s.socket, server_side=True)
print('up', flush=True)
s.serve_forever()
"""


async def _serve(box: AsyncSandbox, *words: str) -> None:
    up = asyncio.Event()
    await box.files.write("server.py", _SERVER)
    await box.commands.run(
        shlex.join(["python3", "server.py", *words]), background=True, timeout=0, on_stdout=lambda _: up.set()
    )
    await asyncio.wait_for(up.wait(), 10)


def test_a_box_that_is_not_public_wants_its_token_and_a_mask_is_what_servers_see(embedded_e2b: Endpoint) -> None:
    async def body(box: AsyncSandbox) -> None:
        await _serve(box, "9003")
        url = f"{embedded_e2b.url(box.sandbox_id, 9003)}/"
        name = "e2b-traffic-access-token"
        async with httpx.AsyncClient() as client:
            bare, wrong = (await client.get(url), await client.get(url, headers={name: "x"}))
            assert (bare.status_code, wrong.status_code) == (403, 403)
            assert "is missing" in bare.json()["message"]
            assert "is invalid" in wrong.json()["message"]
            assert box.traffic_access_token is not None
            seen = await client.get(url, headers={name: box.traffic_access_token, "X-Mine": "kept"})
        assert seen.status_code == 200
        assert "Host: 9003-mine.example.com" in seen.text
        assert "X-Mine: kept" in seen.text
        assert box.traffic_access_token not in seen.text
        assert (await box.commands.run("echo the agent needs it not")).exit_code == 0
        again = await AsyncSandbox.connect(box.sandbox_id, **_where(embedded_e2b))
        assert again.traffic_access_token == box.traffic_access_token

    _in_box(
        embedded_e2b, body, network={"allow_public_traffic": False, "mask_request_host": "${PORT}-mine.example.com"}
    )


def test_a_server_in_a_box_may_speak_tls_itself(embedded_e2b: Endpoint, tmp_path: Path) -> None:
    from runner.embedded.e2b.front.certificates import Authority

    authority = Authority(tmp_path)
    authority.context()

    async def body(box: AsyncSandbox) -> None:
        await box.files.write("leaf.pem", (tmp_path / "leaf.pem").read_bytes())
        await _serve(box, "9004", "leaf.pem")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{embedded_e2b.url(box.sandbox_id, 9004)}/")).status_code == 200

    _in_box(embedded_e2b, body, network={"https_ports": [9004]})
