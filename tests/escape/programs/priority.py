# tries: a better place at the processor: negative nice, realtime scheduling
# must: both are refused
# as: user, root
import os

from attempt import contained, must

try:
    os.nice(-5)
    must(False, "a negative nice value")
except OSError:
    pass
for policy in (os.SCHED_FIFO, os.SCHED_RR):
    try:
        os.sched_setscheduler(0, policy, os.sched_param(1))
        must(False, "realtime scheduling")
    except OSError:
        pass
contained()
