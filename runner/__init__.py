"""Declarative workflows: checked completely, compiled, run in sandboxes, every event kept."""

__version__ = "0.1.0"
