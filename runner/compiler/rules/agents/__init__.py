"""Agents, their tools and limits. `RULES` lists the modules in the order of docs/checks.md."""

from __future__ import annotations

from types import ModuleType

from runner.compiler.rules.agents import (
    agent_approval,
    agent_budget,
    agent_human,
    agent_model,
    agent_prompt,
    agent_returns,
    agent_tool,
    agent_tool_box,
    agent_turns,
)

RULES: tuple[ModuleType, ...] = (
    agent_human,
    agent_model,
    agent_tool,
    agent_tool_box,
    agent_budget,
    agent_turns,
    agent_returns,
    agent_prompt,
    agent_approval,
)
