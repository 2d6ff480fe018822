"""Agents, their tools and limits. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

RULES: tuple[ModuleType, ...] = ()
