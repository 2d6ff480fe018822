"""The users of a box: `user`, who acts when nobody is named, `root`, and whom root makes.

Where the edge is not root a box has one user; tests for several say so by `several`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2b import CommandExitException, PtySize, Sandbox
from e2b.exceptions import AuthenticationException, FileNotFoundException, SandboxException

from runner.embedded.e2b.launch import Endpoint

pytestmark = pytest.mark.integration


def _make(endpoint: Endpoint) -> Sandbox:
    return Sandbox.create(
        timeout=120, api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url, api_key=endpoint.api_key
    )


@pytest.fixture(scope="module")
def several(missing: Callable[[str], None]) -> None:
    if os.getuid() != 0:
        missing("boxes have several users where the endpoint is started by root")


@pytest.fixture(scope="module")
def box(embedded_e2b: Endpoint, several: None) -> Iterator[Sandbox]:
    made = _make(embedded_e2b)
    yield made
    made.kill()


def _said(box: Sandbox, command: str, user: str = "user") -> str:
    return box.commands.run(f"{{ {command} ; }} 2>&1 || true", user=user).stdout.strip()


def test_who_acts(box: Sandbox) -> None:
    who = "id; pwd; echo $HOME $USER $LOGNAME"
    assert _said(box, who) == (
        "uid=1000(user) gid=1000(user) groups=1000(user),27(sudo)\n/home/user\n/home/user user user"
    )
    assert _said(box, who, "root") == "uid=0(root) gid=0(root) groups=0(root)\n/root\n/root root root"
    with pytest.raises(AuthenticationException, match="nobody-here"):
        box.commands.run("id", user="nobody-here")
    with pytest.raises(AuthenticationException, match="nobody-here"):
        box.files.read("/etc/hostname", user="nobody-here")


def test_nobody_has_a_way_back_to_root(box: Sandbox) -> None:
    for command in (
        "grep -E '^(Uid|Gid|Groups)' /proc/self/status",
        "sudo -u user grep -E '^(Uid|Gid|Groups)' /proc/self/status",
    ):
        ids = {name: value.split() for name, value in (line.split(":") for line in _said(box, command).splitlines())}
        assert ids == {"Uid": ["1000"] * 4, "Gid": ["1000"] * 4, "Groups": ["27", "1000"]}
    assert _said(box, "python3 -c 'import os; os.setuid(0)'").endswith("Operation not permitted")


def test_root_hands_on_from_a_folder_that_is_closed_to_the_other(box: Sandbox) -> None:
    assert _said(box, "install -d -m 700 /srv/closed && cd /srv/closed && sudo -u user id -un", "root") == "user"


def test_a_program_that_is_not_there_leaves_the_agent_as_it_was(box: Sandbox) -> None:
    for user in ("user", "root"):
        assert "No such file" in _said(box, "sudo -u user /nonesuch", user)
    assert _said(box, "id -u", "root") == "0"
    box.files.write("/root/again", "x", user="root")


def test_a_terminal_is_its_users(box: Sandbox) -> None:
    said: list[bytes] = []
    terminal = box.pty.create(PtySize(80, 24), user="user", timeout=20)
    box.pty.send_stdin(terminal.pid, b"stat -c 'owner %U' $(tty); echo again >$(tty); exit\n")
    terminal.wait(on_pty=said.append)
    assert b"owner user" in b"".join(said)
    assert b"again\r\n" in b"".join(said)


def test_files_belong_to_who_acts(box: Sandbox) -> None:
    box.files.write("mine", "x")
    box.files.write("/root/roots", "x", user="root")
    box.files.make_dir("folder/inner")
    assert _said(box, "stat -c '%U:%G' mine folder folder/inner") == "user:user\nuser:user\nuser:user"
    assert _said(box, "stat -c '%U:%G' /root/roots", "root") == "root:root"
    info = box.files.get_info("/root/roots", user="root")
    assert (info.owner, info.group) == ("root", "root")


def test_what_is_roots_is_closed_to_others(box: Sandbox) -> None:
    box.files.write("/root/secret/key", "the secret", user="root")
    _said(box, "chmod 700 /root/secret; ln -sfn /root/secret /home/user/way; ln -sf /root/secret/key /tmp/key", "root")
    assert "Permission denied" in _said(box, "cat /root/secret/key /home/user/way/key /tmp/key")
    for path in ("/root/secret/key", "way/key", "/tmp/key", "/proc/1/environ", "/etc/shadow"):
        with pytest.raises(SandboxException, match=r"permission denied|does not exist"):
            box.files.read(path)
        assert not _written(box, path)
    for folder in ("/root/secret", "way"):
        with pytest.raises(SandboxException):
            box.files.list(folder)
        with pytest.raises(SandboxException):
            box.files.watch_dir(folder)
        with pytest.raises(SandboxException):
            box.files.make_dir(f"{folder}/new")
        with pytest.raises(SandboxException):
            box.files.rename(f"{folder}/key", "/home/user/stolen")
        with pytest.raises(SandboxException):
            box.files.remove(f"{folder}/key")
        with pytest.raises((SandboxException, FileNotFoundException)):
            box.files.get_info(f"{folder}/key")
    assert box.files.read("/root/secret/key", user="root") == "the secret"


def _written(box: Sandbox, path: str) -> bool:
    try:
        box.files.write(path, "theirs")
    except SandboxException:
        return False
    return True


def test_a_link_of_one_user_leads_another_nowhere_new(box: Sandbox) -> None:
    """As root the API follows links, for root may; as user it does not get where user may not."""
    _said(box, "ln -sf /etc/passwd /tmp/passwd")
    with pytest.raises(SandboxException, match="permission denied"):
        box.files.write("/tmp/passwd", "mine")
    assert _said(box, "tail -1 /etc/passwd").startswith("user:")


def test_the_folder_of_a_command_must_be_open_to_its_user(box: Sandbox) -> None:
    _said(box, "mkdir -p /root/closed; chmod 700 /root/closed; touch /root/closed/file", "root")
    with pytest.raises((SandboxException, CommandExitException)):
        assert "file" in box.commands.run("ls", cwd="/root/closed").stdout


def test_root_makes_users_and_installs_programs(box: Sandbox) -> None:
    made = _said(box, "useradd --create-home --shell /bin/bash ann && id ann", "root")
    assert made == "uid=1001(ann) gid=1001(ann) groups=1001(ann)"
    assert box.commands.run("whoami; pwd", user="ann").stdout == "ann\n/home/ann\n"
    box.files.write("hers", "x", user="ann")
    assert _said(box, "stat -c %U /home/ann/hers") == "ann"
    assert _said(box, "su ann -c whoami", "root") == "ann"
    box.files.write("/usr/local/bin/hello", "#!/bin/sh\necho hello $(whoami)\n", user="root")
    _said(box, "chmod 755 /usr/local/bin/hello", "root")
    assert _said(box, "hello") == "hello user"


def test_sudo(box: Sandbox) -> None:
    assert _said(box, "sudo id -u") == "0"
    assert _said(box, "sudo -u user whoami") == "user"
    assert _said(box, "echo text | sudo tee /etc/new; cat /etc/new") == "text\ntext"
    assert _said(box, "sudo sh -c 'exit 7'; echo $?") == "7"
    assert _said(box, "sudo sh -c 'kill -KILL $$'; echo $?").endswith(
        "Killed                  sudo sh -c 'kill -KILL $$'\n137"
    )
    assert _said(box, "cd /tmp && sudo pwd; sudo -i pwd") == "/tmp\n/root"
    assert (
        _said(box, "export A=1; sudo env | grep -c ^A=; sudo -E env | grep ^A=; sudo B=2 env | grep ^B=")
        == "0\nA=1\nB=2"
    )
    assert _said(box, "sudo env | grep -E '^(HOME|USER|SUDO_USER)=' | sort") == "HOME=/root\nSUDO_USER=user\nUSER=root"
    assert "No such file" in _said(box, "sudo /nonesuch")


def test_sudo_is_for_its_group(box: Sandbox) -> None:
    _said(box, "id bob || useradd -m bob", "root")
    refused = box.commands.run("sudo id -u || true", user="bob")
    assert (refused.stdout, refused.stderr) == ("", "sudo: bob is not in the group 'sudo'\n")
    _said(box, "usermod -aG sudo bob", "root")
    assert box.commands.run("sudo id -u", user="bob").stdout == "0\n"


_ABUSE = """
import json, socket, struct
def ask(raw, files=(0, 1, 2)):
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect("/run/runner/sudo")
        asking.settimeout(5)
        socket.send_fds(asking, [raw], files) if files else asking.sendall(raw)
        return asking.recv(4096)
def framed(message):
    body = json.dumps(message).encode()
    return struct.pack("!I", len(body)) + body
odd = [[], {}, {"words": []}, {"words": "id"}, {"words": [1]}, {"words": ["id"], "environment": {"A": 1}},
       {"words": ["id"], "user": "../root"}, {"words": ["\\0"]}, {"words": ["id"], "cwd": "/nonesuch"}]
answers = [ask(framed(each)) for each in odd]
answers += [ask(b"\\xff" * 9), ask(framed({"words": ["id"]}), ()), ask(struct.pack("!I", 3) + b"{{{")]
idle = [socket.socket(socket.AF_UNIX) for _ in range(60)]
for each in idle:
    each.connect("/run/runner/sudo")
print(len(answers), all(json.loads(each)["error"] for each in answers))
"""


def test_the_agent_bears_odd_requests_for_sudo(box: Sandbox) -> None:
    box.files.write("/tmp/abuse.py", _ABUSE)
    assert _said(box, "python3 /tmp/abuse.py") == "12 True"
    assert _said(box, "sudo id -u") == "0"


def test_sudo_has_a_terminal_where_its_caller_has_one(box: Sandbox) -> None:
    script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    told = box.commands.run(
        f"python3 -c '{script}' sudo sh -c 'test -t 0 && test -t 1 && echo terminal </dev/tty; exit 5' || echo $?"
    ).stdout
    assert told.split() == ["terminal", "5"]


def test_signals_reach_what_sudo_has_started(box: Sandbox) -> None:
    told = _said(
        box,
        "sudo sh -c 'trap \"echo got it; exit 3\" TERM; echo ready >/tmp/ready; while :; do sleep 0.05; done' & "
        "until test -e /tmp/ready; do sleep 0.05; done; kill -TERM $!; wait $!; echo $?",
    )
    assert told.split("\n") == ["got it", "3"]


#: How many of root's processes are called `sleep`.
_SLEEPS = (
    'for each in /proc/[0-9]*; do test "$(cat $each/comm 2>/dev/null) $(stat -c %u $each 2>/dev/null)" = "sleep 0"'
    " && echo it; done | wc -l"
)


def test_what_sudo_has_started_ends_with_its_command(box: Sandbox) -> None:
    running = box.commands.run("sudo sleep 4321 & sudo setsid sleep 4321 & wait", background=True, timeout=0)
    box.commands.run(f"until test $({_SLEEPS}) -eq 2; do sleep 0.05; done", timeout=20)
    running.kill()
    assert _said(box, f"sleep 0.2; {_SLEEPS}") == "0"


def test_packages_are_known_and_can_be_managed(box: Sandbox) -> None:
    assert "install ok installed" in _said(box, "dpkg-query -W -f '${Status}' bash")
    build = (
        "set -e; cd /tmp; mkdir -p pkg/DEBIAN pkg/usr/bin; printf '#!/bin/sh\\necho from a package\\n'"
        " >pkg/usr/bin/greet; chmod 755 pkg/usr/bin/greet;"
        " printf 'Package: greet\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b.c>\\nDescription: d\\n'"
        " >pkg/DEBIAN/control; printf '#!/bin/sh\\nchown games /usr/bin/greet\\n' >pkg/DEBIAN/postinst;"
        " chmod 755 pkg/DEBIAN/postinst; dpkg-deb -b pkg greet.deb >/dev/null; dpkg -i greet.deb >/dev/null; greet;"
        " stat -c %U /usr/bin/greet; dpkg -r greet >/dev/null; test ! -e /usr/bin/greet; apt-get check >/dev/null"
    )
    assert _said(box, build, "root") == "from a package\ngames"


def test_the_hosts_files_are_as_they_were(box: Sandbox) -> None:
    before = Path("/usr/bin/env").stat()
    hosts = Path("/etc/hostname").read_text() if Path("/etc/hostname").exists() else ""
    _said(box, "chown user /usr/bin/env; chmod 777 /usr/bin/env; rm -rf /usr/share/doc; echo x >/etc/hostname", "root")
    assert _said(box, "stat -c '%U %a' /usr/bin/env") == "user 777"
    after = Path("/usr/bin/env").stat()
    assert (before.st_uid, before.st_mode, before.st_ctime) == (after.st_uid, after.st_mode, after.st_ctime)
    assert (Path("/etc/hostname").read_text() if Path("/etc/hostname").exists() else "") == hosts
    assert not [each for each in pwd.getpwall() if each.pw_name in ("ann", "bob")]


def test_another_box_sees_nothing_of_it(box: Sandbox, embedded_e2b: Endpoint) -> None:
    box.files.write("/usr/local/bin/only-here", "x", user="root")
    box.files.write("/srv/only-here", "x", user="root")
    other = _make(embedded_e2b)
    assert _said(other, "ls /usr/local/bin/only-here /srv/only-here /home/ann 2>&1 | grep -c 'No such file'") == "3"
    assert _said(other, "stat -c %U /usr/bin/env", "root") == "root"
    other.kill()


def test_a_box_has_a_disk_of_its_own(box: Sandbox, missing: Callable[[str], None]) -> None:
    if "/dev/loop" not in _said(box, "df --output=source /tmp"):
        missing("disks of a set size need loop devices and mke2fs (apt-get install e2fsprogs)")
    size = int(_said(box, "df --output=size -m /tmp | tail -1"))
    assert 9_000 < size <= 10_240
    assert _said(box, "df --output=source /usr /home /var | sort -u | wc -l") == "2", "one disk for all that it writes"
