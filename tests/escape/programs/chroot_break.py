# tries: the classic break-out of chroot, and pivot_root
# must: at the end there is the box's own root, and no file of the host
# as: user, root
import os

from attempt import contained, must, refused

refused("pivot_root", b"/tmp", b"/tmp")
bait = os.environ["BAIT_FILE"]
os.makedirs("/tmp/jail/inner", exist_ok=True)
root = os.open("/", os.O_RDONLY)
try:
    os.chroot("/tmp/jail")
    os.fchdir(root)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
except OSError:
    pass
must(not os.path.exists(bait), "a file of the host")
must(os.path.exists("/opt/runner"), "another root than the box's")
print(os.listdir("/"))
contained()
