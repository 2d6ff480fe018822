"""Specs as they are at a revision of git: read by git itself, which is always called with a list of arguments."""

from __future__ import annotations

import os
import posixpath
import subprocess
from dataclasses import field
from pathlib import Path

from runner.compiler.document import DEFAULT_LIMITS
from runner.compiler.surroundings import Unreadable
from runner.errors import UsageError
from runner.records import dataclass

#: Seconds that one call of git may take.
TIMEOUT = 60.0
_HINT = "run it inside a repository of git, and name a revision that it has: runner plan --diff main"
_BLOB = ("100644", "100755")
_LINK = "120000"
_SUFFIXES = (".yaml", ".yml")
_MOST_LINKS = 8  # in a row


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of git around a folder. Paths are relative to that folder, with `..` where they lead out of it."""

    folder: Path
    #: The way from the repository's top folder to `folder`: "" or ending with a slash.
    inside: str

    @staticmethod
    def around(folder: Path) -> Repository:
        """The repository that a folder is in. Raises UsageError if there is none, or no git."""
        code, out, told = _git(folder, "rev-parse", "--show-prefix")
        if code != 0:
            reason = "there is none" if "not a git repository" in told else told or "it gives no reason"
            raise UsageError(f"git finds no repository around {folder.name or folder}: {reason}", _HINT)
        return Repository(folder, os.fsdecode(out).rstrip("\n"))

    def revision(self, name: str) -> Revision:
        """The revision of that name (`main`, `HEAD~2`, a tag, a hash). Raises UsageError if there is none."""
        code, out, _ = _git(self.folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if code != 0 or not name:
            raise UsageError(f"git knows no revision `{name}` here", _HINT)
        return Revision(self, name, out.decode().strip())

    def top(self, path: str) -> str | None:
        """The same path from the top folder of the repository; None for one that leads out of it."""
        found = posixpath.normpath(posixpath.join(self.inside, path))
        return None if found == ".." or found.startswith(("../", "/")) else found

    def shown(self, path: str) -> str:
        """A path from the top folder as one from here."""
        return posixpath.relpath(path, self.inside or ".")


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit. `name` is what it was called, `commit` its hash."""

    repository: Repository
    name: str
    commit: str
    _files: dict[str, str] = field(default_factory=dict)

    def files(self) -> dict[str, str]:
        """The hash of each file, by its path from the top folder, also of those that links of YAML files lead to; other
        links and submodules are left out.
        """
        if not self._files:
            links: dict[str, str] = {}
            out = self._ask("ls-tree", "-r", "-z", "--full-tree", self.commit)
            for entry in out.split(b"\0"):
                about, _, name = entry.partition(b"\t")
                words, path = about.decode().split(), os.fsdecode(name)
                if words and words[0] in _BLOB:
                    self._files[path] = words[2]
                elif words and words[0] == _LINK and path.endswith(_SUFFIXES):
                    links[path] = os.fsdecode(self._ask("cat-file", "blob", words[2]))
            self._files.update({path: blob for path in links if (blob := self._followed(path, links))})
        return self._files

    def _followed(self, path: str, links: dict[str, str]) -> str:
        """The hash of the file that a link leads to; "" where it leads to none of this revision."""
        for _ in range(_MOST_LINKS):
            if path not in links:
                break
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), links[path]))
        return self._files.get(path, "")

    def read(self, path: str) -> bytes | Unreadable:
        """A file of this revision by its path from here, for the compiler (`Surroundings.read`)."""
        top = self.repository.top(path)
        if top is None:
            return Unreadable("it is outside the repository")
        blob = self.files().get(top)
        if blob is None:
            return Unreadable(f"there is no such file in {self.name}")
        size = int(self._ask("cat-file", "-s", blob))
        if size > DEFAULT_LIMITS.size:
            return Unreadable(f"it has {size:,} bytes; a spec may have {DEFAULT_LIMITS.size:,}")
        return self._ask("cat-file", "blob", blob)

    def moved(self) -> dict[str, str]:
        """Where files were in this revision that are elsewhere now, as far as git follows them: new path to old."""
        out = self._ask(
            "diff", "--no-relative", "--name-status", "--find-renames", "--diff-filter=R", "-z", self.commit, "--"
        )
        words = [os.fsdecode(word) for word in out.split(b"\0")]
        return {new: old for _, old, new in zip(words[0::3], words[1::3], words[2::3], strict=False)}

    def _ask(self, *arguments: str) -> bytes:
        code, out, told = _git(self.repository.folder, *arguments)
        if code != 0:
            raise UsageError(f"git {arguments[0]} failed: {told}", _HINT)
        return out


def _git(folder: Path, *arguments: str) -> tuple[int, bytes, str]:
    """Run git: its exit code, output and the last line of its complaint. Raises UsageError where there is no git."""
    # The words of errors are compared, so they are asked for in English; no pager, no prompt, no change of the index.
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "--no-pager", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed, and `--diff` asks it", "install git") from error
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise UsageError(f"git {arguments[0]} cannot be run: {type(error).__name__}", _HINT) from error
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return done.returncode, done.stdout, lines[-1] if lines else ""
