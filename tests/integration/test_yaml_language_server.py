"""The genuine yaml-language-server, as editors start it, with the schema of the language: it needs nothing of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

MODELINE = "# yaml-language-server: $schema=../schemas/workflow.v1.schema.json\n"
SETTINGS = {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}


class Server:
    """A client that speaks with a language server on its standard input and output, one message at a time."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._number = 0
        self.published: dict[str, list[dict[str, Any]]] = {}
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {
                "hover": {"contentFormat": ["markdown"]},
                "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": True}},
            },
        }
        self.capabilities = self.ask(
            "initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities}
        )["capabilities"]
        self.tell("initialized", {})

    def tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        """The answer to a request; what the server asks and publishes meanwhile is taken note of."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self._number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """The next findings about a document."""
        self.published.pop(uri, None)
        while uri not in self.published:
            self._next()
        return self.published[uri]

    def stop(self) -> None:
        self.ask("shutdown", None)
        self.tell("exit", None)
        assert self._process.wait(20) == 0
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        output = self._process.stdout
        assert output is not None
        length = 0
        while (line := output.readline()).strip():
            name, _, value = line.decode().partition(":")
            length = int(value) if name.lower() == "content-length" else length
        assert length, "the server ended"
        message: dict[str, Any] = json.loads(output.read(length))
        if message.get("method") == "workspace/configuration":
            wanted = [SETTINGS if item.get("section") == "yaml" else {} for item in message["params"]["items"]]
            self._send({"id": message["id"], "result": wanted})
        elif message.get("method") == "textDocument/publishDiagnostics":
            self.published[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        return message


@pytest.fixture(scope="session")
def command(npm_tools: Callable[[str], Path], missing: Callable[[str], None]) -> list[str]:
    """What starts the server of tests/tools/yaml-language-server."""
    folder = npm_tools("yaml-language-server")
    node = shutil.which("node")
    if node is None:
        missing("node is not installed: apt-get install nodejs")
    return [str(node), str(folder / "yaml-language-server" / "bin" / "yaml-language-server"), "--stdio"]


@pytest.fixture
def server(command: list[str], root: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "specs").mkdir()
    (tmp_path / "schemas").mkdir()
    shutil.copy(root / "schemas" / "workflow.v1.schema.json", tmp_path / "schemas")
    made = Server(command, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def opened(server: Server, tmp_path: Path) -> Callable[[str], str]:
    """Opens a spec with the line that names its schema; gives its URI."""

    def open_(text: str) -> str:
        uri = (tmp_path / "specs" / "a.yaml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": MODELINE + text}
        server.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    return open_


def at(uri: str, line: int, character: int) -> dict[str, Any]:
    """A 0-based place; the first line is the one that names the schema."""
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}


def test_a_good_spec_has_no_findings(server: Server, opened: Callable[[str], str]) -> None:
    assert server.diagnostics(opened("spec: 1\nname: demo\nsteps:\n  a: {run: echo}\n")) == []


def test_a_bad_spec_has_findings_where_they_are(server: Server, opened: Callable[[str], str]) -> None:
    found = server.diagnostics(opened("spec: 1\nname: demo\nsteps:\n  a:\n    run: echo\n    timout: 10m\n"))
    assert [(one["range"]["start"]["line"], one["message"]) for one in found] == [
        (6, "Property timout is not allowed.")
    ]


def test_the_keys_of_a_step_are_completed_with_their_descriptions(server: Server, opened: Callable[[str], str]) -> None:
    uri = opened("spec: 1\nname: demo\nsteps:\n  a:\n    run: echo\n    \n")
    answer = server.ask("textDocument/completion", at(uri, 6, 4))
    items = {item["label"]: item for item in answer["items"]}
    assert {"after", "timeout", "for_each", "repeat", "workflow", "outputs", "sandbox"} <= items.keys()
    assert "How long one attempt may take" in json.dumps(items["timeout"]["documentation"])


def test_the_values_of_a_key_are_completed(server: Server, opened: Callable[[str], str]) -> None:
    uri = opened("spec: 1\nname: demo\nsteps:\n  a:\n    run: echo\n    retry:\n      backoff: \n")
    answer = server.ask("textDocument/completion", at(uri, 7, 15))
    assert {"none", "fixed", "linear", "exponential"} <= {item["label"] for item in answer["items"]}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (2, "workflow's name"),
        (3, "The work, keyed by id"),
        (5, "shell text"),
        (6, "Repeats the step until"),
        (8, "gives"),
    ],
)
def test_hovering_a_key_shows_its_description(
    server: Server, opened: Callable[[str], str], line: int, words: str
) -> None:
    uri = opened(
        "spec: 1\nname: demo\nsteps:\n  a:\n    run: echo\n    repeat: {until: true, max: 3}\n\n"
        "outputs:\n  n: {value: '${{ inputs.n }}'}\n"
    )
    shown = server.ask("textDocument/hover", at(uri, line, 5 if line in (5, 6) else 1))
    assert words in json.dumps(shown["contents"])
