"""`sandbox-runtime`: a step wants another language than its sandbox has."""

from __future__ import annotations

from collections.abc import Iterator

from runner.compiler.diagnostic import Diagnostic, Related, error, warning
from runner.compiler.document import Mapping, Scalar
from runner.compiler.expressions.commands import commands
from runner.compiler.expressions.place import locate
from runner.compiler.plan.workload import sandbox_of
from runner.compiler.rules.context import Context
from runner.compiler.spec import StepSpec
from runner.compiler.spec.model import SandboxDecl
from runner.compiler.spec.read import at_text, key_span, mapping

CODE = "sandbox-runtime"
#: The programs that come with a runtime, and only with it.
_PROGRAMS = {
    "node": ("node", "npm", "npx", "yarn", "pnpm", "tsc", "corepack"),
    "python": ("python", "python3", "pip", "pip3", "pytest", "uv", "poetry", "pipx"),
}
_RUNTIME_OF = {program: runtime for runtime, programs in _PROGRAMS.items() for program in programs}
_INSTALLERS = ("apt", "apt-get", "apk", "dnf", "yum", "nvm", "pyenv", "conda", "mise", "asdf", "brew", "curl", "wget")

_ASKING = ("command", "which", "type", "hash")  # they look whether a program is there


def check(context: Context) -> list[Diagnostic]:
    """The language of a `script` must be the sandbox's runtime; a `run` should use its programs or install others."""
    found: list[Diagnostic] = []
    for step in context.workflow.all_steps:
        sandbox = context.workflow.sandboxes.get(sandbox_of(context.workflow, step) or "")
        runtime = sandbox.needs.get("runtime") if sandbox else None
        if sandbox is None or not isinstance(runtime, str) or runtime not in _PROGRAMS or sandbox.needs.get("template"):
            continue
        if step.kind == "script" and isinstance(step.action, Mapping):
            language = at_text(step.action.get("language"))
            if language is not None and language.value in _PROGRAMS and language.value != runtime:
                message = (
                    f"`{step.id}` is a script in `{language.value}`, and its sandbox `{sandbox.id}` has the runtime "
                    f"`{runtime}`"
                )
                hint = f"give it a sandbox with `needs: {{runtime: {language.value}}}`"
                found.append(error(CODE, message, language.span, hint, _related(sandbox)))
        elif step.kind == "run" and isinstance(step.action, Scalar) and isinstance(step.action.value, str):
            found += _foreign(context, step, step.action, sandbox, runtime)
    return found


def _related(sandbox: SandboxDecl) -> tuple[Related, ...]:
    needs = mapping(sandbox.node.get("needs"))
    return (Related(f"`{sandbox.id}` is declared here", key_span(needs, "runtime") if needs else sandbox.span),)


def _foreign(
    context: Context, step: StepSpec, node: Scalar, sandbox: SandboxDecl, runtime: str
) -> Iterator[Diagnostic]:
    """The first program of another runtime, in a text that does not install any."""
    shell = str(node.value)
    if not any(program in shell for program, owner in _RUNTIME_OF.items() if owner != runtime):
        return
    used = commands(shell)
    if any(command.name in (*_INSTALLERS, "sudo", "docker", ".", "source") for command in used):
        return
    asked = {word.text for command in used if command.name in _ASKING for word in command.words[1:]}
    for command in used:
        other = _RUNTIME_OF.get(command.words[0].text if command.words else "")
        if other is not None and other != runtime and command.words[0].text not in asked:
            program = command.words[0]
            message = (
                f"`{program.text}` comes with the runtime `{other}`, and the sandbox `{sandbox.id}` has `{runtime}`"
            )
            span = locate(context.document, node, program.start, program.end)
            hint = (
                f"give the step `{step.id}` a sandbox with `needs: {{runtime: {other}}}`, or a `template` that has both"
            )
            yield warning(CODE, message, span, hint, _related(sandbox))
            return
