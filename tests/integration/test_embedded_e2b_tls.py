"""The embedded endpoint as the hosted service is reached: by names, over TLS, by the genuine SDK and by a browser."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from e2b import AsyncSandbox, Sandbox
from websockets.asyncio.client import connect

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration
PAGE = "<!doctype html><title>in a box</title><body style='background:#0a0'><h1 id=h>served by a box</h1>"


_PROGRAM = """
import asyncio
from e2b import AsyncSandbox, Sandbox
with Sandbox.create() as box:
    print(box.commands.run("echo sync").stdout, end="")
async def go():
    async with await AsyncSandbox.create() as box:
        print((await box.commands.run("echo async")).stdout, end="")
asyncio.run(go())
"""


def test_a_program_needs_only_what_is_exported(secured_e2b: Endpoint) -> None:
    assert set(secured_e2b.exports()) == {"E2B_DOMAIN", "SSL_CERT_FILE", "E2B_API_KEY"}
    env = {"PATH": os.environ["PATH"], **secured_e2b.exports()}
    done = subprocess.run([sys.executable, "-c", _PROGRAM], env=env, capture_output=True, text=True, timeout=50)
    assert done.stdout == "sync\nasync\n", done.stderr


def test_files_and_signed_addresses_by_name(named_e2b: Endpoint) -> None:
    with Sandbox.create(timeout=60) as box:
        assert box.envd_api_url == f"https://49983-{box.sandbox_id}.{named_e2b.domain}"
        box.files.write("a b.txt", "through TLS")
        signed = box.download_url("a b.txt", use_signature_expiration=60)
        assert signed.startswith(box.envd_api_url)
        assert httpx.get(signed).text == "through TLS"
        assert httpx.get(signed.replace("signature=v1_", "signature=v1_A")).status_code == 401
        late = box.download_url("a b.txt", use_signature_expiration=-60)
        assert httpx.get(late).status_code == 401
        up = box.upload_url("up.txt", use_signature_expiration=60)
        assert httpx.post(up, files={"file": b"uploaded"}).status_code == 200
        assert box.files.read("up.txt") == "uploaded"


def test_plain_http_is_spoken_on_the_same_port(named_e2b: Endpoint) -> None:
    assert httpx.get(f"{named_e2b.api_url}/health").json() == {"status": "ok"}
    assert httpx.get(f"https://api.{named_e2b.domain}/health").json() == {"status": "ok"}


def test_the_certificate_is_for_our_names_alone(named_e2b: Endpoint) -> None:
    host, _, port = named_e2b.domain.partition(":")
    trusting = ssl.create_default_context(cafile=named_e2b.bundle)
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", int(port))) as plain,
        trusting.wrap_socket(plain, server_hostname=f"3000-ix.{host}") as secured,
    ):
        assert secured.selected_alpn_protocol() == "http/1.1"
    for context, name in ((trusting, "example.com"), (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), host)):
        with socket.create_connection(("127.0.0.1", int(port))) as plain, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname=name)


def test_the_authoritys_key_lies_nowhere(secured_e2b: Endpoint) -> None:
    folder = Path(secured_e2b.bundle).parent
    private = [file.name for file in folder.iterdir() if b"PRIVATE KEY" in file.read_bytes()]
    assert private == ["leaf.pem"]
    assert (folder / "leaf.pem").stat().st_mode & 0o777 == 0o600


def test_a_bad_handshake_harms_nobody(named_e2b: Endpoint) -> None:
    port = int(named_e2b.domain.rpartition(":")[2])
    for raw in (b"\x16", b"\x16\x03\x01\x02\x00" + b"\xff" * 512, b"\x16\x03\x01\x00\x05hello"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(raw)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(4096):
                pass
    assert httpx.get(f"https://api.{named_e2b.domain}/health").status_code == 200


_ECHO = """
import base64, hashlib, socket
server = socket.create_server(("127.0.0.1", 9002))
print("up", flush=True)
plug, _ = server.accept()
head = b""
while not head.endswith(b"\\r\\n\\r\\n"):
    head += plug.recv(1)
fields = dict(line.split(b": ", 1) for line in head.split(b"\\r\\n")[1:-2])
fields = {name.lower(): value for name, value in fields.items()}
key = fields[b"sec-websocket-key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
accept = base64.b64encode(hashlib.sha1(key).digest())
plug.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
             b"Sec-WebSocket-Accept: " + accept + b"\\r\\n\\r\\n")
def exactly(count):
    data = b""
    while len(data) < count:
        data += plug.recv(count - len(data))
    return data
for _ in range(3):
    first, size = exactly(2)
    size &= 127
    if size == 126:
        size = int.from_bytes(exactly(2), "big")
    mask = exactly(4)
    text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(exactly(size))).upper()
    length = bytes([size]) if size < 126 else b"\\x7e" + size.to_bytes(2, "big")
    plug.sendall(bytes([first]) + length + text)
exactly(1)
"""


def test_a_web_socket_goes_through(named_e2b: Endpoint) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=60)
        try:
            await box.files.write("echo.py", _ECHO)
            up = asyncio.Event()
            await box.commands.run("python3 echo.py", background=True, timeout=0, on_stdout=lambda _: up.set())
            await asyncio.wait_for(up.wait(), 10)
            async with connect(f"wss://{box.get_host(9002)}/any", proxy=None) as speaking:
                for word in ("one", "two", "x" * 1000):
                    await speaking.send(word)
                    assert await speaking.recv() == word.upper()
        finally:
            await box.kill()

    asyncio.run(go())


def test_a_browser_loads_a_page_from_a_box(
    named_e2b: Endpoint, missing: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium = os.environ.get("RUNNER_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        missing("chromium is not installed: apt-get install chromium")
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from playwright.sync_api import sync_playwright

    # Chromium has a store of its own for authorities; this tells it to take ours, and no other mistake.
    leaf = ssl.get_server_certificate(("127.0.0.1", int(named_e2b.domain.rpartition(":")[2])))
    key = x509.load_pem_x509_certificate(leaf.encode()).public_key()
    spki = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    words = [f"--ignore-certificate-errors-spki-list={base64.b64encode(spki).decode()}"]
    with Sandbox.create(timeout=60) as box:
        box.files.write("site/index.html", PAGE)
        box.commands.run("python3 -m http.server 8080 -d site", background=True, timeout=0)
        box.commands.run("until bash -c '</dev/tcp/127.0.0.1/8080' 2>/dev/null; do sleep 0.05; done")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=words)
            page = browser.new_page()
            answer = page.goto(f"https://{box.get_host(8080)}/", wait_until="load")
            assert answer is not None
            assert answer.status == 200
            assert page.inner_text("#h") == "served by a box"
            assert page.evaluate("window.isSecureContext")
            shot = page.screenshot(path=tmp_path / "page.png")
            browser.close()
    assert len(shot) > 1000
