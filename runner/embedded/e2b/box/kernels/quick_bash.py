"""The Bash kernel: that of `bash_kernel`, without the rest of 50 ms that `pexpect` takes before each line it types.

A program of its own, started with `-f CONNECTION_FILE`. The rest is for programs that turn the terminal's echo off
late; here the terminal begins without echo. The kernel types some forty lines when it starts, and all of a cell's.
"""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    """Serve until told to end."""
    # The program's own folder would hide modules of the user's.
    sys.path[0] = ""
    import pexpect
    from bash_kernel.kernel import BashKernel
    from ipykernel.kernelapp import IPKernelApp

    spawn = pexpect.spawn

    def quick(*words: Any, **named: Any) -> Any:
        child = spawn(*words, **named)
        child.delaybeforesend = None
        return child

    pexpect.spawn = quick
    IPKernelApp.launch_instance(sys.argv[1:], kernel_class=BashKernel)


if __name__ == "__main__":
    main()
