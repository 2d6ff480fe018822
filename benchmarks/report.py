"""Where figures go: a section of `benchmarks/README.md` between markers, and `benchmarks/results.json`."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.harness import BenchmarkFailed, Section

FOLDER = Path(__file__).resolve().parent


def write(section: Section, folder: Path = FOLDER) -> None:
    """Replace the section's text in README.md and its medians in results.json, leaving the others as they are."""
    readme = folder / "README.md"
    readme.write_text(spliced(readme.read_text(), section))
    results = folder / "results.json"
    known = json.loads(results.read_text()) if results.is_file() else {}
    known[section.name] = section.raw
    results.write_text(json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def spliced(text: str, section: Section) -> str:
    """`text` with what stands between the section's markers replaced. Raises BenchmarkFailed without markers."""
    begin, end = f"<!-- {section.name}: begin -->", f"<!-- {section.name}: end -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise BenchmarkFailed(f"benchmarks/README.md lacks the markers `{begin}` and `{end}`")
    return f"{head}{begin}\n\n" + "\n".join(section.markdown) + f"\n\n{end}{tail}"
