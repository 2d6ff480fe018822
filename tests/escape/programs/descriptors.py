# tries: to use up the descriptors of the machine, in several processes
# must: each process stops at its own limit
# as: user, root
import os

from attempt import contained, must

for _ in range(4):
    pid = os.fork()
    if pid == 0:
        count = 0
        try:
            while count < 100_000:
                os.open("/dev/null", os.O_RDONLY)
                count += 1
        except OSError:
            os._exit(0)
        os._exit(1)
    must(os.waitpid(pid, 0)[1] == 0, "100,000 open files in one process")
contained()
