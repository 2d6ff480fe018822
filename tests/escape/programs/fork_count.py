# tries: more processes than a box may have
# must: fork is refused within the limit, and the box goes on when they have ended
import os
import signal

from attempt import contained, must

children = []
try:
    while len(children) < 5000:
        children.append(os.posix_spawn("/bin/sleep", ["sleep", "60"], {}))
except OSError:
    pass
for pid in children:
    os.kill(pid, signal.SIGKILL)
for pid in children:
    os.waitpid(pid, 0)
must(len(children) < 2048, f"{len(children)} processes")
contained()
