"""Specs checked as their project wants it: its settings, its other files, ShellCheck, and what is known already."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.surroundings import CheckShell, Read, ShellNote, Surroundings, Unreadable
from runner.project.cache import Cache, Others, cache_folder, checker_digest, digest
from runner.project.files import STDIN
from runner.project.project import Project
from runner.project.settings import Projects
from runner.records import dataclass

if TYPE_CHECKING:
    from runner.compiler.fixes import Mended

_SHARE = 50  # specs for a process of its own; fewer take less time than to start one
_CHUNK = 10


@dataclass(frozen=True, slots=True)
class _Job:
    """A spec to check, and by which key its findings are remembered ("" for not at all)."""

    path: str
    data: bytes
    around: Surroundings
    key: str = ""


class Checker:
    """Checks specs. `shellcheck` says whether ShellCheck looks too, None to leave that to the settings.

    `environment` tells where the cache is; None for no cache.
    """

    def __init__(
        self, projects: Projects, *, shellcheck: bool | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._projects = projects
        self._shellcheck = shellcheck
        self._environment = environment

    def around(self, path: str) -> Surroundings:
        """What the spec at `path` is checked with; other files only for one that is a file itself."""
        project = self._project(path)
        read = None if path == STDIN else _lazy_reader(path)
        shell = _shell(project.shellcheck_exclude) if self._wants_shell(project) else None
        return Surroundings(project.settings(path), read, shell)

    def check(self, specs: Mapping[str, bytes]) -> dict[str, list[Diagnostic]]:
        """The findings of each spec, by its path; without those about the settings."""
        cache = self._cache(specs)
        found: dict[str, list[Diagnostic]] = {}
        fresh: list[_Job] = []
        for path, data in specs.items():
            job = self._job(path, data, cache)
            known = cache.get(job.key, _now(job.around.read)) if cache and job.key else None
            if known is None:
                fresh.append(job)
            found[path] = known or []
        for job, (findings, others) in zip(fresh, _all(fresh), strict=True):
            found[job.path] = findings
            if cache and job.key and others is not None:
                cache.put(job.key, findings, others)
        if cache:
            cache.save()
        return found

    def mend(self, path: str, data: bytes, *, unsafe: bool) -> Mended:
        """A spec after the safe fixes of its findings, with `unsafe` after the others too."""
        from runner.compiler.compile import check
        from runner.compiler.fixes import mend

        around = self.around(path)
        return mend(data, path, lambda new: check(new, path, around), unsafe=unsafe)

    def _project(self, path: str) -> Project:
        return self._projects.of("" if path == STDIN else path)

    def _wants_shell(self, project: Project) -> bool:
        return project.shellcheck if self._shellcheck is None else self._shellcheck

    def _cache(self, paths: Iterable[str]) -> Cache | None:
        folder = None if self._environment is None else cache_folder(self._environment)
        if folder is None:
            return None
        program = None
        if any(self._wants_shell(self._project(path)) for path in paths):
            from runner.project.shellcheck import find

            program = find()
        return Cache(folder, checker_digest(program))

    def _job(self, path: str, data: bytes, cache: Cache | None) -> _Job:
        around = self.around(path)
        if cache is None or path == STDIN:
            return _Job(path, data, around)
        excluded = sorted(self._project(path).shellcheck_exclude) if around.shell else None
        return _Job(path, data, around, cache.key(path, data, repr((around.settings, excluded))))


# -- what else a spec is checked with


def _lazy_reader(path: str) -> Read:
    """Reads the files that a spec names. Its module is imported with the first one: most specs name none."""
    made: list[Read] = []

    def read(other: str) -> bytes | Unreadable:
        if not made:
            from runner.project.reader import reader

            made.append(reader(path))
        return made[0](other)

    return read


def _shell(excluded: frozenset[str]) -> CheckShell:
    """ShellCheck without some of its codes."""

    def check_shell(texts: Sequence[tuple[str, str]]) -> list[list[ShellNote]]:
        from runner.project.shellcheck import check_shell

        return [[note for note in notes if note.code not in excluded] for notes in check_shell(texts)]

    return check_shell


def _state(read: bytes | Unreadable) -> str:
    """What another file is like, as far as the cache must know."""
    return digest(read) if isinstance(read, bytes) else f"unreadable: {read.reason}"


def _now(read: Read | None) -> Callable[[str], str]:
    return lambda path: _state(read(path)) if read else ""


# -- checking, by as many processes as there are processors where that is quicker

_work: list[_Job] = []


#: The findings of a spec, and which other files were read; None where ShellCheck could not look: it may the next time.
_Checked = tuple[list[Diagnostic], Others | None]


def _all(jobs: list[_Job]) -> list[_Checked]:
    """What comes of each job, in the same order."""
    workers = min(len(jobs) // _SHARE, _processors())
    if workers < 2:
        return [_checked(job) for job in jobs]
    # Imported here: that takes a fifth of the time of a single spec.
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    import runner.compiler.compile  # noqa: F401 - once, before the processes are made

    _work[:] = jobs  # a forked process has them; only numbers go to it
    try:
        with ProcessPoolExecutor(workers, get_context("fork"), _begin) as pool:
            return list(pool.map(_numbered, range(len(jobs)), chunksize=_CHUNK))
    finally:
        _work.clear()


def _numbered(number: int) -> _Checked:
    return _checked(_work[number])


def _checked(job: _Job) -> _Checked:
    from runner.compiler.compile import check

    others: Others = {}
    looked = True
    read, shell = job.around.read, job.around.shell

    def recorded(path: str) -> bytes | Unreadable:
        found = read(path) if read else Unreadable("there is nothing to read it with")
        others[path] = _state(found)
        return found

    def watched(texts: Sequence[tuple[str, str]]) -> list[list[ShellNote]]:
        nonlocal looked
        found = shell(texts) if shell else []
        looked = looked and all(note.code.startswith("SC") for notes in found for note in notes)
        return found

    around = Surroundings(job.around.settings, recorded if read else None, watched if shell else None)
    findings = check(job.data, job.path, around)
    return findings, others if looked else None


def _processors() -> int:
    """How many processors this process may use; one where the system does not tell, nor fork as Linux does."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _begin() -> None:
    """Interrupts are for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
