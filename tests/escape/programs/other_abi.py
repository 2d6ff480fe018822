# tries: to get past the filter by the numbers of another architecture (int 0x80, x32)
# must: the one ends the process, the other is unknown
# as: user, root
import ctypes
import errno
import mmap
import os

from attempt import COLUMN, LIBC, contained, must

must(LIBC.syscall(ctypes.c_long(0x40000000 + 39)) < 0, "x32 getpid")
must(ctypes.get_errno() == errno.ENOSYS, "x32 is known")
if COLUMN == 0:
    pid = os.fork()
    if pid == 0:
        # mov eax, 20 (getpid of i386); int 0x80; ret
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0 else 1)
    must(os.waitpid(pid, 0)[1] != 0, "a call of i386")
contained()
