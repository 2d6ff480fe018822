# tries: to learn from the table of mounts what other boxes and the edge are called
# must: it names no other box and none of the edge's secrets, and what it names cannot be opened
import os

from attempt import contained, must

table = open("/proc/self/mountinfo").read()
print(table)
must(os.environ["OTHER_BOX"] not in table, "another box is named")
must(os.environ["BAIT_FILE"] not in table, "a file of the host is named")
for line in table.splitlines():
    words = line.split()
    if words[3] != "/" and not words[4].startswith("/proc"):
        must(words[3] == words[4] or not os.path.exists(words[3] + "/../../lock"), f"{words[3]} is the host's")
contained()
