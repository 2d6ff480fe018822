"""What a box of the embedded endpoint cannot see or do."""

from __future__ import annotations

import os
import pwd
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2b import CommandExitException, Sandbox
from e2b.exceptions import SandboxException

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration


def _make(endpoint: Endpoint) -> Sandbox:
    return Sandbox.create(
        timeout=120, api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url, api_key=endpoint.api_key
    )


@pytest.fixture(scope="module")
def box(embedded_e2b: Endpoint) -> Iterator[Sandbox]:
    made = _make(embedded_e2b)
    yield made
    made.kill()


def _out(box: Sandbox, command: str) -> str:
    return box.commands.run(f"{{ {command} ; }} 2>&1 || true").stdout


def test_no_process_of_the_host_is_seen(box: Sandbox) -> None:
    seen = _out(box, "ls /proc | grep '^[0-9]*$' | wc -l")
    assert int(seen) < 12
    assert "No such process" in _out(box, f"kill -0 {os.getpid() + 100_000}")
    assert "pytest" not in _out(box, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_no_environment_of_the_host_is_seen(embedded_e2b: Endpoint, box: Sandbox) -> None:
    seen = _out(box, "env; cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/[0-9]*/cmdline")
    assert "E2B_SANDBOX_ID" in seen
    for secret in (embedded_e2b.api_key, box._envd_access_token or "?"):
        assert secret not in seen
    assert "Permission denied" in _out(box, "cat /proc/1/environ")
    assert "PYTEST" not in seen
    assert "VIRTUAL_ENV" not in seen


def test_no_network_but_its_own_loopback(box: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=lambda: _swallow(server), daemon=True).start()
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert "refused" in _out(box, f'python3 -c "{code}"'), "the host's loopback is another one"
    assert _out(box, "cat /proc/net/route | wc -l").strip() == "1", "there is no route out"
    assert "lo:" in _out(box, "cat /proc/net/dev")
    own = "import socket as s; p = s.create_server(('127.0.0.1', 0)); s.create_connection(p.getsockname()); print(1)"
    assert _out(box, f'python3 -c "{own}"') == "1\n"


def _swallow(server: socket.socket) -> None:
    try:
        server.accept()
    except OSError:
        return


def test_no_files_of_the_host_are_seen(box: Sandbox, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host")
    assert "cannot" in _out(box, f"ls {root}")
    assert "No such file" in _out(box, f"cat {tmp_path}/secret")
    # Where the endpoint is not started by root, a box's root is its user, and this is its own home.
    assert "cannot" in (seen := _out(box, "ls -A /root")) or (os.getuid() != 0 and seen == "")
    assert _out(box, "ls /tmp /home") == "/home:\nuser\n\n/tmp:\n"
    people = {each.pw_name for each in pwd.getpwall() if 1000 <= each.pw_uid < 60_000}
    assert not people & set(_out(box, "cut -d: -f1 /etc/passwd").split()) - {"user"}
    assert _out(box, "ls /var/log") == "apt\n"
    assert "cannot" in _out(box, "ls /boot /sys /var/lib/systemd/x")


def test_no_file_of_another_box_is_seen(embedded_e2b: Endpoint, box: Sandbox) -> None:
    other = _make(embedded_e2b)
    other.files.write("/tmp/mine", "mine")
    other.files.write("mine", "mine")
    assert not box.files.exists("/tmp/mine")
    assert not box.files.exists("mine")
    assert other.sandbox_id not in _out(box, "cat /proc/self/mountinfo; find / -name 'mine' 2>/dev/null")
    other.kill()


@pytest.mark.parametrize("command", ["touch /usr/x", "touch /etc/x", "mkdir /x"])
def test_what_a_user_of_a_box_may_not_do(box: Sandbox, command: str, missing: Callable[[str], None]) -> None:
    if os.getuid() != 0:
        missing("boxes have several users where the endpoint is started by root")
    with pytest.raises(CommandExitException):
        box.commands.run(command)


@pytest.mark.parametrize(
    "command",
    [
        "touch /usr/bin/x",
        "rm /usr/bin/env",
        "touch /dev/x",
        "touch /opt/runner/lib/box/x",
        "mount -t tmpfs x /tmp",
        "unshare -U true",
        "unshare -n true",
        "chroot /tmp true",
        "kill -9 1 && kill -0 1 && false",
    ],
)
def test_what_a_box_may_not_do(box: Sandbox, command: str) -> None:
    with pytest.raises(CommandExitException):
        box.commands.run(command)


def test_a_command_has_nothing_open_but_its_own(box: Sandbox) -> None:
    """The agent's connections with the edge are not for commands to read, or to write into."""
    running = box.commands.run("sleep 60", background=True, timeout=0)
    assert _out(box, "ls -l /proc/self/fd | grep -c socket") == "0\n"
    assert _out(box, "ls -l /proc/1/fd | wc -l") == "ls: cannot open directory '/proc/1/fd': Permission denied\n0\n"
    running.kill()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "KILL", "STOP"])
def test_no_signal_from_a_box_ends_its_agent(box: Sandbox, name: str) -> None:
    assert _out(box, f"kill -{name} 1 2>/dev/null; sleep 0.1; echo lives") == "lives\n"


def test_folders_of_any_depth_harm_nobody(embedded_e2b: Endpoint) -> None:
    deep = "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\nopen('leaf', 'wb').write(bytes(9999))"
    other = _make(embedded_e2b)
    other.files.write("deep.py", deep)
    other.commands.run("python3 deep.py")
    assert other.get_metrics()[-1].disk_used >= 9999
    with pytest.raises(SandboxException, match="too deep"):
        other.files.remove("d")
    assert other.commands.run("rm -r d; ls").stdout == "deep.py\n"
    other.kill()


def test_what_rights_there_are_in_a_box(box: Sandbox) -> None:
    mine = _rights(box, "user")
    assert mine["CapEff"] == mine["CapPrm"] == mine["CapAmb"] == mine["CapInh"] == 0
    roots = _rights(box, "root")
    chown, setpcap, sys_ptrace, sys_admin, sys_resource = (1 << number for number in (0, 8, 19, 21, 24))
    assert mine["CapBnd"] == roots["CapBnd"] == roots["CapPrm"] == roots["CapEff"]
    assert not roots["CapBnd"] & (setpcap | sys_ptrace | sys_admin | sys_resource)
    assert roots["CapEff"] & chown if os.getuid() == 0 else not roots["CapEff"]
    assert mine["NoNewPrivs"] == roots["NoNewPrivs"] == 1


def _rights(box: Sandbox, user: str) -> dict[str, int]:
    status = box.commands.run("grep -E '^(Cap|NoNewPrivs)' /proc/self/status", user=user).stdout
    return {name: int(value, 16) for name, value in (line.split(":\t") for line in status.splitlines())}


def test_on_the_host_a_box_is_nobody(box: Sandbox) -> None:
    """As root the edge gives every box a uid of its own that nobody else has; otherwise boxes are the edge's user."""
    box.files.write("whose", "x")
    mark = f"sleep 4{os.getpid()}"
    running = box.commands.run(mark, background=True, timeout=0)
    uids = {
        int(line.split()[1])
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and mark in _read(folder / "cmdline").replace("\0", " ")
        for line in _read(folder / "status").splitlines()
        if line.startswith("Uid:")
    }
    running.kill()
    assert uids
    assert all(uid >= 1_900_000_000 for uid in uids) if os.getuid() == 0 else uids == {os.getuid()}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_limits_are_set(box: Sandbox) -> None:
    ours = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    assert 0 < int(_out(box, "ulimit -u")) <= (4096 if ours == resource.RLIM_INFINITY else min(4096, ours // 2))
    assert _out(box, "ulimit -c").strip() == "0"
    assert int(_out(box, "ulimit -n")) <= 65_536


def test_the_edges_python_makes_environments(box: Sandbox) -> None:
    import sys

    assert _out(box, "python3 -V").strip() == f"Python {sys.version.split()[0]}"
    assert _out(box, "python3 -c 'import ssl, sqlite3, ctypes; print(1)'") == "1\n"
    made = _out(box, "python3 -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix)'")
    assert made == "/home/user/v\n"
