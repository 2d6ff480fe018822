# tries: to outlive its box: double forks, sessions of its own, ignored signals
# must: all end with the box
# leaves: processes
import os
import signal
import sys
import time

for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.closerange(0, 3)
            time.sleep(600)
        os._exit(0)
print("contained")
sys.stdout.flush()
