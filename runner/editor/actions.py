"""What can be done about findings: their fixes, all safe ones at once, a comment that ignores them with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from runner.compiler.codes import may_be_lowered
from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic, Fix, Span
from runner.compiler.document import Scalar
from runner.compiler.fixes import mend
from runner.editor.analysis import Analysis
from runner.editor.tree import spot


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do about a finding; `preferred` where it cannot be wrong."""

    title: str
    edit: Fix
    finding: Diagnostic
    preferred: bool = False


def actions(analysis: Analysis, first: int, last: int) -> list[Action]:
    """What can be done about the findings on the lines from `first` to `last`."""
    found: list[Action] = []
    for finding in analysis.findings:
        if finding.span.path != analysis.path or finding.span.end_line < first or finding.span.line > last:
            continue
        if finding.fix is not None and finding.fix.span.path == analysis.path:
            found.append(Action(finding.fix.message, finding.fix, finding, finding.fix.safe))
        if may_be_lowered(finding) and analysis.sound:
            found.append(Action(f"ignore `{finding.code}` here, with a reason", _ignore(analysis, finding), finding))
    return found


def _ignore(analysis: Analysis, finding: Diagnostic) -> Fix:
    """A comment above the line, or above the line where the text begins that the finding is inside of."""
    line = finding.span.line
    at = spot(analysis.part(line).root, line, finding.span.column)
    if at is not None and isinstance(at.node, Scalar):
        line = at.node.span.line
    written = analysis.lines[line - 1]
    indent = written[: len(written) - len(written.lstrip(" "))]
    place = Span(analysis.path, line, 1, line, 1)
    return Fix("ignore it", place, f"{indent}# runner: ignore[{finding.code}] say here why\n")


def fix_all(analysis: Analysis) -> str:
    """The text after all safe fixes."""
    if not any(finding.fix and finding.fix.safe for finding in analysis.findings):
        return analysis.text

    def found(data: bytes) -> list[Diagnostic]:
        return analysis.findings if data == analysis.data else check(data, analysis.path, analysis.around)

    return mend(analysis.data, analysis.path, found).data.decode()
