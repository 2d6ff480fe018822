"""`sandbox-session`: a box would have to live longer than its provider, or its own `timeout`, allows."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Related, Span, warning
from runner.compiler.plan.choose import choose, session_limit, title_of
from runner.compiler.plan.graph import order
from runner.compiler.plan.workload import sandbox_of, timeout_of
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.model import SandboxDecl
from runner.compiler.spec.read import child, key_span, plain
from runner.compiler.spec.units import seconds

CODE = "sandbox-session"


def check(context: Context) -> list[Diagnostic]:
    """A step's `timeout`, and the steps that follow each other in one box, should fit into the life of a box."""
    found: list[Diagnostic] = []
    for sandbox in context.workflow.sandboxes.values():
        candidates = choose(sandbox.needs, [at.value for at in sandbox.prefer])
        provider = next((one.provider for one in candidates if one.accepted), None)
        if provider is None:
            continue
        limit, own = session_limit(provider), seconds(plain(sandbox.node.get("timeout")))
        if limit is not None and own is not None and own > limit:
            message = (
                f"a box of the sandbox `{sandbox.id}` cannot live {_words(own)}: {title_of(provider)} ends it after "
                f"{_words(limit)}"
            )
            found.append(
                warning(CODE, message, key_span(sandbox.node, "timeout"), f"write `timeout: {_words(limit)}` or less")
            )
        lives = min((value for value in (limit, own) if value is not None), default=None)
        if lives is not None:
            who = title_of(provider) if lives == limit else "the sandbox's own `timeout`"
            found += _too_long(context, sandbox, lives, who)
    return found


def _too_long(context: Context, sandbox: SandboxDecl, lives: float, who: str) -> Iterator[Diagnostic]:
    inside = [step for step in context.workflow.all_steps if sandbox_of(context.workflow, step) == sandbox.id]
    long = [step for step in inside if timeout_of(step) > lives]
    for step in long:
        message = (
            f"the `timeout` of `{step.id}`, {_words(timeout_of(step))}, is never reached: {who} ends the box of "
            f"`{sandbox.id}` after {_words(lives)}"
        )
        span = _span(step, "timeout")
        yield warning(CODE, message, span, "shorten the step, or split it and hand its files on as artifacts")
    if not long and sandbox.scope == "run" and len(inside) > 1:
        yield from _chain(context, sandbox, {step.id for step in inside}, lives, who)


def _chain(context: Context, sandbox: SandboxDecl, inside: set[str], lives: float, who: str) -> Iterator[Diagnostic]:
    """The time from the first step in a shared box to the end of the last one, if each takes as long as it may."""
    until: dict[str, tuple[float, str]] = {}
    for id_ in order(context.edges):
        step = context.workflow.steps[id_]
        before = [until[edge.upstream] for edge in context.edges[id_] if edge.upstream in until]
        if before or id_ in inside:
            longest = max(before, default=(0.0, id_))
            until[id_] = (longest[0] + _most(step), longest[1])
            if id_ in inside and until[id_][0] > lives:
                first = context.workflow.steps[longest[1]]
                message = (
                    f"`{id_}` may end {_words(until[id_][0])} after the box of `{sandbox.id}` began with `{first.id}`, "
                    f"and {who} ends it after {_words(lives)}: its files would be lost"
                )
                hint = "hand the files on as artifacts, and write `scope: step`; or shorten the timeouts in between"
                yield warning(CODE, message, step.span, hint, (Related(f"`{first.id}` begins here", first.span),))
                return


def _most(step: StepSpec) -> float:
    """Seconds that a step may take; a wait for an approval counts where the spec says how long it may be."""
    if step.kind == "approve" and child(step.action, "timeout") is None:
        return 0.0
    return timeout_of(step)


def _span(step: StepSpec, key: str) -> Span:
    return key_span(step.node, key) if key in step.node.entries else step.span


def _words(duration: float) -> str:
    """A duration as the spec writes it, to the minute: `24h`, `3d`, `72h12m`."""
    minutes = max(1, round(duration / 60))
    if minutes % 1440 == 0 and minutes > 1440:
        return f"{minutes // 1440}d"
    hours, rest = divmod(minutes, 60)
    return f"{hours}h{rest}m" if hours and rest else (f"{hours}h" if hours else f"{rest}m")
