# tries: the kernel's own file systems: sysfs, cgroups, debugfs, tracefs, efivars
# must: none of them is in the box
# as: user, root
import os

from attempt import contained, must

kinds = {line.split(" - ")[1].split()[0] for line in open("/proc/self/mountinfo")}
print(sorted(kinds))
must(not kinds & {"sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "efivarfs", "bpf"}, str(kinds))
must(not os.path.exists("/sys/kernel"), "/sys is there")
contained()
