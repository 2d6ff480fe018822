# tries: programs and probes in the kernel: bpf, perf, userfaultfd, io_uring, local descriptor tables
# must: none can be had
# as: user, root
import ctypes

from attempt import contained, refused

attributes = ctypes.create_string_buffer(256)
place = ctypes.addressof(attributes)
for command in range(8):
    refused("bpf", command, place, 120)
refused("perf_event_open", place, 0, -1, -1, 0)
refused("userfaultfd", 1)
refused("userfaultfd", 0)
refused("io_uring_setup", 8, place)
refused("modify_ldt", 1, place, 16)
refused("fanotify_init", 0, 0)
contained()
