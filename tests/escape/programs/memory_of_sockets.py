# tries: to hide memory in the buffers of sockets and pipes
# must: that ends at the box's limits of memory or of open files
# needs: cgroups
import fcntl
import os
import socket

from attempt import contained, must

pid = os.fork()
if pid == 0:
    largest = b"x" * (64 << 20)  # so that this is the one whom the kernel ends
    held, total = [], 0
    piece = bytes(1 << 16)
    try:
        while total < 4 << 30:
            pair = socket.socketpair()
            held.append(pair)
            pair[0].setblocking(False)
            pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            try:
                while True:
                    total += pair[0].send(piece)
            except BlockingIOError:
                pass
            ends = os.pipe2(os.O_NONBLOCK)
            held.append(ends)
            try:
                fcntl.fcntl(ends[1], 1031, 1 << 20)  # F_SETPIPE_SZ
            except OSError:
                pass
            try:
                while True:
                    total += os.write(ends[1], piece)
            except BlockingIOError:
                pass
    except OSError:
        os._exit(1)
    os._exit(0)
must(os.waitpid(pid, 0)[1] != 0, "4 GiB in buffers of a box of 2 GiB")
contained()
