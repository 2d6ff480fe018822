"""`setfattr` and `getfattr` for boxes whose host has none: a file's metadata is kept in its extended attributes.

Of attr(1)'s options those are known that metadata needs: -n, -v, -x, -h; -n, -d, -m, -h, --only-values.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence


def main(program: str, words: Sequence[str] | None = None) -> int:
    """Run as the program of this name; 0 when all went well, 1 when a file could not be read or changed."""
    asked = _asked(program, words)
    failed = 0
    for path in asked.paths:
        try:
            if program == "setfattr":
                _change(path, asked)
            else:
                _show(path, asked)
        except OSError as error:
            sys.stderr.write(f"{program}: {path}: {error.strerror}\n")
            failed = 1
    return failed


def _asked(program: str, words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=program, add_help=False)
    parser.add_argument("-h", "--no-dereference", dest="follow", action="store_false")
    parser.add_argument("paths", nargs="+", metavar="PATH")
    wanted = parser.add_mutually_exclusive_group(required=program == "setfattr")
    wanted.add_argument("-n", "--name")
    if program == "setfattr":
        wanted.add_argument("-x", "--remove")
        parser.add_argument("-v", "--value", default="")
    else:
        parser.add_argument("-d", "--dump", action="store_true")
        parser.add_argument("-m", "--match", default="^user\\.")
        parser.add_argument("--only-values", action="store_true")
    return parser.parse_args(words)


def _change(path: str, asked: argparse.Namespace) -> None:
    if asked.remove:
        os.removexattr(path, asked.remove, follow_symlinks=asked.follow)
    else:
        os.setxattr(path, asked.name, os.fsencode(asked.value), follow_symlinks=asked.follow)


def _show(path: str, asked: argparse.Namespace) -> None:
    pattern = re.compile("" if asked.match == "-" else asked.match)
    names = [asked.name] if asked.name else os.listxattr(path, follow_symlinks=asked.follow)
    shown = [name for name in names if asked.name or pattern.search(name)]
    values = {name: os.getxattr(path, name, follow_symlinks=asked.follow).decode("utf-8", "replace") for name in shown}
    if asked.only_values:
        sys.stdout.write("".join(values.values()))
        return
    if values:
        sys.stdout.write(f"# file: {path.lstrip('/')}\n")
    for name, value in values.items():
        sys.stdout.write(f'{name}="{value}"\n' if asked.dump or asked.name else f"{name}\n")
    if values:
        sys.stdout.write("\n")
