# tries: to change a child's system call after the filter has let it pass
# must: the filter judges the call that is made in the end
# as: user, root
import ctypes
import os
import signal

from attempt import COLUMN, LIBC, contained, must

LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
GETPPID, UNSHARE = ((110, 272), (173, 97))[COLUMN]
NEW_USER = 0x10000000
pid = os.fork()
if pid == 0:
    LIBC.ptrace(0, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    result = LIBC.syscall(ctypes.c_long(GETPPID), ctypes.c_long(NEW_USER))
    os._exit(0 if result < 0 and ctypes.get_errno() == 1 else 1)
os.waitpid(pid, 0)
registers = (ctypes.c_ulonglong * 64)()
vector = (ctypes.c_void_p * 2)(ctypes.addressof(registers), ctypes.sizeof(registers))
changed = False
number = (15, 8)[COLUMN]
status = 0
while True:
    LIBC.ptrace(24, pid, None, None)  # PTRACE_SYSCALL
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSTOPPED(status):
        break
    LIBC.ptrace(0x4204, pid, 1, ctypes.addressof(vector))  # PTRACE_GETREGSET
    if registers[number] == GETPPID and not changed:
        word = ctypes.c_int(UNSHARE)
        registers[number] = UNSHARE
        if COLUMN:
            vector = (ctypes.c_void_p * 2)(ctypes.addressof(word), 4)
        LIBC.ptrace(0x4205, pid, 0x404 if COLUMN else 1, ctypes.addressof(vector))
        vector = (ctypes.c_void_p * 2)(ctypes.addressof(registers), ctypes.sizeof(registers))
        changed = True
must(changed, "the call was not seen, so nothing was tried")
must(os.waitstatus_to_exitcode(status) == 0, "the changed call was made")
contained()
