"""Delivery to the audit log beside a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from runner.cli.progress import show_line
from runner.cli.state import audit_log

if TYPE_CHECKING:
    from runner.run.event import Event
    from runner.run.execute import Setup

#: Seconds that a run which has ended waits for its last events to be delivered.
PATIENCE = 10.0


@asynccontextmanager
async def shipped(setup: Setup, environ: Mapping[str, str]) -> AsyncIterator[Setup]:
    """The setup of a run whose events are delivered while it goes on, where the environment names an audit log.

    At the end a sentence tells what was not delivered in time; it stays in the store. Raises UsageError for settings
    that say nothing, before the run begins; afterwards nothing about the audit log is an error of the run.
    """
    async with audit_log(environ) as log:
        if log is None:
            yield setup
            return
        from runner.run.clock import SystemClock
        from runner.run.shipper import Shipper, Shipping

        shipper = Shipper(setup.store, log, SystemClock(), _told)
        shipping = Shipping(shipper, log.name)

        def heard(event: Event) -> None:
            shipping.wake()
            if setup.on_event is not None:
                setup.on_event(event)

        try:
            yield replace(setup, on_event=heard)
        finally:
            left = await shipping.finish(setup.store, PATIENCE)
            if left:
                _told(left)


def _told(sentence: str) -> None:
    show_line(sentence, err=True)
