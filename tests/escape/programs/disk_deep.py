# tries: folders so deep that whoever removes them fails
# must: the edge removes them with the box
import os

from attempt import contained

for _ in range(4000):
    os.mkdir("d" * 100)
    os.chdir("d" * 100)
open("leaf", "w").close()
contained()
