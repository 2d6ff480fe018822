"""What of the environment is handed on to the servers that a command starts in the background.

The secrets of runs are in it too, and such a server may outlive the command: it gets what it needs and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Where things are, and how they are written.
_NEEDED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "RUNNER_HOME"}
)
_NEEDED_FAMILIES = ("LC_", "XDG_", "PYTHON", "COVERAGE_", "SSL_CERT_")


def needed(environ: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """What any program of ours needs of an environment, and the variables `also`, where they are set."""
    wanted = _NEEDED.union(also)
    return {name: value for name, value in environ.items() if name in wanted or name.startswith(_NEEDED_FAMILIES)}
