"""
tries: a volume in which a box has laid links, pipes and sockets for the edge, which reads and writes volumes itself
must: no link leads the edge out of the volume, and no pipe holds it up
"""

import contextlib

import pytest
from e2b import Sandbox, Volume

TRAPS = r"""
import os, socket, sys
os.chdir("/mnt/shared")
bait = sys.argv[1]
os.symlink(bait, "out"); os.symlink("/", "root"); os.symlink("../../../../../../..", "up"); os.symlink("/etc", "folder")
os.mkfifo("pipe"); socket.socket(socket.AF_UNIX).bind("socket")
with open("hole", "wb") as file: file.truncate(1 << 40)
"""


def attack(target):
    where = dict(target.world.where)
    control = {"api_url": where["api_url"], "api_key": where["api_key"]}
    volume = Volume.create(target.mark, **control)
    try:
        box = Sandbox.create(timeout=60, volume_mounts={"/mnt/shared": volume}, **where)
        try:
            box.files.write("traps.py", TRAPS)
            box.commands.run(f"python3 traps.py {target.bait_file} || true")
            bait = target.bait_file
            for path in (
                "/out",
                f"/root{bait}",
                f"/up{bait}",
                f"/../../../..{bait}",
                bait,
                f"//{bait}",
                "/folder/hostname",
            ):
                for attempt in (volume.read_file, volume.get_info, volume.list, volume.remove):
                    with contextlib.suppress(Exception):
                        assert "bait" not in str(attempt(path)).replace(bait, ""), path
                with contextlib.suppress(Exception):
                    volume.write_file(path, "evil")
                with contextlib.suppress(Exception):
                    volume.update_metadata(path, mode=0o777)
            for path in ("/pipe", "/socket"):
                with pytest.raises(Exception):
                    volume.read_file(path)
                with contextlib.suppress(Exception):
                    volume.write_file(path, "x")  # it may take the place of what was there
            for name in ("out", f"root/tmp/{target.mark}", f"up/tmp/{target.mark}", f"folder/{target.mark}"):
                with contextlib.suppress(Exception):
                    volume.write_file(f"/{name}", "evil")
                with contextlib.suppress(Exception):
                    volume.make_dir(f"/{name}", force=True)
            assert target.ask("GET", "/health").startswith(b"HTTP/1.1 200")
        finally:
            box.kill()
    finally:
        Volume.destroy(volume.volume_id, **control)
