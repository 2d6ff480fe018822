# tries: a dump of memory, which the kernel would hand to a program of the host
# must: no core is written anywhere
# as: user, root
import os
import signal

from attempt import contained, must

pid = os.fork()
if pid == 0:
    os.kill(os.getpid(), signal.SIGSEGV)
must(not os.WCOREDUMP(os.waitpid(pid, 0)[1]), "a core was dumped")
contained()
