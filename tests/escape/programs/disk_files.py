# tries: to use up the files that the host's disk can hold
# must: they are the box's own, and are gone with it
# leaves: inodes
import os

from attempt import contained

os.mkdir("many")
try:
    for number in range(20_000):
        os.close(os.open(f"many/{number}", os.O_WRONLY | os.O_CREAT))
except OSError:
    pass
contained()
