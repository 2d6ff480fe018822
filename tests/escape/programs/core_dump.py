# tries: a dump of memory, which the kernel would hand to a program of the host
# must: no core is written or handed over, and the limit that sees to it cannot be changed
# as: user, root
import os
import resource
import signal

from attempt import contained, must

for limits in ((0, 1), (0, 0)):
    resource.setrlimit(resource.RLIMIT_CORE, limits)
    must(resource.getrlimit(resource.RLIMIT_CORE) == (1, 1), "a limit other than 1 lets a pipe have the dump")
pid = os.fork()
if pid == 0:
    os.kill(os.getpid(), signal.SIGSEGV)
must(not os.WCOREDUMP(os.waitpid(pid, 0)[1]), "a core was dumped")
contained()
