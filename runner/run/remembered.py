"""What a run was begun with, kept in its document, so that whoever goes on with it works in the same way: which files
boxes begin with, whether the files of steps are kept, how many steps run at once, what is taken over from a run before.

The files are kept beside the artifacts, by their digest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from runner.compiler.canonical import Json
from runner.run import artifacts, prior
from runner.run.setup import Setup
from runner.run.snapshots import Beginning, Snapshots

_Document = Mapping[str, Json]


def keep(setup: Setup, run: str) -> dict[str, Json]:
    """Keep what the run begins with; returns the fields of its document that tell it. Blocks. Raises StoreError."""
    if setup.prior.run:
        setup.prior.write(setup.state, run)
    begins: dict[str, Json] = {}
    for name, beginning in setup.snapshots.beginnings.items():
        kept = artifacts.keep(setup.state / "artifacts", artifacts.Collected(beginning.tar, 0))
        begins[name] = {"digest": kept.digest, "bytes": kept.bytes, "source": beginning.source}
    options: dict[str, Json] = {"max_parallel": setup.max_parallel, "snapshots": setup.snapshots.keep}
    return {"rerun_of": setup.prior.told(), "options": {**options, "begins": begins}}


async def again(setup: Setup, run: str, document: _Document) -> Setup:
    """The setup with which a process goes on with a run. Raises StoreError where what it began with is not whole."""
    kept = replace(setup.snapshots, keep=setup.snapshots.keep or _options(document).get("snapshots") is True)
    begins = {**await asyncio.to_thread(beginnings, setup.state, document), **kept.beginnings}
    setup = replace(setup, snapshots=Snapshots(kept.keep, begins))
    told = document.get("rerun_of")
    if isinstance(told, dict):
        setup = replace(setup, prior=await asyncio.to_thread(prior.read, setup.state, run, told))
    return setup


def beginnings(state: Path, document: _Document) -> dict[str, Beginning]:
    """The files that boxes of a run began with, by their sandboxes. Blocks. Raises StoreError."""
    begins = cast("dict[str, dict[str, Json]]", _options(document).get("begins", {}))
    return {
        name: Beginning(artifacts.load(state / "artifacts", str(about["digest"])), str(about["source"]))
        for name, about in begins.items()
    }


def max_parallel(document: _Document, otherwise: int) -> int:
    """How many steps of a run were to run at once when it began; runs of older versions do not say."""
    found = _options(document).get("max_parallel")
    return found if isinstance(found, int) else otherwise


def _options(document: _Document) -> _Document:
    found = document.get("options")
    return found if isinstance(found, dict) else {}
