"""
tries: file names that lead out of the box, and links in the box to files of the host
must: what is written stays in the box, and nothing of the host is read
host: files
"""

import contextlib


def attack(target):
    box, mark = target.box, target.mark
    for user in target.users:
        for way in (
            "../../../../../tmp/",
            "/proc/self/root/tmp/",
            "/proc/1/root/tmp/",
            "/tmp/../tmp/",
            "/dev/shm/../../tmp/",
        ):
            with contextlib.suppress(Exception):
                box.files.write(f"{way}{mark}", "evil", user=user)
        box.commands.run(f"rm -f out far; ln -s {target.bait_file} out; ln -s /proc/1/root far", user=user)
        for path in ("out", target.bait_file, f"far{target.bait_file}", f"/proc/self/root/../..{target.bait_file}"):
            with contextlib.suppress(Exception):
                assert "bait" not in box.files.read(path, user=user), path
            with contextlib.suppress(Exception):
                assert "bait" not in str(box.files.list(path, user=user)), path
        box.commands.run("rm -f out far", user=user)
