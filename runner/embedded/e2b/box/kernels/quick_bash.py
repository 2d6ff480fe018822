r"""The Bash kernel: that of `bash_kernel`, quicker, and without losses.

A program of its own, started with `-f CONNECTION_FILE`. What is mended:

- `pexpect` rests 50 ms before each line that it types, for programs that turn the terminal's echo off late. Here the
  terminal begins without echo; and the kernel types some forty lines when it starts, and all of a cell's.
- Where the terminal's `\r\n` came in two pieces, it was taken for two ends of lines.
- Lines that come faster than they are taken were dropped.
"""

from __future__ import annotations

import re
import sys
from typing import Any


def _mend_pexpect() -> None:
    import pexpect

    spawn = pexpect.spawn

    def quick(*words: Any, **named: Any) -> Any:
        child = spawn(*words, **named)
        child.delaybeforesend = None
        return child

    pexpect.spawn = quick


def _mend_lines() -> None:
    from bash_kernel import kernel

    class Lines(kernel.IREPLWrapper):  # type: ignore[misc]  # bash_kernel is known in boxes only
        def _expect_prompt(self, timeout: float | None = -1) -> int:
            if timeout is not None:
                return int(super()._expect_prompt(timeout))
            ends = [re.compile(each, re.DOTALL) for each in (self.ps1_re, self.ps2_re, r"\r?\n", r"\r(?=[^\n])")]
            while (found := int(self.child.expect_list(ends, timeout=None))) > 1:
                self.line_output_callback(self.child.before + ("\n" if found == 2 else "\r"))
            if self.child.before:
                self.line_output_callback(self.child.before)
            return found

    kernel.IREPLWrapper = Lines


def main() -> None:
    """Serve until told to end."""
    # The program's own folder would hide modules of the user's.
    sys.path[0] = ""
    import zmq
    from bash_kernel.kernel import BashKernel
    from ipykernel.kernelapp import IPKernelApp

    class App(IPKernelApp):  # type: ignore[misc]
        def init_iopub(self, context: Any) -> None:
            context.setsockopt(zmq.SNDHWM, 0)  # without it, all above a thousand messages under way is dropped
            super().init_iopub(context)

    _mend_pexpect()
    _mend_lines()
    App.launch_instance(sys.argv[1:], kernel_class=BashKernel)


if __name__ == "__main__":
    main()
