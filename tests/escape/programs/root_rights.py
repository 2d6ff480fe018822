# tries: as the box's root, the rights that would reach past the box
# must: it has only those over its own files, users and processes, and can get no others
# as: root
from attempt import contained, must

status = {line.partition(":")[0]: line.partition(":")[2].strip() for line in open("/proc/self/status")}
# CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID NET_BIND_SERVICE SYS_CHROOT
few = sum(1 << bit for bit in (0, 1, 3, 4, 5, 6, 7, 10, 18))
for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
    must(not int(status[name], 16) & ~few, f"{name} {status[name]}")
must(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "no_new_privs or the filter is missing")
contained()
