"""The conformance suite of the Sandbox port: what every provider has to pass, the fake one too.

Each check names the wound that made it. Run one with `await check.run(Lab(open))`, where `open` makes a
Sandbox; it raises AssertionError or the error of the call that failed. Boxes need bash, tar, python3 and
the usual small tools.
"""

from runner.sandbox.conformance.background import BACKGROUND_CHECKS
from runner.sandbox.conformance.check import Check, ConformanceFailed, Lab
from runner.sandbox.conformance.commands import COMMAND_CHECKS
from runner.sandbox.conformance.files import FILE_CHECKS
from runner.sandbox.conformance.life import LIFE_CHECKS
from runner.sandbox.conformance.tars import TAR_CHECKS, hostile_tars

CHECKS: tuple[Check, ...] = (*FILE_CHECKS, *COMMAND_CHECKS, *BACKGROUND_CHECKS, *LIFE_CHECKS, *TAR_CHECKS)

__all__ = ["CHECKS", "Check", "ConformanceFailed", "Lab", "hostile_tars"]
