"""What a template can be built upon: another template, or an image's name that this machine can honestly stand for.

Nothing is fetched from a registry: a box's lowest layer is the host's own `/usr`. So `debian` and `ubuntu` are taken
where the host is of that family, `python` and `node` where the host has that version, and all else is refused.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from runner.embedded.e2b.templates import BASE, Template
from runner.records import dataclass

#: Images whose content is that of a template of ours.
_OURS = {"e2bdev/base": "base", "e2bdev/code-interpreter": "code-interpreter", "e2bdev/desktop": "desktop"}
_DEBIANS = ("debian", "ubuntu")
#: A tag that names no version.
_ANY = {"", "latest", "lts", "stable", "current"}
_VERSION = re.compile(r"\d+(\.\d+)*")
#: Finds what boxes of a name are made of.
Find = Callable[[str], Template | None]


class NoSuchBase(Exception):
    """What the template is to be built upon cannot be had; the message says what can."""


@dataclass(frozen=True, slots=True)
class Base:
    """The template to build upon, and a sentence on what it stands for, if it is not itself."""

    template: Template
    note: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """What the machine's own programs are: its distribution, its kin, and versions; empty where there is none."""

    name: str
    kin: frozenset[str]
    python: str
    node: str


@cache
def host() -> Host:
    """What this machine is, found out once."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    kin = frozenset([release.get("ID", ""), *release.get("ID_LIKE", "").split()]) - {""}
    python = ".".join(str(number) for number in sys.version_info[:3])
    return Host(release.get("PRETTY_NAME", "Linux"), kin, python, _node())


def _node() -> str:
    program = shutil.which("node", path="/usr/local/bin:/usr/bin")
    if program is None:
        return ""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip().removeprefix("v")


def choose(request: Mapping[str, Any], find: Find, names: Sequence[str], machine: Host) -> Base:
    """What the body of a build's start asks for; `names` are those of templates there are. Raises NoSuchBase."""
    image, name = request.get("fromImage"), request.get("fromTemplate")
    if isinstance(name, str) and name and not image:
        found = find(name)
        if found is None:
            raise NoSuchBase(f"base template {name!r} not found; there are: {', '.join(names)}")
        return Base(found)
    if not isinstance(image, str) or not image or name:
        raise NoSuchBase("exactly one of fromImage and fromTemplate must be given")
    if request.get("fromImageRegistry"):
        raise NoSuchBase(f"image {image!r} is in a registry, and nothing is fetched from one; {_offered(machine)}")
    return _image(image, find, machine)


def _image(image: str, find: Find, machine: Host) -> Base:
    plain, _, tag = image.partition(":")
    plain = plain.removeprefix("docker.io/").removeprefix("library/")
    if plain in _OURS:
        found = find(_OURS[plain])
        if found is None:
            raise NoSuchBase(f"image {image!r} is the template {_OURS[plain]!r}, which has not been set up here")
        return Base(found)
    version = tag.partition("-")[0]
    if plain in _DEBIANS and machine.kin.intersection(_DEBIANS):
        return Base(BASE, f"{image} is stood for by this machine's own programs: {machine.name}")
    there = {"python": machine.python, "node": machine.node}.get(plain, "")
    if there and _fits(version, there):
        return Base(BASE, f"{image} is stood for by this machine's own programs: {machine.name}, {plain} {there}")
    raise NoSuchBase(f"image {image!r} cannot be had, for nothing is fetched from a registry; {_offered(machine)}")


def _fits(wanted: str, there: str) -> bool:
    """Whether a tag's version is that of what is there, as far as it says."""
    if not _VERSION.fullmatch(wanted):
        return True  # `lts`, or a distribution's name
    return f"{there}.".startswith(f"{wanted}.")


def _offered(machine: Host) -> str:
    found = [
        "e2bdev/base",
        *(each for each in _DEBIANS if machine.kin.intersection(_DEBIANS)),
        f"python:{machine.python}",
    ]
    return "this endpoint builds upon " + ", ".join([*found, *([f"node:{machine.node}"] if machine.node else [])])
