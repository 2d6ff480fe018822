"""What the worker starts for a flow run: `python -I -S launch.py SOCKET` stands for a copy of the zygote.

The process gets this one's environment, working folder and outputs. A signal that comes here goes on to it, its exit
code becomes this one's, and when this process is killed, so is that one. Without a zygote Prefect's own engine is
started in place of this program. Only the standard library is used, and little of it: the start costs milliseconds.
"""

import array
import os
import signal
import socket
import sys

#: Bytes in front of each message: its length, big-endian.
HEADER = 4


def main(path: str) -> int:
    """Run the flow run of this environment; the exit code of its process, 128 + n for one that signal n ended."""
    here = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        here.connect(path)
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", "prefect.engine"])  # noqa: S606 - a program of our own
    # Two fields a line would do, but values may hold line ends: NUL can be in none.
    pairs = [part for name, value in os.environb.items() for part in (name, value)]
    request = b"\0".join([os.getcwdb(), *pairs])  # noqa: PTH109 - pathlib alone takes longer than all of this
    fds = array.array("i", [1, 2])
    here.sendmsg([len(request).to_bytes(HEADER, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    here.sendall(request)

    def pass_on(number: int, _frame: object) -> None:
        here.sendall(bytes([number]))

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    answer = here.recv(1)
    # Nothing was answered: the zygote is gone, and its processes with it.
    return answer[0] if answer else 128 + signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
