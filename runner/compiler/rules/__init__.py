"""The rules: one file, one check, one code. `check_all` runs them all on one document."""

from __future__ import annotations

from collections.abc import Callable

from runner.compiler.diagnostic import Diagnostic, tidy
from runner.compiler.document import Document
from runner.compiler.rules import (
    expression_context,
    expression_syntax,
    expression_type,
    expression_unknown,
    expression_value,
    needs_cycle,
    needs_self,
    needs_unknown,
    secret_exposed,
    shell_quotes,
)
from runner.compiler.rules.context import Context

Rule = Callable[[Context], list[Diagnostic]]

#: In the order of docs/checks.md.
RULES: tuple[Rule, ...] = (
    needs_unknown.check,
    needs_self.check,
    needs_cycle.check,
    expression_syntax.check,
    expression_unknown.check,
    expression_context.check,
    expression_type.check,
    expression_value.check,
    secret_exposed.check,
    shell_quotes.check,
)


def check_all(document: Document) -> list[Diagnostic]:
    """Every finding of every rule, sorted. Never raises on any tree, however broken."""
    context = Context.of(document)
    return tidy([finding for rule in RULES for finding in rule(context)])
