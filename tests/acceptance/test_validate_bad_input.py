"""Whatever `runner validate` is given: an answer soon, in bounded memory, never a traceback."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = b"spec: 1\nname: demo\nsteps: {a: {run: echo}}\n"
MEMORY = 600 * 2**20  # address space for the command; a small spec needs about 250 MiB
pytestmark = pytest.mark.acceptance


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def validate(folder: Path, *words: str | bytes, stdin: bytes = b"") -> tuple[int, str]:
    command = [sys.executable, "-m", "runner", "validate", *words]
    done = subprocess.run(
        command, cwd=folder, env={"HOME": str(folder / "home")}, input=stdin, capture_output=True, timeout=20,
        preexec_fn=limited,
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert "Traceback" not in said
    assert "internal error" not in said
    return done.returncode, said


LAUGHS = b", ".join([b"*a%d"] * 9)
BOMB = b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [%s]\n" % (n, n, LAUGHS % ((n - 1,) * 9)) for n in range(1, 12))
INPUTS = {
    "nothing": (b"", "empty-file"),
    "spaces": (b" \n\n  \n", "empty-file"),
    "binary": (bytes(range(256)) * 100, "binary-file"),
    "nul": (GOOD.replace(b"echo", b"ec\0ho"), "binary-file"),
    "an image": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "binary-file"),
    "an archive": (b"PK\x03\x04" + bytes(100), "binary-file"),
    "latin-1": (GOOD.replace(b"demo", "dämo".encode("latin-1")), "not-utf8"),
    "utf-16": (GOOD.decode().encode("utf-16"), "not-utf8"),
    "utf-32": (GOOD.decode().encode("utf-32"), "not-utf8"),
    "control characters": (GOOD.replace(b"echo", b"'\x1b[31m'"), "control-character"),
    "tabs": (b"spec: 1\nname: demo\nsteps:\n\ta: {run: echo}\n", "yaml-syntax"),
    "a bomb": (BOMB, "alias-bomb"),
    "depth": (b"a: " + b"[" * 100_000, "too-deep"),
    "depth in blocks": (b"".join(b" " * n + b"a:\n" for n in range(500)), "too-deep"),
    "many keys": (b"".join(b"k%d: 1\n" % n for n in range(110_000)), "too-large"),
    "many mistakes": (GOOD + b"".join(b"k%d: 1\n" % n for n in range(20_000)), "unknown-key"),
    "one long line": (b"spec: [" + b"1," * 110_000 + b"]", "too-many-nodes"),
    "many workflows": (b"---\na: 1\n" * 100_000, "too-many-nodes"),
    "an endless quote": (GOOD + b'x: "' + b"a" * 500_000, "yaml-syntax"),
    "json that is no spec": (b'{"a": 1}', "unknown-key"),
    "html": (b"<!doctype html><title>x</title>", "wrong-type"),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_bytes_that_are_no_spec(tmp_path: Path, name: str) -> None:
    data, code = INPUTS[name]
    (tmp_path / "a.yaml").write_bytes(data)
    exit_code, said = validate(tmp_path, "a.yaml")
    assert exit_code == 1
    assert f"[{code}]" in said


@pytest.mark.parametrize("name", ["nothing", "binary", "utf-16", "a bomb"])
def test_bytes_that_are_no_spec_on_standard_input(tmp_path: Path, name: str) -> None:
    data, code = INPUTS[name]
    exit_code, said = validate(tmp_path, "-", stdin=data)
    assert exit_code == 1
    assert "<stdin>:" in said
    assert f"error[{code}]" in said


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf" + GOOD, GOOD.replace(b"\n", b"\r\n"), GOOD.replace(b"\n", b"\r"), GOOD.rstrip()]
)
def test_marks_and_line_breaks_of_other_systems(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(data)
    assert validate(tmp_path, "a.yaml") == (0, "1 file checked: no problems\n")
    assert validate(tmp_path, "--fix", "a.yaml")[0] == 0
    assert (tmp_path / "a.yaml").read_bytes() == data


def test_100_megabytes(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.write(GOOD)
        file.truncate(100 * 2**20)
    assert "the file has 104,857,600 bytes" in validate(tmp_path, "a.yaml")[1]
    assert "[too-large]" in validate(tmp_path, ".")[1]
    assert "[too-large]" in validate(tmp_path, "-", stdin=b"#" * 30 * 2**20)[1]


def test_what_would_never_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "circle").symlink_to(".")
    (tmp_path / "good.yaml").write_bytes(GOOD)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.yaml"))
        code, said = validate(tmp_path, "pipe.yaml", "socket.yaml", "loop.yaml", "/dev/zero", "/dev/tty", "good.yaml")
    assert code == 1
    for reason in ("it is a pipe", "it is a socket", "too many levels of symbolic links", "it is a device"):
        assert reason in said
    assert "6 files checked: 5 errors" in said
    assert validate(tmp_path, ".") == (0, "1 file checked: no problems\n")


def test_names_of_any_bytes(tmp_path: Path) -> None:
    name = b"\xff\n\x1b[31m.yaml"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(GOOD.replace(b"run", b"rnu"))
    code, said = validate(tmp_path, ".")
    assert code == 1
    assert "[unknown-key]" in said
    assert "\x1b" not in said
    code, said = validate(tmp_path, "--json", name)
    assert len(json.loads(said)) == 1
    assert validate(tmp_path, "--fix", name)[0] == 0
    assert validate(tmp_path, name)[0] == 0


def test_a_folder_and_a_file_that_nobody_may_read(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.yaml").write_bytes(GOOD)
    (tmp_path / "locked").chmod(0)
    (tmp_path / "a.yaml").chmod(0)
    try:
        code, said = validate(tmp_path, ".")
    finally:
        (tmp_path / "locked").chmod(0o700)
    if os.getuid() == 0:
        assert code == 0, "root may read everything"
    else:
        assert code == 1
        assert said.count("permission denied") == 2


def test_a_full_disk_below_the_cache(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(GOOD)
    (tmp_path / "home").write_text("a file where the home folder should be")
    assert validate(tmp_path, "a.yaml") == (0, "1 file checked: no problems\n")


@pytest.mark.parametrize("text", [b"\xff", b"[", b"x = 1\n" * 1000, b"[checks]\n" + b'"*" = "off"\n'])
def test_settings_of_any_bytes(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(GOOD)
    (tmp_path / "runner.toml").write_bytes(text)
    code, said = validate(tmp_path, "a.yaml")
    assert code == (0 if b"*" in text else 1)
    assert "1 file checked" in said
