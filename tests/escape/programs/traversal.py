# tries: paths that lead out of the tree: dots, links, /proc/self/root, links to links
# must: none reaches a file of the host
# as: user, root
import os

from attempt import contained, must

bait = os.environ["BAIT_FILE"]
ways = ["", "/..", "/../../../../../../..", "/proc/self/root", "/proc/self/root/..", "/proc/self/cwd/../../../.."]
ways += ["/proc/thread-self/root", "/dev/fd/../../../../..", "/tmp/../../../.."]
os.symlink("/../../../../..", "/tmp/up")
os.symlink("/tmp/up", "/tmp/upper")
for way in [*ways, "/tmp/up", "/tmp/upper/.."]:
    must(not os.path.exists(way + bait), way + bait)
try:
    os.link(bait, "/tmp/hard")
    must(False, "a hard link to the host's file")
except OSError:
    pass
contained()
