"""Every code that a finding can have. docs/checks.md has a section for each; `runner explain` prints it."""

from __future__ import annotations

from enum import IntEnum

from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.rules import RULES

#: About reading the text, before there is a tree.
READING = (
    "too-large",
    "binary-file",
    "not-utf8",
    "control-character",
    "yaml-syntax",
    "empty-file",
    "duplicate-key",
    "non-string-key",
    "empty-key",
    "custom-tag",
    "unknown-anchor",
    "duplicate-anchor",
    "anchor-recursive",
    "unused-anchor",
    "bad-merge",
    "alias-bomb",
    "too-many-nodes",
    "too-deep",
)
#: About the tree against the schema of the language.
SHAPE = (
    "unknown-key",
    "missing-key",
    "kind-missing",
    "kind-conflict",
    "ineffective-key",
    "wrong-type",
    "yaml11-surprise",
    "empty-section",
    "bad-enum",
    "bad-id",
    "bad-duration",
    "bad-size",
    "bad-number",
    "bad-pattern",
    "bad-value",
    "duplicate-item",
)
#: About comments that ignore findings.
IGNORES = ("ignore-syntax", "ignore-unknown", "ignore-reason", "ignore-forbidden", "ignore-unused")
#: About files and `runner.toml`, from outside the compiler.
PROJECT = ("unreadable-file", "settings-syntax", "settings-key", "settings-value", "settings-code")

CODES: tuple[str, ...] = (*RULES, *READING, *SHAPE, *IGNORES, *PROJECT)

#: Errors that are a judgement: a plan can be made all the same, so their author may overrule them.
JUDGEMENTS = frozenset(
    {
        "budget-too-small",
        "credential-literal",
        "estimate-too-long",
        "expression-constant",
        "expression-value",
        "matrix-exclude",
        "matrix-include",
        "milestone-order",
        "policy-price",
        "retry-delay",
        "schedule-too-often",
        "secret-exposed",
        "shell-check",
        "skipped-upstream",
    }
)


class Stage(IntEnum):
    """Which stage finds it. A stage sees only what the one before it could read."""

    READING = 0
    SHAPE = 1
    RULES = 2


_STAGES = {**dict.fromkeys(READING, Stage.READING), **dict.fromkeys(SHAPE, Stage.SHAPE)}


def stage(code: str) -> Stage:
    """The stage of a code."""
    return _STAGES.get(code, Stage.RULES)


def may_be_lowered(finding: Diagnostic) -> bool:
    """Whether settings and comments may make it less than an error, or nothing.

    Without the other errors no plan could be made, or a run would do something that nobody meant.
    """
    return finding.severity is not Severity.ERROR or finding.code in JUDGEMENTS
