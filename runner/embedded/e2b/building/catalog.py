"""The templates that people have built: asked for, ready, tagged, deleted; kept in a folder, with their layers.

The folder: `index.json`, `layers/<key>/` (a layer of files per step, by the key of the work that made it),
`steps/<key>.json` (what else the step has set), `uploads/<hash>` (archives for COPY). Layers are named from the folder
above, where those of snapshots lie too, so that it may be moved as a whole.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from runner.embedded.e2b.building import records
from runner.embedded.e2b.building.records import FAILED, READY, Assignment, Build, Record
from runner.embedded.e2b.building.steps import Progress
from runner.embedded.e2b.folders import durable
from runner.embedded.e2b.folders.state import remove
from runner.embedded.e2b.templates import DEFAULT_TAG, Template, Templates, relative
from runner.records import dataclass

#: The version of the index.
VERSION = 1
_NAME = re.compile(r"[a-z0-9_-]{1,128}(/[a-z0-9_-]{1,128})?")
_TAG = re.compile(r"[a-z0-9_.-]{1,128}")
#: Seconds for which work that no template needs is kept: the next try of a failed build begins there.
_SPARE = 24 * 3600.0


class NameRefused(Exception):
    """A name or tag that cannot be; the message says why."""


class NotThere(Exception):
    """There is no such template, build or tag; the message names it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks a build of: the template's name, the build's tags, and sizes (MiB)."""

    name: str
    tags: tuple[str, ...]
    cpu: int
    memory_mb: int
    disk_mb: int


class Catalog:
    """All templates with a history, and what of their work can be shared."""

    def __init__(
        self,
        folder: Path,
        templates: Templates,
        used: Callable[[Path], bool],
        taken: Callable[[str], bool] = lambda name: False,
        *,
        sync: bool = False,
    ) -> None:
        """`used` tells whether a box or snapshot still needs a layer, whatever becomes of its template; `taken`
        whether a snapshot has a name. `sync`: what is written down survives a loss of power. Raises ServiceError.
        """
        self._place, self._sync = folder.parent, sync
        self._taken = taken
        self.templates = templates
        self.layers, self._steps, self.uploads = folder / "layers", folder / "steps", folder / "uploads"
        self._index, self._used = folder / "index.json", used
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.layers.mkdir(exist_ok=True)  # boxes' users may have to walk to it
        for each in (self._steps, self.uploads):
            each.mkdir(mode=0o700, exist_ok=True)
        self._records: dict[str, Record] = {}
        self._orphans: set[Path] = set()
        with durable.reading(self._index):
            for row in durable.load(self._index, VERSION).get("templates", []):
                self._take_up(records.from_json(row, self._place))
        for half in (*self.layers.glob(".*"), *self.uploads.glob(".*")):
            remove(half)  # of an endpoint that was killed
        self.expire()
        self.discard(self.set_aside(self.rubbish()))

    def _take_up(self, record: Record) -> None:
        self._records[record.id] = record
        self.templates.withdraw(record.id)
        for tag, each in record.tags().items():
            made = record.builds[each.build].made
            if made is not None and all(layer.is_dir() for layer in made.layers):
                self.templates.publish(made, tag)

    def save(self) -> None:
        """Write down what is over, as a whole."""
        rows = [records.as_json(each, self._place) for each in self._records.values()]
        index = {"version": VERSION, "templates": [row for row in rows if row["builds"]]}
        durable.replace(self._index, json.dumps(index).encode(), sync=self._sync)

    # ------------------------------------------------------------- looking

    def all(self) -> list[Record]:
        """All templates, the oldest first."""
        return sorted(self._records.values(), key=lambda each: (each.created_at, each.id))

    def find(self, name: str) -> Record | None:
        """The template of this id or name, tags aside."""
        plain = name.strip().lower().partition(":")[0]
        return self._records.get(plain) or next((each for each in self.all() if plain in each.names), None)

    def get(self, name: str) -> Record:
        """The template of this id or name. Raises NotThere."""
        record = self.find(name)
        if record is None:
            raise NotThere(f"Template '{name}' not found")
        return record

    def build(self, name: str, build_id: str) -> tuple[Record, Build]:
        """A template and one build of it. Raises NotThere."""
        record = self.get(name)
        if build_id not in record.builds:
            raise NotThere(f"Build '{build_id}' of template '{name}' not found")
        return record, record.builds[build_id]

    def spawned(self, template: Template) -> None:
        """Note that a box has been made of a template."""
        record = self._records.get(template.id)
        if record is not None:
            record.spawned, record.spawned_at = record.spawned + 1, time.time()

    # ------------------------------------------------------------- building

    def request(self, wish: Wish) -> tuple[Record, Build]:
        """Take up the wish for a build, of a new template or of one with that name. Raises NameRefused."""
        name, tags = split(wish.name, wish.tags)
        if self.templates.is_builtin(name):
            raise NameRefused(f"the template {name!r} is built in: choose another name")
        if self._taken(name):
            raise NameRefused(f"a snapshot is named {name!r}: delete it, or choose another name")
        record = self.find(name) or Record(records.new_id(), (name,))
        made = Build(record.id, tags, wish.cpu, wish.memory_mb, wish.disk_mb)
        record.builds[made.id] = made
        self._records[record.id] = record
        return record, made

    def finish(self, build: Build, template: Template) -> None:
        """A build is ready: from now on its tags mean it."""
        record, now = self._records.get(build.template), time.time()
        if record is None:
            self.fail(build, "its template was deleted", "")
            return
        build.made, build.status, build.finished_at = replace(template, build=build.id), READY, now
        record.assigned += [Assignment(tag, build.id, now) for tag in build.tags]
        record.updated_at = now
        self._take_up(record)
        self.save()

    def fail(self, build: Build, reason: str, step: str) -> None:
        """A build has failed: nothing comes of it."""
        build.reason, build.step, build.status, build.finished_at = reason, step, FAILED, time.time()
        if build.template in self._records:
            self.save()

    # ------------------------------------------------------------- changing

    def assign(self, target: str, names: Iterable[str]) -> tuple[Build, list[str]]:
        """Give the build that `target` (`name:tag`) means more tags. Raises NotThere, NameRefused."""
        record = self.get(target)
        tags = [_tag(each.rpartition(":")[2]) for each in names]
        build = record.builds[self._tagged(record, target.lower().partition(":")[2] or DEFAULT_TAG).build]
        record.assigned += [Assignment(tag, build.id, time.time()) for tag in tags]
        self._take_up(record)
        self.save()
        return build, tags

    def unassign(self, name: str, names: Iterable[str]) -> None:
        """Take tags from whatever builds have them. Raises NotThere."""
        record = self.get(name)
        gone = {each.lower().rpartition(":")[2] for each in names}
        for tag in gone:
            self._tagged(record, tag)
        record.assigned = [each for each in record.assigned if each.tag not in gone]
        self._take_up(record)
        self.save()

    def _tagged(self, record: Record, tag: str) -> Assignment:
        found = record.tags().get(tag)
        if found is None:
            raise NotThere(f"Template '{record.names[0]}' has no tag '{tag}'")
        return found

    def delete(self, record: Record) -> None:
        """Forget a template with all its builds. Boxes made of it go on."""
        self._records.pop(record.id, None)
        self.templates.withdraw(record.id)
        layers = {layer for build in record.builds.values() if build.made for layer in build.made.layers}
        self._orphans |= {layer for layer in layers if layer.parent == self.layers}
        self.save()

    # ------------------------------------------------------------- shared work

    def known(self, key: str) -> Progress | None:
        """What the work of this key has come to, if it has been done and is still there."""
        try:
            row = json.loads((self._steps / f"{key}.json").read_text())
        except (OSError, ValueError):
            return None
        layers = tuple(self._place / each for each in row["layers"])
        return Progress(**{**row, "layers": layers}) if all(each.is_dir() for each in layers) else None

    def fresh(self, key: str) -> Path:
        """Where to put the layer that the work of this key makes: never where an earlier one lies, which boxes use."""
        return self.layers / f"{key[:16]}-{secrets.token_hex(3)}"

    def learn(self, progress: Progress) -> None:
        """Remember what work has come to."""
        row = {**asdict(progress), "layers": [relative(each, self._place) for each in progress.layers]}
        durable.replace(self._steps / f"{progress.key}.json", json.dumps(row).encode(), sync=False)

    def rubbish(self, building: Iterable[Progress] = ()) -> list[Path]:
        """The layers that no template, box, snapshot or running build needs.

        Those of failed builds stay for a day, for the next try begins with them; those of deleted templates do not.
        """
        needed = self._needed().union(*(each.layers for each in building))
        spare = time.time() - _SPARE
        there: list[tuple[Path, float]] = []
        for layer in self.layers.glob("[!.]*"):
            with suppress(FileNotFoundError):  # another sweep is at it
                there.append((layer, layer.stat().st_ctime))
        return [
            layer
            for layer, made in there
            if (layer in self._orphans or made < spare) and layer not in needed and not self._used(layer)
        ]

    def set_aside(self, layers: Iterable[Path]) -> list[Path]:
        """Take layers from where work is found again, at once; what comes of it can be removed while builds go on."""
        aside = []
        for layer in layers:
            self._orphans.discard(layer)
            aside.append(layer.rename(layer.with_name(f".gone-{layer.name}")))
        return aside

    def discard(self, aside: Iterable[Path]) -> None:
        """Remove layers that were set aside, and forget the work that they were the result of; blocks."""
        for layer in aside:
            remove(layer)
        for file in self._steps.glob("*.json"):
            if self.known(file.stem) is None:
                file.unlink(missing_ok=True)

    def has_upload(self, name: str) -> bool:
        """Whether an archive is there; if so, it stays for a day from now."""
        try:
            os.utime(self.uploads / name)
        except FileNotFoundError:
            return False
        return True

    def expire(self) -> None:
        """Remove the archives that no build has asked for in a day; blocks."""
        for archive in self.uploads.iterdir():
            with suppress(FileNotFoundError):  # it has just come whole, and has its name now
                if archive.stat().st_mtime < time.time() - _SPARE:
                    archive.unlink()

    def _needed(self) -> set[Path]:
        """The layers of all builds that a tag means. What no tag means any more can be had by nobody."""
        means = [(record, each.build) for record in self._records.values() for each in record.tags().values()]
        found = [record.builds[build].made for record, build in means]
        return {layer for made in found if made is not None for layer in made.layers}


def split(name: str, tags: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A template's name and a build's tags, as `name`, `name:tag` and a list of tags mean them. Raises NameRefused."""
    plain, _, tag = name.lower().partition(":")
    if not _NAME.fullmatch(plain):
        raise NameRefused(f"a template's name has small letters, digits, - and _, not {name!r}")
    found = [_tag(each) for each in (*([tag] if tag else []), *tags)]
    return plain, tuple(dict.fromkeys(found)) or (DEFAULT_TAG,)


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text.lower()):
        raise NameRefused(f"a tag has letters, digits, -, _ and ., not {text!r}")
    return text.lower()
