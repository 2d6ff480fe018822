"""`python -m tests.engine_conformance [NAME…]`: run the programs on Node and in the local engine, and print the table.

Without names all of them, and the list of every module's names; `--write` makes docs/webcontainer-support.md of it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.engine_conformance import report, surface
from tests.engine_conformance.engine import SECONDS, Engine, Lost, engine
from tests.engine_conformance.node import NotInstalled, RealNode, node, packages, real_node, version
from tests.engine_conformance.outcome import difference, first_difference
from tests.engine_conformance.programs import Program, known, programs


def main() -> int:
    """Run what the command line asks for; the exit code is 1 when something else failed than what is known to."""
    asked = argparse.ArgumentParser(prog="python -m tests.engine_conformance", description=__doc__)
    asked.add_argument("names", nargs="*", help="programs to run, or `surface` (default: all)")
    asked.add_argument("--web", type=Path, help="a build of the browser side (default: the one of `make web`)")
    asked.add_argument("--diff", action="store_true", help="show how the output of a failed program differs")
    asked.add_argument("--seconds", type=float, default=SECONDS, help="for one program in the engine")
    asked.add_argument("--write", action="store_true", help="write docs/webcontainer-support.md")
    try:
        return asyncio.run(_run(asked.parse_args()))
    except NotInstalled as error:
        print(error, file=sys.stderr)
        return 4


async def _run(options: argparse.Namespace) -> int:
    chosen = [each for each in programs() if not options.names or each.name in options.names]
    survey = not options.names or surface.SURVEY.name in options.names
    command, found = await asyncio.to_thread(node), await asyncio.to_thread(packages)
    with real_node(command, found) as real:
        async with engine(found, options.web) as ours:
            failed = await _programs(chosen, real, ours, options)
            modules = await _modules(real, ours) if survey else []
    reasons = known()
    print(f"{len(chosen) - len(failed)} of {len(chosen)} programs do what they do on Node")
    if options.write:
        told = {name: reasons.get(name, difference) for name, difference in failed.items()}
        report.FILE.write_text(report.text(await asyncio.to_thread(version, command), chosen, told, modules))
    wrong = failed.keys() ^ (reasons.keys() & {each.name for each in chosen})
    return 1 if wrong or any(each.lacks for each in modules) else 0


async def _programs(chosen: list[Program], real: RealNode, ours: Engine, options: argparse.Namespace) -> dict[str, str]:
    failed: dict[str, str] = {}
    for program in chosen:
        wanted = await asyncio.to_thread(real.run, program)
        try:
            got = await ours.run(program, options.seconds)
        except Lost as lost:
            failed[program.name] = str(lost)
        else:
            if got != wanted:
                failed[program.name] = first_difference(wanted, got)
                if options.diff:
                    print(difference(wanted, got))
        reason = failed.get(program.name)
        print(f"{'FAIL' if reason else 'ok  '}  {program.name:24} {reason or ''}", flush=True)
    return failed


async def _modules(real: RealNode, ours: Engine) -> list[surface.Module]:
    wanted = await asyncio.to_thread(real.run, surface.SURVEY)
    try:
        got = await ours.run(surface.SURVEY)
        modules = surface.compare(surface.read(wanted), surface.read(got))
    except (Lost, ValueError) as lost:
        print(f"FAIL  surface                  {lost}")
        return []
    for module in modules:
        lacks = f"  LACKS {', '.join(module.lacks)}" if module.lacks else ""
        print(f"{module.name:20} {len(module.there):4} there {len(module.refused):4} refused{lacks}")
    return modules


if __name__ == "__main__":
    sys.exit(main())
