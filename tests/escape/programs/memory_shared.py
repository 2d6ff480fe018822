# tries: to hide memory in /dev/shm and in nameless files
# must: /dev/shm is full at its size, and nameless files count as the box's memory
# needs: cgroups
import os

from attempt import call, contained, must

written = 0
try:
    with open("/dev/shm/hoard", "wb") as file:
        while written < 4 << 30:
            written += file.write(bytes(16 << 20))
except OSError:
    pass
must(written < 128 << 20, f"{written} bytes in /dev/shm")
os.unlink("/dev/shm/hoard")
pid = os.fork()
if pid == 0:
    largest = b"x" * (64 << 20)  # so that this is the one whom the kernel ends
    fd = call("memfd_create", b"hoard", 0)
    piece = bytes(16 << 20)
    for _ in range(256):
        try:
            os.write(fd, piece)
        except OSError:
            os._exit(1)
    os._exit(0)
must(os.waitpid(pid, 0)[1] != 0, "4 GiB in a nameless file of a box of 2 GiB")
contained()
