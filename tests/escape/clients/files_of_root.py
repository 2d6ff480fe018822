"""
tries: the box's root's files by the files API in the name of its user, links on the way included
must: they are neither read, written, listed, moved nor removed
"""

import pytest


def attack(target):
    box = target.box
    if "root" not in target.users:
        return
    box.commands.run("mkdir -p /root/deep; echo private > /root/deep/file; chmod 700 /root", user="root")
    box.commands.run("ln -s /root/deep/file link; ln -s /root/deep folder; ln -s /root/new new")
    for path in ("/root/deep/file", "link", "folder/file", "/proc/self/root/root/deep/file"):
        with pytest.raises(Exception):
            box.files.read(path)
        with pytest.raises(Exception):
            box.files.write(path, "changed")
    for attempt in (
        lambda: box.files.list("/root"),
        lambda: box.files.list("folder"),
        lambda: box.files.write("new", "x"),
        lambda: box.files.make_dir("/root/mine"),
        lambda: box.files.rename("/root/deep/file", "/tmp/stolen"),
        lambda: box.files.rename("/etc/hosts", "/etc/hosts.old"),
        lambda: box.files.remove("/root/deep/file"),
        lambda: box.files.watch_dir("/root"),
    ):
        with pytest.raises(Exception):
            attempt()
    assert box.commands.run("cat /root/deep/file; ls -A /root", user="root").stdout.startswith("private\n")
    assert "mine" not in box.commands.run("ls -A /root; ls /root/new 2>&1 || true", user="root").stdout.split()
