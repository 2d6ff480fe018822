"""The tools that an agent, or a step of kind `tool`, may use: what each needs of its box, and what it can change."""

from __future__ import annotations

from collections.abc import Mapping

from runner.compiler.canonical import Json
from runner.records import dataclass

#: Tools of a server that speaks the Model Context Protocol: `mcp:NAME`.
MCP = "mcp:"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool and its functions (`files.read`). `needs` are keys of a sandbox's needs, of which one must be true;
    `network` says that it is of no use without a network, `changes` names the functions that change something.
    """

    functions: tuple[str, ...]
    needs: tuple[str, ...] = ()
    network: bool = False
    changes: tuple[str, ...] = ()


TOOLS: dict[str, Tool] = {
    "shell": Tool(("run",), changes=("run",)),
    "files": Tool(("read", "write", "list", "search", "remove"), changes=("write", "remove")),
    "browser": Tool(("open", "read", "click", "type", "screenshot"), ("browser", "desktop"), changes=("click", "type")),
    "desktop": Tool(("screenshot", "click", "type", "keys"), ("desktop",), changes=("click", "type", "keys")),
    "web": Tool(("fetch", "search"), network=True),
}


def split(name: str) -> tuple[str, str]:
    """The tool and the function of `files.read`; a tool as a whole has the function ""."""
    tool, _, function = name.partition(".")
    return tool, function


def changes(name: str) -> bool:
    """Whether a tool of the box, or the one function of it, can change something or hand something out."""
    tool, function = split(name)
    known = TOOLS.get(tool)
    return known is not None and bool(known.changes) and (not function or function in known.changes)


def reaches_out(name: str) -> bool:
    """Whether a tool reaches beyond its box whatever network the box has."""
    return name.startswith(MCP)


def has_network(needs: Mapping[str, Json]) -> bool:
    """Whether a box with these needs reaches anything outside."""
    return needs.get("network", "none") != "none"
