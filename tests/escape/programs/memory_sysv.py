# tries: to hide memory in System V segments, which outlive their maker
# must: they count as the box's memory, and end with the box
# needs: cgroups
import ctypes
import os

from attempt import LIBC, call, contained, must

pid = os.fork()
if pid == 0:
    LIBC.shmat.restype = ctypes.c_void_p
    for _ in range(64):
        segment = call("shmget", 0, 64 << 20, 0o1600)
        if segment < 0:
            os._exit(1)
        place = LIBC.shmat(segment, None, 0)
        if place in (None, 2**64 - 1):
            os._exit(1)
        ctypes.memset(place, 120, 64 << 20)
        LIBC.shmdt(ctypes.c_void_p(place))
    os._exit(0)
must(os.waitpid(pid, 0)[1] != 0, "4 GiB in segments of a box of 2 GiB")
contained()
