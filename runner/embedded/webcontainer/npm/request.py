"""What a container asks npm for, and what of it may be asked of the machine's own npm.

npm can read and pack files of this machine, start git and other programs, and take settings that name programs. None of
that is for a container: only packages from registries and archives from the web.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from runner.embedded.webcontainer.npm import npmrc
from runner.embedded.webcontainer.npm.reach import Reach
from runner.embedded.webcontainer.npm.refused import Refused
from runner.records import dataclass

_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
_FILES = ("package.json", *_LOCKS, ".npmrc")
#: Of one request.
MOST_BYTES = 32 * 1024 * 1024
_PACKAGE = re.compile(r"(@[a-z0-9~_.-]+/)?[A-Za-z0-9~_-][A-Za-z0-9~_.-]*", re.ASCII)
# A version, a range of them, or a tag: nothing that npm takes for a path, an address or a repository.
_RANGE = re.compile(r"[A-Za-z0-9_.+*^~<>=| -]*", re.ASCII)
_GROUPS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_FLAG_WORDS = """
--save --save-dev -D --save-prod -P -S --save-optional -O --save-peer --no-save --save-exact -E --save-bundle -B
--legacy-peer-deps --strict-peer-deps --force -f --production --no-optional --prefer-offline --prefer-online
--no-package-lock --package-lock --package-lock-only --no-audit --no-fund --audit --fund --silent -s --quiet -q
--verbose -d --no-progress --progress --engine-strict --ignore-scripts --prefer-dedupe --no-bin-links --yes -y
"""
_VALUED_WORDS = """
--omit --include --only --loglevel --install-strategy --tag --registry --audit --fund --save --progress
--package-lock --save-prefix --optional --legacy-peer-deps --before
"""
_FLAGS, _VALUED = (frozenset(text.split()) for text in (_FLAG_WORDS, _VALUED_WORDS))


@dataclass(frozen=True, slots=True)
class Request:
    """`command` install or ci, its `args`, and the `files` of the folder in which it is called; `warnings` say what of
    the settings is not heeded.
    """

    command: str
    args: tuple[str, ...]
    files: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def read(body: bytes, reach: Reach) -> Request:
    """What a container has asked for. Raises Refused for what is not done here, and for what cannot be read."""
    reach.check_registry()
    try:
        said = json.loads(body)
        command, args, files = said["command"], said.get("args", []), said["cwd_files"]
        words = [command, *args, *files.values()]
        "".join(words).encode()  # texts only, and no half characters: those cannot be written down
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refused("the engine has asked for something that is no installation") from error
    if command not in ("install", "ci"):
        raise Refused(f"npm {command} is not what runs here: install and ci do")
    words = list(_arguments(args, reach))
    kept = {name: text for name, text in files.items() if name in _FILES}
    _check_manifest(kept.get("package.json", "{}"), reach)
    for name in _LOCKS:
        check_lock(kept.get(name, "{}"), reach)
    settings, warnings = npmrc.read(kept.pop(".npmrc", ""), reach)
    return Request(command, tuple(words), {**kept, ".npmrc": settings}, tuple(warnings))


def check_lock(text: str, reach: Reach) -> None:
    """Raises Refused for a lock file that names anything but archives from where it may fetch."""
    lock = _object(text, "the lock file")
    packages = lock.get("packages", {})
    for place, about in packages.items() if isinstance(packages, dict) else ():
        if isinstance(about, dict):
            _check_locked(place, about, reach)
    _check_old_lock(lock.get("dependencies"), reach)


def _check_locked(place: str, about: dict[str, Any], reach: Reach) -> None:
    where = f"the lock file: {place}"
    for group in _GROUPS:
        for name, source in _sources(about.get(group)):
            _check_source(f"{where}: {name}", source, reach)
    if not place:  # the project itself
        return
    if about.get("link") and _is_module(about.get("resolved")):
        # A link to a package that is another entry: so is the install strategy `linked`.
        about = {name: value for name, value in about.items() if name not in ("link", "resolved")}
    if about.get("link") or not _is_module(place):
        raise Refused(f"{where} is a folder of a workspace, which is not installed here")
    if isinstance(real := about.get("name"), str) and not _PACKAGE.fullmatch(real):
        raise Refused(f"{where}: {real} is not the name of a package")
    _check_origin(where, about, reach)


def _is_module(place: object) -> bool:
    return isinstance(place, str) and place.startswith("node_modules/") and ".." not in place.split("/")


def _check_origin(where: str, about: dict[str, Any], reach: Reach) -> None:
    """What npm takes for the place to fetch from: where nothing is `resolved`, the version, or what was asked for."""
    if isinstance(source := about.get("resolved"), str):
        reach.check_url(source)
    if isinstance(version := about.get("version"), str):
        _check_source(where, version, reach)
    if isinstance(asked := about.get("from"), str):
        if "@" in asked[1:]:
            _check_named(asked, reach)
        else:
            _check_source(where, asked, reach)


def _check_old_lock(known: object, reach: Reach) -> None:
    """The form of lock files up to npm 6, which npm still reads."""
    for about in known.values() if isinstance(known, dict) else ():
        if isinstance(about, dict):
            _check_origin("the lock file", about, reach)
            _check_old_lock(about.get("dependencies"), reach)


def _arguments(words: list[str], reach: Reach) -> Iterator[str]:
    """The words of the command line, an option and its value in one. Raises Refused."""
    rest = iter(words)
    for word in rest:
        if "${" in word or not word.isprintable():
            # npm fills variables in wherever a setting has them, secrets of this machine among them.
            raise Refused(f"npm's argument {word!r}: variables and control characters are not taken here")
        name, given, value = word.partition("=")
        if not word.startswith("-"):
            _check_named(word, reach)
            yield word
        elif word in _FLAGS:
            yield word
        elif name not in _VALUED:
            raise Refused(f"npm's option {name} is not heeded here")
        else:
            value = value if given else next(rest, "")
            if not value or value.startswith("-") or "${" in value or not value.isprintable():
                raise Refused(f"npm's option {name} needs a value")
            if name == "--registry":
                reach.check_url(value)
            yield f"{name}={value}"


def _check_named(word: str, reach: Reach) -> None:
    """One package as a command line names it: `lodash`, `@types/node@20`, `mine@npm:lodash@4`, an archive's address."""
    if word.startswith(("http://", "https://")):
        reach.check_url(word)
        return
    at = word.find("@", 1)
    name, source = (word, "") if at < 0 else (word[:at], word[at + 1 :])
    if not _PACKAGE.fullmatch(name):
        raise Refused(f"{word} is not a package of a registry: files, folders and repositories are not installed here")
    _check_source(name, source, reach)


def _check_manifest(text: str, reach: Reach) -> None:
    manifest = _object(text, "package.json")
    if manifest.get("workspaces"):
        raise Refused("package.json: workspaces are not installed here")
    for group in (*_GROUPS, "overrides"):
        for name, source in _sources(manifest.get(group)):
            _check_source(f"package.json: {group}: {name}", source, reach)


def _sources(group: object) -> Iterator[tuple[str, str]]:
    """Each name with what it is to be, those of nested overrides too."""
    for name, source in group.items() if isinstance(group, dict) else ():
        if isinstance(source, str):
            yield name, source
        else:
            yield from _sources(source)


def _check_source(where: str, source: str, reach: Reach) -> None:
    if source.startswith(("http://", "https://")):
        reach.check_url(source)
    elif source.startswith("npm:"):
        _check_named(source.removeprefix("npm:"), reach)
    elif (
        not _RANGE.fullmatch(source.removeprefix("$")) or source.strip().startswith(("~/", "./", "..")) or source == "."
    ):
        raise Refused(f"{where}: {source} is not a version: files, folders and repositories are not installed here")


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refused(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused(f"{name} is not an object")
    return value
