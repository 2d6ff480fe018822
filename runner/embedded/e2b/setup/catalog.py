"""What can be set up, whether it is there, and the templates that stand on it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from runner.embedded.e2b.setup import desktop, interpreter, shelf
from runner.embedded.e2b.setup.debian import Say
from runner.embedded.e2b.setup.shelf import Manifest, Package
from runner.embedded.e2b.templates import Template
from runner.records import dataclass

Make = Callable[[Path, Path, Say], tuple[list[Package], list[str]]]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be set up: its name, what for, its recipe (another one makes layers stale), who makes it,
    whether its layer holds extensions for one version of Python, and the template of a layer in a folder.
    """

    name: str
    what: str
    recipe: str
    make: Make
    needs_python: bool
    template: Callable[[Path], Template]


def _desktop(layer: Path) -> Template:
    return Template(
        "desktop", ("desktop",), (layer,), {"XDG_RUNTIME_DIR": "/tmp"}, cpu=2, memory_mb=4096  # noqa: S108
    )  # fmt: skip


#: A server that dies, for want of memory perhaps, is started anew.
_START = (
    'while :; do python3 -c \'import sys; sys.path[:1] = ["/opt/runner/lib"];'
    " from box.interpreter import main; main()'; sleep 0.2; done"
)
_LISTENS = "</dev/tcp/127.0.0.1/49999"


def _interpreter(layer: Path) -> Template:
    return Template(
        "code-interpreter",
        ("code-interpreter", "code-interpreter-v1"),
        (layer,),
        # `python3` in a box, and what it starts, finds the packages as the kernels do.
        {"PYTHONPATH": f"/{interpreter.LIBRARIES}", "MPLCONFIGDIR": "/tmp/.matplotlib"},  # noqa: S108
        cpu=2,
        memory_mb=1024,
        start_cmd=_START,
        ready_cmd=_LISTENS,
    )


def _recipe(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def items() -> dict[str, Item]:
    """All that can be set up, by name."""
    everything = (
        Item(
            "desktop",
            "XFCE, VNC and what moves them, for e2b_desktop and `needs: {desktop: true}`",
            _recipe(desktop.RECIPE),
            desktop.make,
            False,
            _desktop,
        ),
        Item(
            "code-interpreter",
            "IPython, Bash and JavaScript kernels with pandas and matplotlib, for e2b_code_interpreter",
            _recipe(interpreter.REQUIREMENTS.read_text()),
            interpreter.make,
            True,
            _interpreter,
        ),
    )
    return {each.name: each for each in everything}


def names() -> list[str]:
    """Every name of a template that can be set up."""
    return [name for item in items().values() for name in item.template(Path()).names]


def look(item: Item, environ: Mapping[str, str]) -> tuple[Manifest | None, str]:
    """The record of what was set up, and why it is of no use; no record and a reason where it was never."""
    manifest = shelf.read(shelf.shelf(environ) / item.name)
    return manifest, shelf.fault(manifest, item.recipe) if manifest else "it has not been set up"


def set_up(item: Item, environ: Mapping[str, str], say: Say, *, anew: bool = False) -> bool:
    """Make a layer and put it into its place; False when a good one was there and none is wanted anew.

    Another process that is at it is waited for. Raises ServiceError, SandboxMissing.
    """
    if not anew and not look(item, environ)[1]:
        return False
    place = shelf.shelf(environ)
    with shelf.turn(place, say):
        manifest, why = look(item, environ)
        if not why and not anew:
            return False
        if manifest is not None and why:
            say(f"made anew, for {why}")
        with shelf.unheld(place / item.name):
            pass  # told now rather than after minutes of work
        work = place / f".work-{item.name}"
        with shelf.making(place / item.name) as fresh:
            work.mkdir(exist_ok=True)
            shelf.write(fresh, _made(item, shelf.files(fresh), work, say))
        shelf.discard(work)  # what was fetched is kept only for a run that was broken off
    return True


def _made(item: Item, layer: Path, work: Path, say: Say) -> Manifest:
    layer.mkdir()
    packages, borrows = item.make(layer, work, say)
    python = shelf.python() if item.needs_python else ""
    return Manifest(
        item.name, item.recipe, shelf.host(), time.time(), shelf.size(layer), tuple(packages), tuple(borrows), python
    )


def take_away(item: Item, environ: Mapping[str, str], say: Say) -> bool:
    """Remove what was set up; False when nothing was. Raises ServiceError while an endpoint uses it."""
    place = shelf.shelf(environ)
    folder, work = place / item.name, place / f".work-{item.name}"
    if not folder.exists() and not work.exists():
        return False
    with shelf.turn(place, say), shelf.unheld(folder):
        there = folder.exists()
        if there:
            shelf.remove(folder)
        shelf.discard(work)
    return there


def templates(environ: Mapping[str, str] | None = None) -> Iterable[Template]:
    """The templates of all that is set up and good; nobody can take it away while this process lives."""
    where = os.environ if environ is None else environ
    for item in items().values():
        folder = shelf.shelf(where) / item.name
        while not look(item, where)[1]:
            if shelf.hold(folder):
                yield item.template(shelf.files(folder))
                break


def remedy(name: str, environ: Mapping[str, str] | None = None) -> str:
    """Why a template that can be set up is not there, and the command that makes it; empty when it is there, and for
    any other name.
    """
    plain = name.partition(":")[0]
    for item in items().values():
        if plain in item.template(Path()).names:
            _, why = look(item, os.environ if environ is None else environ)
            return f"{why}; run `runner setup {item.name}`" if why else ""
    return ""
