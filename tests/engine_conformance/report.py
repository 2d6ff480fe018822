"""docs/webcontainer-support.md: what the local engine does, written from a run of the programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.engine_conformance.programs import ROOT, Program
from tests.engine_conformance.surface import Module

FILE = ROOT / "docs" / "webcontainer-support.md"

_HEAD = """\
# What the local WebContainer engine supports

Written by `make engine-conformance`, from a run. Each program below ran on Node {version}, and in the local engine by
the genuine client in a real browser. The programs are in
[`web/engine/conformance/programs`](../web/engine/conformance/programs), those that are known to fail, with reasons, in
[`known.json`](../web/engine/conformance/known.json). Each is a test: one that fails and is not known to, and one that
is known to and does not, end the test run with a failure.

{count}

A program is *equal* when three things are: the exit code; standard output, all of it; and standard error, without

- lines that begin with `at ` (stack frames), and empty lines;
- the process number in `(node:123)`;
- lines of Node's own sources with the marks below them, and the last line, `Node.js v20…`, of the report of an uncaught
  exception.

In both streams the program's own folder has one name, as it is another one on each side. Where a program prints what
differs from run to run, durations for instance, its `command` in `program.json` leaves that out, on both sides.

What the engine does not do it refuses: an `Error` with the code `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM` that names the
function. Native addons cannot run in any browser: steps that need them run on E2B.

Some facts are a machine's, and a tab has no machine: `os.cpus()` has one entry for each thread that the browser tells,
with speeds and times of 0; `os.totalmem()` is what the browser tells, in coarse steps, and `os.freemem()` as
much; `os.loadavg()` is 0; `performance.eventLoopUtilization()` counts all time as active. What a browser does not
tell is `NaN`: the numbers of `process.memoryUsage()`, `process.cpuUsage()`, `process.resourceUsage()` and
`process.availableMemory()`. `--expose-gc` works where the browser was started with it, and is refused elsewhere.

## Programs

"""
_MODULES = """
## Node's modules

What of the names that a module of Node {version} has is there in the engine, is a function that refuses, or is missing.
Counted are the names of the module and the methods of its classes; a name that starts with `_` is nobody's interface.

| module | there | refused | missing |
|---|---|---|---|
"""
_REFUSED = """
## What is refused

Each of these throws when it is called.

"""


def text(version: str, chosen: Iterable[Program], failed: Mapping[str, str], modules: Iterable[Module]) -> str:
    """The document. `failed`: name of a program → what differs or why it is known to."""
    chosen, modules = list(chosen), list(modules)
    return "".join(
        [
            _HEAD.format(version=version, count=count(chosen, failed)),
            *_programs(chosen, failed),
            _MODULES.format(version=version),
            *(
                f"| `{each.name}` | {len(each.there)} | {len(each.refused) or ''} | {_lacking(each)} |\n"
                for each in modules
            ),
            _REFUSED,
            *_refused(modules),
        ]
    )


def count(chosen: Iterable[Program], failed: Mapping[str, str]) -> str:
    """The sentence that says how many are equal."""
    equal = [each.name not in failed for each in chosen]
    return f"**{sum(equal)} of {len(equal)} programs are equal.**"


def row(program: Program, failed: Mapping[str, str]) -> str:
    """A program's line."""
    return f"| `{program.name}` | {program.title} | {failed.get(program.name, 'equal')} |\n"


def _programs(chosen: list[Program], failed: Mapping[str, str]) -> Iterable[str]:
    for topic in dict.fromkeys(each.topic for each in sorted(chosen, key=lambda each: each.topic)):
        yield f"### {topic.capitalize()}\n\n| program | about | in the engine |\n|---|---|---|\n"
        yield from (row(each, failed) for each in chosen if each.topic == topic)
        yield "\n"


def _lacking(module: Module) -> str:
    return ", ".join(f"`{each.partition(' ')[0]}`" for each in module.lacks)


def _refused(modules: list[Module]) -> Iterable[str]:
    for module in modules:
        if not module.refused:
            continue
        names = ", ".join(f"`{name or module.name}`" for name in sorted(module.refused))
        yield f"- **{module.name}**: {names}\n"
