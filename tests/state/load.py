"""`python -m tests.state.load RUN COMMITS [SHARED]`: a process that moves a record of its run again and again.

The state is what the environment names. Each acknowledged commit is a line on standard output, `RUN NUMBER`; with
SHARED, every commit also adds an event to that run, which other processes write too.
"""

from __future__ import annotations

import asyncio
import os
import sys

from runner.run.event import EventDraft
from runner.run.ports import Change
from runner.store.state_settings import state_address
from runner.store.surreal import SurrealStore

NOW = "2026-01-31T12:00:00.000000Z"


async def main(run: str, commits: int, shared: str) -> None:
    store = SurrealStore.at(lambda: state_address(os.environ))
    await store.open()
    try:
        for number in range(commits):
            event = EventDraft("step.started", NOW, "a", 1, {"by": run, "n": number})
            await store.commit(run, [Change("step", "a", number, {"n": number, "state": "running"})], [event])
            if shared:
                await store.commit(shared, [], [event])
            sys.stdout.write(f"{run} {number}\n")
            sys.stdout.flush()
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
