# tries: to end or stop the agent by every signal there is
# must: it goes on answering
# as: user, root
import os
import signal

from attempt import contained

for number in range(1, signal.SIGRTMAX + 1):
    try:
        os.kill(1, number)
    except OSError:
        continue
contained()
