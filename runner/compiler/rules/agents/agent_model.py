"""`agent-model`: it is open which model an agent is."""

from __future__ import annotations

import re

from runner.compiler.diagnostic import Diagnostic, warning
from runner.compiler.rules.agents.used import working
from runner.compiler.rules.context import Context
from runner.compiler.spec.model import At
from runner.compiler.spec.read import at_text
from runner.compiler.suggest import did_you_mean, nearest

CODE = "agent-model"
#: Those that serve models, by the names in use; others may exist.
_PROVIDERS = (
    *("openai", "anthropic", "google_genai", "google_vertexai", "azure_openai", "bedrock", "mistralai", "cohere"),
    *("groq", "ollama", "deepseek", "xai", "together", "fireworks", "openrouter", "huggingface", "perplexity"),
)
_BY_NAME = (("gpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"), ("claude", "anthropic"))
_MOVING = re.compile(r"(?:^|[-:@/])(latest|auto|default|newest|stable|current)$")


def check(context: Context) -> list[Diagnostic]:
    """A model should be named as provider:name, and not by an alias that moves to the next version by itself."""
    found = []
    for agent in working(context):
        at = at_text(agent.node.get("model"))
        if at is None and "model" not in agent.node.entries:
            message = f"the agent `{agent.id}` does steps, and has no model"
            hint = "add `model: openai:gpt-4.1-mini`; for the role of a person write `human: true`"
            found.append(warning(CODE, message, agent.span, hint))
        trouble = _trouble(at) if at else None
        if at and trouble:
            found.append(warning(CODE, f"{trouble[0]} (in the agent `{agent.id}`)", at.span, trouble[1]))
    return found


def _trouble(model: At[str]) -> tuple[str, str] | None:
    provider, colon, name = model.value.partition(":")
    if not colon:
        like = next((known for first, known in _BY_NAME if provider.startswith(first)), "")
        hint = (
            f"did you mean `{like}:{provider}`?" if like else "write it as provider:name, such as openai:gpt-4.1-mini"
        )
        return f"the model `{provider}` does not say who serves it", hint
    moving = _MOVING.search(name)
    if moving:
        return f"the model `{model.value}` is an alias that moves: runs of one spec differ", (
            f"name a version instead of `{moving[1]}`, such as openai:gpt-4.1-mini-2025-04-14"
        )
    if provider not in _PROVIDERS and nearest(provider, _PROVIDERS):
        return f"nobody known as `{provider}` serves models", did_you_mean(provider, _PROVIDERS)
    return None
