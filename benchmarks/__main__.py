"""`python -m benchmarks [NAME…] [--quick]`: measure, print, and write README.md and results.json."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from benchmarks import audit, crowd, e2b, editor, engines, report, state, store, validate, webcontainer
from benchmarks.defects import measure as defects
from benchmarks.harness import ROOT, BenchmarkFailed, Section

BENCHMARKS: dict[str, Callable[[Path, bool], Section]] = {
    "validate": validate.run,
    "defects": defects.run,
    "editor": editor.run,
    "engines": engines.run,
    "e2b": e2b.run,
    "crowd": crowd.run,
    "webcontainer": webcontainer.run,
    "store": store.run,
    "state": state.run,
    "audit": audit.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks asked for; 0 when every one of them gave its figures, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="few repetitions; prints only, writes no file")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - BENCHMARKS.keys())
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    failed = [name for name in options.names or BENCHMARKS if not _measure(name, options.quick)]
    if failed:
        print(f"benchmarks: no figures for {', '.join(failed)} (reasons above)", file=sys.stderr)
    return 1 if failed else 0


def _measure(name: str, quick: bool) -> bool:
    started = time.perf_counter()
    try:
        # Beside the code, not in the system's folder for temporary files, which may be memory: fsync must be real.
        scratch = ROOT / ".cache"
        scratch.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=scratch) as work:
            section = BENCHMARKS[name](Path(work), quick)
        section.markdown += ["", f"Measured in one run on {len(os.sched_getaffinity(0))} cores."]
        print(f"\n## {section.title}\n")
        print("\n".join(section.markdown))
        if not quick:
            report.write(section)
    except BenchmarkFailed as error:
        print(f"benchmarks: {name}: {error}", file=sys.stderr)
        return False
    except Exception as error:  # noqa: BLE001 - the failure of one benchmark must not hide the figures of the others
        traceback.print_exc()
        print(f"benchmarks: {name}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    print(f"\n({name}: measured in {time.perf_counter() - started:.0f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
