# tries: the release_agent of control groups, which the kernel starts on the host as root
# must: no hierarchy can be mounted or written to
# as: user, root
import glob
import os

from attempt import contained, must, refused

os.makedirs("/tmp/cg", exist_ok=True)
for kind, data in ((b"cgroup", b"memory"), (b"cgroup", b"rdma"), (b"cgroup2", b"")):
    refused("mount", b"cgroup", b"/tmp/cg", kind, 0, data)
must(not glob.glob("/sys/fs/cgroup/*"), "/sys/fs/cgroup is there")
must(not os.path.exists("/tmp/cg/release_agent"), "a release_agent")
print(open("/proc/self/cgroup").read())
must("runner-e2b" not in open("/proc/self/cgroup").read(), "the box sees where its group lies")
contained()
