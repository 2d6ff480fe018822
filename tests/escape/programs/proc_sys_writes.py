# tries: to change the kernel's settings, core_pattern and modprobe among them
# must: each is refused, but for those of its own namespaces, which nobody else has
# host: settings
# as: user, root
import os

from attempt import contained, unwritable

for path in (
    "kernel/core_pattern", "kernel/modprobe", "kernel/hotplug", "kernel/poweroff_cmd", "kernel/sysrq", "kernel/panic",
    "kernel/yama/ptrace_scope", "kernel/keys/maxkeys", "kernel/random/boot_id", "kernel/threads-max", "kernel/hostname",
    "kernel/unprivileged_bpf_disabled", "vm/overcommit_memory", "vm/drop_caches", "vm/swappiness", "fs/file-max",
    "fs/suid_dumpable", "fs/protected_symlinks", "fs/binfmt_misc/register", "fs/inotify/max_user_watches",
    "user/max_user_namespaces", "user/max_net_namespaces",
):  # fmt: skip
    if os.path.exists(f"/proc/sys/{path}"):
        unwritable(f"/proc/sys/{path}", b"1")
# Of its own network, processes and messages: the host looks whether its own have changed.
for path, value in (
    ("kernel/pid_max", b"30000"), ("net/ipv4/ip_forward", b"1"), ("net/core/somaxconn", b"77"), ("kernel/shmmax", b"1"),
    ("kernel/msgmax", b"77"), ("net/ipv4/ping_group_range", b"0 7"), ("net/ipv4/ip_unprivileged_port_start", b"7"),
):  # fmt: skip
    try:
        with open(f"/proc/sys/{path}", "wb", buffering=0) as file:
            file.write(value)
    except OSError:
        continue
contained()
