"""Snapshots: templates taken from boxes, by id and by name."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from runner.embedded.e2b.boxes.kept import Snapshot
from runner.embedded.e2b.templates import DEFAULT_TAG, Template


class Snapshots:
    """All snapshots of an edge. A build is `template:tag`; a template has an id and at most one name."""

    def __init__(self, known: Iterable[Snapshot] = ()) -> None:
        self._builds: dict[tuple[str, str], Snapshot] = {}
        for each in known:
            self._builds[each.template.id, each.tag] = each

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(list(self._builds.values()))

    def add(self, template: Template, source: str, name: str = "", tag: str = DEFAULT_TAG) -> Snapshot:
        """Take up a snapshot of the box `source`: as a new build of the template that has the `name`, else of a new
        one.
        """
        names = (name,) if name else ()
        known = next((each for each in self._builds.values() if name and each.template.names == names), None)
        build = replace(template, id=known.template.id if known else _new_id(), names=names)
        taken = Snapshot(build, tag, source, time.time())
        self._builds.pop((build.id, tag), None)  # the newest one is the last
        self._builds[build.id, tag] = taken
        return taken

    def find(self, name: str) -> Snapshot | None:
        """The snapshot that `id`, `name`, or either with `:tag` means."""
        plain, _, tag = name.lower().partition(":")
        for (template, build), each in self._builds.items():
            if build == (tag or DEFAULT_TAG) and plain in (template, *each.template.names):
                return each
        return None

    def named(self, name: str) -> Template | None:
        """The last build of the template that has this id or name, whatever its tag."""
        plain = name.lower().partition(":")[0]
        found = [each.template for each in self if plain in (each.template.id, *each.template.names)]
        return found[-1] if found else None

    def delete(self, name: str) -> bool:
        """Forget what `name` means: one build when it has a tag, else all of the template; whether there was any."""
        plain, _, tag = name.lower().partition(":")
        gone = [
            key for key, each in self._builds.items() if plain in (key[0], *each.template.names) and tag in ("", key[1])
        ]
        for key in gone:
            del self._builds[key]
        return bool(gone)


def full_name(snapshot: Snapshot) -> str:
    """What the API calls a snapshot: its name, or else its template's id, with the tag."""
    template = snapshot.template
    return f"{template.names[0] if template.names else template.id}:{snapshot.tag}"


def _new_id() -> str:
    letters = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(letters) for _ in range(20))
