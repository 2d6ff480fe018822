"""
tries: a snapshot of a box full of traps for whoever copies it: pipes, sockets, endless files, links, odd names
must: it is made and used again or refused with a reason, sparse files stay sparse, setuid does nothing, nobody of the host can start it
"""

import contextlib
import os

from e2b import Sandbox
from e2b.exceptions import SandboxException

TRAPS = r"""
import os, socket
os.makedirs("traps/deep"); os.chdir("traps")
os.mkfifo("pipe"); socket.socket(socket.AF_UNIX).bind("socket")
with open("hole", "wb") as file: file.truncate(4 << 30)
os.symlink("/etc/shadow", "shadow"); os.symlink("loop", "loop"); os.symlink("/" + "../" * 20 + "etc", "up")
open(b"odd\n\xff\x1b[31m", "w").close(); open("-rf", "w").close(); open("one", "w").close(); os.link("one", "two")
"""
DEEP = "import os\nfor each in range(300): os.mkdir('d' * 50); os.chdir('d' * 50)"
ROOT = "cp /usr/bin/id /usr/local/bin/who; chmod 6755 /usr/local/bin/who; rm -rf /srv; ln -s / /opt/out; true"


def attack(target):
    box, where = target.box, target.world.where
    box.files.write("traps.py", TRAPS)
    box.commands.run("python3 traps.py")
    if "root" in target.users:
        box.commands.run(ROOT, user="root")
    before = os.statvfs("/").f_bfree
    snapshot = box.create_snapshot()
    try:
        assert (before - os.statvfs("/").f_bfree) * os.statvfs("/").f_frsize < 3 << 30, "a hole became bytes"
        again = Sandbox.create(snapshot.snapshot_id, timeout=60, **where)
        try:
            seen = again.commands.run("cd traps; stat -c '%F %s' pipe hole -- -rf; readlink shadow; ls | wc -l").stdout
            for word in ("fifo", "regular file 4294967296", "/etc/shadow"):
                assert word in seen, seen
            if "root" in target.users:
                assert again.commands.run("who -u 2>/dev/null || true").stdout in ("1000\n", "")
        finally:
            again.kill()
    finally:
        Sandbox.delete_snapshot(snapshot.snapshot_id, api_url=where["api_url"], api_key=where["api_key"])
    box.files.write("deep.py", DEEP)
    box.commands.run("cd traps && python3 ../deep.py")
    with contextlib.suppress(SandboxException):
        snapshot = box.create_snapshot()
        Sandbox.delete_snapshot(snapshot.snapshot_id, api_url=where["api_url"], api_key=where["api_key"])
    assert box.commands.run("echo goes on").stdout == "goes on\n"
