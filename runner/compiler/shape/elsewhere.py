"""What other tools and older habits call things, and what it is here: the words of GitHub Actions, GitLab CI, Airflow,
Prefect, Dagu, Argo, Kestra, docker compose and the agent frameworks.

A word that means the same is renamed by a safe fix, one that means nearly the same by an unsafe one; where the value
must change too (`timeout_seconds: 30`), both are replaced; where nothing corresponds, a sentence says what is done.
"""

from __future__ import annotations

from runner.compiler.diagnostic import Fix, Span
from runner.compiler.document import Mapping, Scalar
from runner.compiler.shape.places import Site
from runner.records import dataclass

#: Means the same, whatever stands behind it.
_SAME = {
    **dict.fromkeys(("needs", "depends_on", "depends-on", "dependsOn", "depends", "dependencies"), "after"),
    **dict.fromkeys(("deps", "requires", "upstream", "run_after", "runAfter"), "after"),
    **dict.fromkeys(("command", "cmd", "shell", "bash", "exec", "script_text", "commands"), "run"),
    **dict.fromkeys(("environment", "variables", "vars", "envs", "env_vars", "envVars"), "env"),
    **dict.fromkeys(("working-directory", "working_directory", "workingDirectory", "workdir", "dir"), "cwd"),
    **dict.fromkeys(("working_dir", "chdir"), "cwd"),
    **dict.fromkeys(("continue-on-error", "continue_on_error", "ignore_errors", "allowFailure"), "allow_failure"),
    **dict.fromkeys(("foreach", "forEach", "with_items", "withItems"), "for_each"),
    **dict.fromkeys(("fail-fast", "failFast"), "fail_fast"),
    **dict.fromkeys(("max-parallel", "maxParallel", "parallelism", "max_concurrency"), "max_parallel"),
    **dict.fromkeys(("on_exit", "onExit", "always", "ensure"), "finally"),
    **dict.fromkeys(("onFailure", "on_error", "onError"), "on_failure"),
    **dict.fromkeys(("ram", "mem"), "memory"),
    **dict.fromkeys(("cpus", "cores", "vcpu"), "cpu"),
    **dict.fromkeys(("llm", "model_name"), "model"),
    **dict.fromkeys(("system_prompt", "system", "backstory"), "instructions"),
    **dict.fromkeys(("max_turns", "max_iterations", "max_iter", "max_steps"), "turns"),
    "max_tokens": "tokens",
    "max_usd": "usd",
    "responsible": "owner",
    "assignee": "owner",
    **dict.fromkeys(("options", "choices", "allowed_values", "values"), "enum"),
    "tz": "timezone",
    "time_zone": "timezone",
}
#: Means nearly the same: what stands behind it may have to change.
_NEARLY = {
    "jobs": "steps",
    "tasks": "steps",
    "stages": "phases",
    "stage": "phase",
    "when": "if",
    "condition": "if",
    "uses": "use",
    "strategy": "matrix",
    "params": "inputs",
    "parameters": "inputs",
    "version": "spec",
    "image": "template",
    "approval": "approve",
    "schedule": "schedules",
    "message": "prompt",
    "tags": "labels",
    "summary": "title",
    "display_name": "title",
    "label": "title",
    "goal": "instructions",
    "loop": "repeat",
    "workers": "max_parallel",
}
#: Times whose unit is in the key: the key here, and the unit.
_TIMES = {
    **dict.fromkeys(("timeout-minutes", "timeout_minutes", "timeoutMinutes", "timeout_min"), ("timeout", "m")),
    **dict.fromkeys(("timeout_seconds", "timeoutSeconds", "timeout_sec", "timeoutSec", "timeout_s"), ("timeout", "s")),
    **dict.fromkeys(("timeout_ms", "timeoutMs"), ("timeout", "ms")),
    **dict.fromkeys(("timeout_hours", "timeoutHours"), ("timeout", "h")),
    **dict.fromkeys(("delay_seconds", "retry_delay_seconds", "retry_interval"), ("delay", "s")),
    **dict.fromkeys(("every_minutes", "interval_minutes"), ("every", "m")),
}
#: How often it is tried again: here the first time counts too.
_RETRIES = frozenset({"retries", "max_retries", "maxRetries", "retry_count", "attempts", "max_attempts"})
#: What has no key here, and what is done instead.
_INSTEAD = {
    **dict.fromkeys(
        ("runs-on", "runs_on", "container", "runner", "agent_pool", "pool"),
        "where a step runs is a sandbox: `sandbox: NAME`, declared under `sandboxes`",
    ),
    "services": "a service is started by a command of the step that needs it, in the same box",
    "permissions": "what a box may reach is in `needs.network` of its sandbox, and its secrets in `env`",
    "on": "what starts runs is under `schedules` (times) and `triggers` (events)",
    "secrets": "secrets are declared at the top, `secrets: {NAME: {env: VARIABLE}}`, and reach a step by its `env`",
    "artifacts": "files are handed on as outputs: `outputs: {NAME: {artifact: 'dist/**'}}`",
    "only": "whether a step runs is its `if`: a CEL expression",
    "except": "whether a step runs is its `if`: a CEL expression",
    "unless": "whether a step runs is its `if`: a CEL expression, with `!( … )`",
    "before_script": "begin the text of `run` with it",
    "after_script": "end the text of `run` with it, or use `finally` of the workflow",
    "parallel": "steps run side by side unless `after` or an expression orders them; a `matrix` makes several of one",
    "catchup": "a schedule starts runs from now on only",
    "start_date": "a schedule starts runs from now on only",
    "temperature": "the settings of a model are its provider's own",
    "id": "the key under which it stands is its id",
}
#: The same for keys of other places: the key that stands there, and the sentence.
_BESIDE = {
    **dict.fromkeys(
        ("cancel-in-progress", "cancel_in_progress"),
        ("on_conflict", "a run that is overtaken ends by `on_conflict: cancel_old`"),
    ),
    **dict.fromkeys(
        ("path", "paths", "restore-keys"),
        ("ttl", "what is kept are the outputs of the step: files by `outputs: {NAME: {artifact: 'dist/**'}}`"),
    ),
}
#: What is given to a workflow or to a template.
_GIVEN = frozenset({"inputs", "params", "parameters", "args", "arguments", "variables", "vars"})
_AT_TOP = ("on", "permissions")
_ACTION = "an action from elsewhere cannot be used: write its commands in `run`, or declare a template and `use` it"


@dataclass(frozen=True, slots=True)
class Translation:
    """What a foreign key is here: the key that is meant ("" for none), what to do, and the fix if there is one."""

    meant: str
    hint: str
    fix: Fix | None = None


def translate(name: str, site: Site, allowed: list[str], free: list[str]) -> Translation | None:
    """What the unknown key `name` is here; `free` are those of the `allowed` keys that may still be written."""
    in_a_step = "allow_failure" in allowed
    for told in (_time(name, site, free), _retries(name, site, free), _renamed(name, site, free, in_a_step=in_a_step)):
        if told is not None:
            return told
    beside, sentence = _BESIDE.get(name, ("", ""))
    if beside in allowed:
        return Translation("", sentence)
    here = in_a_step or (name in _AT_TOP and "schedules" in allowed)
    return Translation("", _INSTEAD[name]) if name in _INSTEAD and here else None


def _renamed(name: str, site: Site, free: list[str], *, in_a_step: bool) -> Translation | None:
    meant = _SAME.get(name) or _NEARLY.get(name, "")
    if name == "name" and in_a_step:
        meant = "title"
    if name in _GIVEN:
        meant = _given(name, site, meant, free, in_a_step=in_a_step)
    value = site.entries[name].value
    if name == "uses" and isinstance(value, Scalar) and "/" in value.text:
        return Translation("run", _ACTION)
    if meant not in free:
        return None
    # An environment is a map of variables here, and elsewhere also the name of a place to deploy to.
    same = name in _SAME and (meant != "env" or isinstance(value, Mapping))
    fix = Fix(f"rename it to `{meant}`", site.key_span(name), meant, safe=same or name == "name")
    return Translation(meant, f"did you mean `{meant}`?", fix)


def _given(name: str, site: Site, meant: str, free: list[str], *, in_a_step: bool) -> str:
    """What is meant by `inputs` or `parameters`: of a template its `params`, beside a workflow or a template `with`."""
    if in_a_step and {"workflow", "use"} & site.entries.keys():
        return "with"
    return "params" if name != "params" and "params" in free else meant


def _time(name: str, site: Site, free: list[str]) -> Translation | None:
    meant, unit = _TIMES.get(name, ("", ""))
    number = _number(name, site)
    if meant not in free:
        return None
    if number is None:
        return Translation(meant, f"did you mean `{meant}`? it takes a time with its unit, such as `30s`")
    written = f"{meant}: {number}{unit}"
    return Translation(meant, f"did you mean `{written}`?", _whole(name, site, written, safe=True))


def _retries(name: str, site: Site, free: list[str]) -> Translation | None:
    number = _number(name, site)
    if name not in _RETRIES or "retry" not in free or number is None or not number.isdigit():
        return None
    tries = int(number) + (0 if "attempt" in name else 1)
    written = f"retry: {{attempts: {tries}}}"
    counted = "" if "attempt" in name else " the first time counts too"
    return Translation("retry", f"did you mean `{written}`?{counted}", _whole(name, site, written, safe=True))


def _number(name: str, site: Site) -> str | None:
    """The number behind a key as it is written."""
    value = site.entries[name].value
    is_number = isinstance(value, Scalar) and isinstance(value.value, int | float) and not isinstance(value.value, bool)
    return value.text if is_number and isinstance(value, Scalar) else None


def _whole(name: str, site: Site, written: str, *, safe: bool) -> Fix | None:
    """The key and its value replaced; None where an alias stands for the value."""
    key, value = site.entries[name].key.span, site.entries[name].value.span
    if value < key:
        return None
    span = Span(key.path, key.line, key.column, value.end_line, value.end_column)
    return Fix(f"replace it by `{written}`", span, written, safe)
