"""Boxes of an endpoint that has neither control groups nor disks of their own: watched, and stopped when too greedy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.integration

#: One small box in this process, and what became of the commands in it. The walls' own mounts end with the process.
_PROGRAM = '''
import asyncio, base64, dataclasses, json, os, struct, tempfile
from pathlib import Path
from runner.embedded.e2b.limits import hierarchies
from runner.embedded.e2b.box.http1 import Body, Head, ProtocolError, close, read_head
from runner.embedded.e2b.boxes.box import ENVD_PORT, BoxDead, Order
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.templates import BASE
from runner.embedded.e2b.walls.walls import raise_walls

hierarchies.here = lambda: []  # a machine without control groups

async def ask(box, method, target, body, kind):
    reader, writer = await box.connect(ENVD_PORT)
    fields = [("Host", "box"), ("Connection", "close"), ("Content-Type", kind), ("Content-Length", str(len(body)))]
    try:
        writer.write(Head(method, target, "HTTP/1.1", fields).encode() + body)
        head = await read_head(reader)
        return head.status, await Body.of_response(reader, head, method).read()
    finally:
        await close(writer)

async def run(box, command):
    message = json.dumps({"process": {"cmd": "/bin/bash", "args": ["-c", command]}, "stdin": False}).encode()
    envelope = struct.pack(">BI", 0, len(message)) + message
    _, raw = await ask(box, "POST", "/process.Process/Start", envelope, "application/connect+json")
    said, code = b"", None
    while raw:
        length = struct.unpack(">I", raw[1:5])[0]
        event = json.loads(raw[5 : 5 + length]).get("event", {})
        said += base64.b64decode(event.get("data", {}).get("stdout", ""))
        code = event.get("end", {}).get("exitCode", code)
        raw = raw[5 + length :]
    return code, said.decode().strip()

LARGE = "python3 -c 'import time; held = bytes(range(256)) * (60 << 12); time.sleep(5)'"
MANY = f"for each in 1 2 3 4 5 6; do {LARGE} & done; "

STUBBORN = """
import resource, time
for number in range(100):
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
    try:
        open("g%d" % number, "wb").write(bytes(9 << 20))
    except OSError:
        pass
    time.sleep(0.05)
"""

async def main(folder):
    boxes = Boxes(raise_walls(folder), folder / "boxes")
    template = dataclasses.replace(BASE, memory_mb=256, disk_mb=64)
    box = await boxes.create(Order(60, template=template))
    told = {"rung": box.confinement.rung, "held": box.held}
    told["one"] = (await run(box, "python3 -c 'bytearray(300 << 20)' 2>&1 | grep -o MemoryError"))[1]
    told["many"] = (await run(box, MANY + "died=0; for each in 1 2 3 4 5 6; do wait -n || died=1; done; echo $died"))[1]
    # Slowly: a box that has a quarter too much before somebody looks is ended at once.
    write = "for each in `seq 24`; do head -c 4500000 /dev/zero >f$each || echo full; sleep 0.25; done | tail -1"
    told["full"] = (await run(box, write))[1]
    told["upload"] = (await ask(box, "POST", "/files?path=up", b"x" * 100, "application/octet-stream"))[0]
    told["freed"] = (await run(box, "rm f*; sleep 1; echo back >after && cat after"))[1]
    try:
        await asyncio.wait_for(run(box, f"echo '{STUBBORN}' >s.py; python3 s.py"), 20)
    except (BoxDead, ProtocolError, ConnectionError):
        pass
    told["reason"] = box.reason
    await boxes.close()
    print(json.dumps(told))

with tempfile.TemporaryDirectory() as made:
    os.chmod(made, 0o711)
    os.umask(0o022)
    asyncio.run(main(Path(made)))
'''


def test_a_greedy_box_is_stopped_without_help_of_the_kernel(missing: Callable[[str], None]) -> None:
    words = ["unshare", "--user", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        missing("this machine makes no user namespaces by `unshare` (apt-get install util-linux)")
    done = subprocess.run(
        [*words, sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=55, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rung"], told["held"]["memory"], told["held"]["disk"]) == ("rlimits", "watched", "folder")
    assert told["one"] == "MemoryError", "one process alone is refused at once"
    assert told["many"] == "1", "of several the largest is killed"
    assert told["full"] == "full"
    assert told["upload"] == 507
    assert told["freed"] == "back", "who has removed files can write again"
    assert told["reason"] == "it wrote more than its disk of 64 MiB holds", "who does not stop is stopped"
