"""Numbers of the system calls that a box has no use for, and why each is refused.

Sources: arch/x86/entry/syscalls/syscall_64.tbl for x86_64 and include/uapi/asm-generic/unistd.h for aarch64 in the
kernel's tree. A number is never given to another call, so this table cannot go out of date, only be short of news.
"""

from __future__ import annotations

from runner.records import dataclass

#: Calls refused whatever their arguments: name → (x86_64, aarch64); None where the architecture has no such call.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # Mounting: a box's files are what it was given.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "open_tree_attr": (467, 467),
    # Other namespaces than its own; new ones are refused by argument.
    "setns": (308, 268),
    # Handles of files reach past every mount.
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # Keys are shared between namespaces.
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # Code in the kernel, and large surfaces with many faults in the past.
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18), "modify_ldt": (154, None), "uselib": (134, None),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "create_module": (174, None), "query_module": (178, None),
    "get_kernel_syms": (177, None),
    # The machine as a whole: its clock, swap, quotas, accounting, log, ports, terminals, end.
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "nfsservctl": (180, 42), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "syslog": (103, 116), "iopl": (172, None),
    "ioperm": (173, None), "vhangup": (153, 58), "_sysctl": (156, None), "sysfs": (139, None), "ustat": (136, None),
}  # fmt: skip
#: Calls that look as if this kernel did not know them, so that programs take the older way.
UNKNOWN: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),  # its arguments lie in memory, where no filter can see them; libc falls back on clone
    "statmount": (457, 457), "listmount": (458, 458),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
#: Calls that are judged by their arguments.
JUDGED: dict[str, tuple[int, int]] = {
    "clone": (56, 220),
    "unshare": (272, 97),
    "ioctl": (16, 29),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture as seccomp sees it: its audit number (linux/audit.h), its place in the tables, and whether
    another set of calls hides behind a bit of the number (x32).
    """

    audit: int
    column: int
    x32: bool = False


#: By what `os.uname().machine` says.
ARCHITECTURES = {"x86_64": Architecture(0xC000003E, 0, True), "aarch64": Architecture(0xC00000B7, 1)}
