"""Templates: what boxes are made of (layers of files, environment, sizes, commands), and by which names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from runner.records import dataclass

#: What the hosted service gives a template whose builder names no sizes, as far as this machine has it.
CPU_COUNT = min(2, os.cpu_count() or 1)
MEMORY_MB = min(512, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") // 2**20)
DISK_MB = 10 * 1024
#: Steps of a spec install packages and run whole suites of tests in it. A box that has no such amount is told so.
_BASE_MEMORY_MB = 2048
#: The tag of a build that nobody has given another.
DEFAULT_TAG = "default"


@dataclass(frozen=True, slots=True)
class Template:
    """One build of a template, ready to make boxes of.

    `id` is the template's, `names` its aliases. `layers` lie over the base, the first lowest: folders on the host that
    hold some of `layers.TOPS`. `env` is every command's environment; `user` and `workdir` (absolute; empty: the
    user's home) are what a command gets that asks for none. `cpu` counts processors, `memory_mb` and `disk_mb` are
    MiB. `start_cmd` runs from each box's start; `create` answers once `ready_cmd` has ended with 0.
    """

    id: str
    names: tuple[str, ...] = ()
    layers: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = "user"
    workdir: str = ""
    cpu: int = CPU_COUNT
    memory_mb: int = MEMORY_MB
    disk_mb: int = DISK_MB
    start_cmd: str = ""
    ready_cmd: str = ""
    build: str = ""


def relative(layer: Path, place: Path) -> str:
    """How a file in the folder `place` names a layer, so that the folder may be moved: `place / name` is the layer."""
    return str(layer.relative_to(place) if layer.is_relative_to(place) else layer)


#: What is always there: the host's programs and an empty home.
BASE = Template("base", ("base",), memory_mb=_BASE_MEMORY_MB)


class Templates:
    """All templates of an edge, by every name that a client may use; large letters count as small ones."""

    def __init__(self, builtin: Iterable[Template] = (BASE,)) -> None:
        """`builtin` are there without having been built, and can be neither built anew nor deleted."""
        self._found: dict[tuple[str, str], Template] = {}
        self._builtin: set[str] = set()
        for each in builtin:
            self.add(each)

    def find(self, name: str) -> Template | None:
        """What boxes of `id`, `name`, or either with `:tag`, are made of; None where no such build is ready."""
        plain, _, tag = name.strip().lower().partition(":")
        return self._found.get((plain, tag or DEFAULT_TAG))

    def add(self, template: Template) -> None:
        """Offer a template that has been set up by other means than a build."""
        self._builtin.update((template.id, *template.names))
        self.publish(template, DEFAULT_TAG)

    def is_builtin(self, name: str) -> bool:
        """Whether an id or a name (without a tag) is that of a template that nobody has built here."""
        return name.lower() in self._builtin

    def builtin(self) -> list[Template]:
        """Those templates, by id."""
        found = {each.id: each for each in self._found.values() if each.id in self._builtin}
        return [found[name] for name in sorted(found)]

    def publish(self, template: Template, tag: str) -> None:
        """Let `id:tag` and `name:tag` mean a build that is ready."""
        for name in (template.id, *template.names):
            self._found[name, tag] = template

    def withdraw(self, template_id: str) -> None:
        """Let nothing mean any build of a template."""
        self._found = {key: each for key, each in self._found.items() if each.id != template_id}

    def names(self) -> list[str]:
        """Every name by which a template can be asked for, sorted."""
        return sorted({name if tag == DEFAULT_TAG else f"{name}:{tag}" for name, tag in self._found})
