"""`python -m tests.chaos`: kill what runs, again and again, and count what was lost. See docs/chaos.md."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Campaign, Limits
from tests.chaos.machines import machines
from tests.chaos.processes import adopt_orphans
from tests.chaos.schedule import VICTIMS


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="end after so many kills that hit (100)")
    parser.add_argument("--minutes", type=float, default=60.0, help="end after so many minutes (60)")
    parser.add_argument("--seed", type=int, default=None, help="the schedule; the same seed gives the same one")
    parser.add_argument("--only", default=",".join(VICTIMS), help=f"who is killed, of: {','.join(VICTIMS)}")
    parser.add_argument("--machines", type=int, default=0, help="first so many random workflows in one process (0)")
    parser.add_argument("--round", type=int, default=None, help="only this round of the schedule")
    parser.add_argument("--folder", type=Path, default=None, help="where rounds with faults are kept")
    return parser.parse_args()


def main() -> int:
    """The exit code: 1 when a promise was broken."""
    told = _arguments()
    only = tuple(each for each in VICTIMS if each in told.only.split(","))
    if not only or set(told.only.split(",")) - set(VICTIMS):
        _say(f"--only takes some of {','.join(VICTIMS)}")
        return 2
    seed = secrets.randbelow(10**6) if told.seed is None else told.seed
    folder = told.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    if told.machines:
        machines(told.machines)
        _say(f"machines      {told.machines} random workflows under random faults: nothing lost or done twice")
    adopt_orphans()
    campaign = Campaign(folder.absolute(), seed, only, _say)
    figures = campaign.run(Limits(told.kills, told.minutes * 60)) if told.round is None else campaign.only(told.round)
    _say(str(figures))
    if figures.faults:
        _say(f"promises were broken; what is left of those rounds is in {folder}")
        return 1
    if told.folder is None:
        folder.rmdir()
    return 0


if __name__ == "__main__":
    sys.exit(main())
