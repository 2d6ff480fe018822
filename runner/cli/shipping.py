"""Delivery to the audit log beside a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from runner.cli.progress import show_line
from runner.run.clock import SystemClock
from runner.run.shipper import shipped as delivering
from runner.wiring import open_audit

if TYPE_CHECKING:
    from runner.run.event import Event
    from runner.run.execute import Setup


@asynccontextmanager
async def shipped(setup: Setup, environ: Mapping[str, str]) -> AsyncIterator[Setup]:
    """The setup of a run whose events are delivered while it goes on, where the environment names an audit log.

    At the end a sentence tells what was not delivered in time. Raises UsageError for settings that say nothing, before
    the run begins; afterwards nothing about the audit log is an error of the run.
    """
    async with delivering(setup.store, open_audit(environ), SystemClock(), _told) as wake:

        def heard(event: Event) -> None:
            wake()
            if setup.on_event is not None:
                setup.on_event(event)

        yield replace(setup, on_event=heard)


def _told(sentence: str) -> None:
    show_line(sentence, err=True)
