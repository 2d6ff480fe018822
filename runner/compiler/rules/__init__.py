"""The rules: one file, one check, one code. `check_all` runs them all on one document."""

from __future__ import annotations

from collections.abc import Callable

from runner.compiler.diagnostic import Diagnostic, Span, tidy
from runner.compiler.document import Document
from runner.compiler.rules import (
    agent_unknown,
    agent_unused,
    artifact_glob,
    credential_literal,
    expression_context,
    expression_syntax,
    expression_type,
    expression_unknown,
    expression_value,
    input_default,
    input_unused,
    matrix_duplicate,
    matrix_empty,
    matrix_exclude,
    matrix_size,
    milestone_duplicate,
    milestone_order,
    milestone_unknown,
    needs_cycle,
    needs_self,
    needs_unknown,
    owner_unknown,
    phase_unknown,
    sandbox_impossible,
    sandbox_unknown,
    sandbox_unused,
    schedule_cron,
    schedule_inputs,
    schedule_timezone,
    secret_exposed,
    secret_unused,
    shell_quotes,
    template_unknown,
    type_schema,
)
from runner.compiler.rules.context import Context

Rule = Callable[[Context], list[Diagnostic]]

#: Every rule by its code, in the order of docs/checks.md: graph, names, types, expressions, sandboxes, plan, leftovers.
RULES: dict[str, Rule] = {
    module.CODE: module.check
    for module in (
        needs_unknown,
        needs_self,
        needs_cycle,
        sandbox_unknown,
        agent_unknown,
        owner_unknown,
        phase_unknown,
        template_unknown,
        input_default,
        type_schema,
        matrix_empty,
        matrix_duplicate,
        matrix_exclude,
        matrix_size,
        expression_syntax,
        expression_unknown,
        expression_context,
        expression_type,
        expression_value,
        secret_exposed,
        shell_quotes,
        credential_literal,
        artifact_glob,
        sandbox_impossible,
        milestone_unknown,
        milestone_duplicate,
        milestone_order,
        schedule_cron,
        schedule_timezone,
        schedule_inputs,
        input_unused,
        secret_unused,
        sandbox_unused,
        agent_unused,
    )
}


def check_all(document: Document) -> list[Diagnostic]:
    """Every finding of every rule, sorted. Never raises on any tree, however broken."""
    context = Context.of(document)
    return _once(tidy([finding for rule in RULES.values() for finding in rule(context)]))


def _once(findings: list[Diagnostic]) -> list[Diagnostic]:
    """Steps that share a text, by a template or an anchor, share its mistake: only the first one is named."""
    first: dict[tuple[str, Span, str], Diagnostic] = {}
    for finding in findings:
        sentence = finding.message.rpartition(" (in ")[0] or finding.message
        first.setdefault((finding.code, finding.span, sentence), finding)
    return list(first.values())
