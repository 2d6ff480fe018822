# tries: to read the kernel's memory and the places of its functions
# must: nothing of them is told
# as: user, root
from attempt import contained, must, unreadable

for path in (
    "/proc/kcore",
    "/proc/kmsg",
    "/proc/kpagecount",
    "/proc/slabinfo",
    "/proc/timer_list",
    "/dev/mem",
    "/dev/kmsg",
):
    unreadable(path)
try:
    with open("/proc/kallsyms") as file:
        must(all(line.startswith("0000000000000000") for line in file), "kallsyms tells addresses")
except OSError:
    pass
contained()
