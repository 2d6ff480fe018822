# tries: to trace the agent, process 1, and so to become it
# must: attaching, seizing, reading and writing its memory are refused
# as: user, root
import ctypes

from attempt import NUMBERS, COLUMN, call, contained, must, refused, unreadable, unwritable

refused("ptrace", 16, 1, 0, 0)  # PTRACE_ATTACH
refused("ptrace", 0x4206, 1, 0, 0)  # PTRACE_SEIZE
buffer = ctypes.create_string_buffer(64)


class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


mine, theirs = Vector(ctypes.addressof(buffer), 64), Vector(0x400000, 64)
refused("process_vm_readv", 1, ctypes.addressof(mine), 1, ctypes.addressof(theirs), 1, 0)
unreadable("/proc/1/mem")
unwritable("/proc/1/mem")
must(call("ptrace", 0, 0, 0, 0) == 0, "PTRACE_TRACEME is refused, which debuggers need")
must(NUMBERS["ptrace"][COLUMN] > 0, "no such call")
contained()
