# tries: to fill the memory by reading a file that is larger
# must: what was read is dropped again; nobody dies
import os

from attempt import contained, must

fd = os.open("hole", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 9 << 28)
read = 0
while piece := os.read(fd, 8 << 20):
    read += len(piece)
os.unlink("hole")
must(read == 9 << 28, f"only {read} bytes could be read")
contained()
