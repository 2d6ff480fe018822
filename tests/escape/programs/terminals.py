# tries: to use up the terminals of the machine
# must: the host keeps some for itself
# host: terminal
# runs: background
import os
import time

held = []
try:
    while len(held) < 10_000:
        held.append(os.openpty())
except OSError:
    pass
time.sleep(60)
