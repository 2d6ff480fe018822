"""The `.npmrc` of a container: what of it npm may see. It is read as npm reads it (the package `ini`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.embedded.webcontainer.npm.reach import Reach
from runner.embedded.webcontainer.npm.refused import Refused

_WORDS = """
registry legacy-peer-deps strict-peer-deps save-exact save-prefix omit include package-lock engine-strict fund audit
loglevel progress prefer-dedupe install-strategy optional tag email always-auth save before
"""
_SETTINGS = frozenset(_WORDS.split())
_SCOPED = re.compile(r"@[a-z0-9~_.-]+:registry", re.ASCII)
_ACCOUNT = re.compile(r"//[^\s=]+:(_authToken|_auth|_password|username|email|always-auth)", re.ASCII)


def read(text: str, reach: Reach) -> tuple[str, list[str]]:
    """The settings without what names programs and files of this machine, and what is left out.

    Raises Refused for what would be filled in from this machine, and for registries that are out of reach.
    """
    lines, warnings = [], []
    for key, value in _pairs(text):
        if key == "registry" or _SCOPED.fullmatch(key):
            reach.check_url(value)
        elif key.partition("[")[0] not in _SETTINGS and not _ACCOUNT.fullmatch(key):
            warnings.append(f".npmrc: {key} is not heeded here")
            continue
        quoted = f'"{value}"' if set(value) & set(";#'") else value
        lines.append(f"{key}={quoted}\n")
    return "".join(lines), warnings


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, given, value = (part.strip() for part in line.partition("="))
        if not key or key.startswith(("#", ";")):
            continue
        if "${" in line:
            raise Refused(f".npmrc: {key}: variables of the environment are not filled in here")
        if "\\" in line:
            raise Refused(f".npmrc: {key}: a backslash has another meaning for npm, and is not taken here")
        yield key, _plain(key, value) if given else "true"


def _plain(key: str, value: str) -> str:
    """A value without its quotes, or without the comment that ends it."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    else:
        value = re.split("[;#]", value)[0].strip()
    if '"' in value:
        raise Refused(f".npmrc: {key}: a quotation mark inside a value is not taken here")
    return value
