"""
tries: links of a box to the host's files on the way to where the next box of its files has a volume mounted
must: that box is refused with a reason, and no folder is made on the host
"""

import contextlib
import tempfile
from pathlib import Path

import pytest
from e2b import Sandbox, Volume
from e2b.exceptions import SandboxException

#: While bubblewrap mounts, the host's root is at /oldroot.
TRAP = """
for place in /data /tmp/data /home/user; do
    mv $place $place.before 2>/dev/null
    ln -s /oldroot$1 $place 2>/dev/null || ln -s ../../oldroot$1 $place 2>/dev/null || true
done
readlink /data /tmp/data /home/user
"""


def attack(target):
    where = dict(target.world.where)
    control = {"api_url": where["api_url"], "api_key": where["api_key"]}
    volume = Volume.create(target.mark, **control)
    box = None
    with tempfile.TemporaryDirectory(dir="/tmp") as host:
        Path(host).chmod(0o777)
        try:
            places = ("/data/below/volume", "/tmp/data/below/volume")
            # Somebody must have made the folders: the first box's mounts leave them behind.
            box = Sandbox.create(timeout=60, volume_mounts=dict.fromkeys(places, volume), **where)
            box.files.write("/tmp/trap.sh", TRAP)
            linked = box.commands.run(f"bash /tmp/trap.sh {host} || true", user=target.users[-1]).stdout
            assert linked.count(host) >= 1, linked
            snapshot = box.create_snapshot()
            try:
                tried = [places[0]] if "/data" in linked else []
                for place in (*places, "/home/user/below/volume"):
                    with contextlib.suppress(SandboxException):
                        Sandbox.create(snapshot.snapshot_id, timeout=60, volume_mounts={place: volume}, **where).kill()
                    assert not list(Path(host).iterdir()), f"{place} has been made on the host"
                for place in tried:
                    with pytest.raises(SandboxException, match="link on the way"):
                        Sandbox.create(snapshot.snapshot_id, timeout=60, volume_mounts={place: volume}, **where)
            finally:
                Sandbox.delete_snapshot(snapshot.snapshot_id, **control)
        finally:
            if box is not None:
                box.kill()
            Volume.destroy(volume.volume_id, **control)
