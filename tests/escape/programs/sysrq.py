# tries: the magic key for help, which root of a machine may press
# must: it is refused
# as: user, root
from attempt import contained, unwritable

unwritable("/proc/sysrq-trigger", b"h")
contained()
