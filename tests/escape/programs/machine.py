# tries: to change the machine: modules, another kernel, restart, swap, accounting, clock, quotas, log
# must: each is refused
# as: user, root
import ctypes

from attempt import contained, refused

zeros = ctypes.addressof(ctypes.create_string_buffer(256))
refused("init_module", zeros, 16, b"")
refused("finit_module", 0, b"", 0)
refused("delete_module", b"x", 0)
refused("kexec_load", 0, 0, 0, 0)
refused("kexec_file_load", 0, 0, 0, 0, 0)
refused("reboot", 0xFEE1DEAD, 672274793, 0x89ABCDEF, 0)  # CAD_ON..OFF: the harmless one
refused("swapon", b"/tmp", 0)
refused("swapoff", b"/tmp")
refused("acct", b"/tmp/acct")
refused("settimeofday", zeros, 0)
refused("clock_settime", 0, zeros)
refused("adjtimex", zeros)
refused("quotactl", 0x800002 << 8, 0, 0, 0)
refused("syslog", 3, zeros, 200)
refused("vhangup")
contained()
