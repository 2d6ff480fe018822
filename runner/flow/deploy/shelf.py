"""Where the texts of deployed specs are kept, by content: in the state folder, and in a store that machines share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from runner.compiler.canonical import canonical
from runner.errors import StoreError
from runner.project.bundle import Bundle, from_json
from runner.run.artifacts import storage_error, write_durably
from runner.run.ports import Change, StateStore

_HINT = "Deploy the spec again: runner deploy"


def keep(state: Path, bundles: Sequence[Bundle]) -> None:
    """Keep the texts in the state folder `state`. Blocks. Raises StoreError, StoreFull."""
    for bundle in bundles:
        path = _path(state, bundle.digest)
        if not path.is_file():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_durably(path, canonical(bundle.to_json()))
            except OSError as error:
                raise storage_error(error, path) from error


async def share(store: StateStore, bundles: Sequence[Bundle]) -> None:
    """Keep the texts in an open store that workers on other machines use too. Raises StoreError."""
    for bundle in bundles:
        await store.commit(_RUN, [Change("workflow", _key(bundle.digest), 0, bundle.to_json())], [])


def find(state: Path, digest: str) -> Bundle | None:
    """The texts with that digest in the state folder; None when they are not there. Raises StoreError."""
    try:
        stored = json.loads(_path(state, digest).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"the deployed texts {digest[:12]} cannot be read: {error}", _HINT) from error
    return from_json(stored, digest)


async def fetch(store: StateStore, digest: str) -> Bundle:
    """The texts with that digest from an open store. Raises StoreError, also when they are not there."""
    record = await store.get(_RUN, "workflow", _key(digest))
    if record is None:
        raise StoreError(f"the texts {digest[:12]} that were deployed are not in the state store", _HINT)
    return from_json(record.data, digest)


#: No run: what is kept by content belongs to none.
_RUN = "deployed"


def _key(digest: str) -> str:
    return f"texts-{digest}"


def _path(state: Path, digest: str) -> Path:
    return state / "specs" / f"{digest}.json"
