# tries: an archive with absolute names, dots and links, unpacked by tar
# must: what it writes stays in the box
# host: files
# as: user, root
import io
import os
import subprocess
import tarfile

from attempt import contained

mark = os.environ["MARK"]
with tarfile.open("evil.tar", "w") as made:
    for name in (f"../../../../../../tmp/{mark}", f"/tmp/{mark}", f"/etc/{mark}", f"link/{mark}"):
        info = tarfile.TarInfo(name)
        info.size = 4
        if name.startswith("link"):
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/../../../../tmp"
            made.addfile(link)
        made.addfile(info, io.BytesIO(b"evil"))
subprocess.run(["tar", "-xPf", "evil.tar"], stderr=subprocess.DEVNULL)
contained()
