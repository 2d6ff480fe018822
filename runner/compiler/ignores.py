"""What settings and comments make of findings: `# runner: ignore[CODE] reason`.

A comment behind a line, or alone on the line above it, counts for the findings that begin on that line; if a text of
several lines begins there, also for those inside the text. `# runner: ignore-file[CODE] reason`, above the first key,
counts for the whole file. Only warnings, notes and judgements can be ignored: see `codes.may_be_lowered`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from runner.compiler.codes import CODES, IGNORES, may_be_lowered
from runner.compiler.diagnostic import Diagnostic, Fix, Related, Severity, Span, tidy, warning
from runner.compiler.document.comments import Comment, Remarks, remarks
from runner.compiler.document.source import split_lines
from runner.compiler.suggest import did_you_mean, nearest
from runner.compiler.surroundings import Settings, Surroundings
from runner.records import dataclass

_WORD = "runner:"
_QUICK = re.compile(r"#[^\r\n]*?runner:")
_DIRECTIVE = re.compile(r"#[ \t]*runner:[ \t]*(?P<verb>[A-Za-z][\w-]*)[ \t]*(?:\[(?P<codes>[^\]]*)\](?P<reason>.*))?")
_CODE = re.compile(r"[^\s,]+")
_LINE, _FILE = "ignore", "ignore-file"
_FORM = "write # runner: ignore[CODE] REASON"
_FIRM = "no plan can be made with it, so it cannot be switched off"


@dataclass(slots=True)
class _Ignore:
    """One code of one comment, and what it met.

    `lines` are the first and the last line that it counts for; `others` the codes beside it in the `brackets`.
    """

    code: str
    span: Span
    lines: tuple[int, int]
    comment: Comment
    brackets: Span
    others: tuple[str, ...]
    met: bool = False
    refused: Diagnostic | None = None


def judged(findings: list[Diagnostic], settings: Settings) -> list[Diagnostic]:
    """The findings with the severities of the settings, without those that are off."""
    if not settings.severity:
        return findings
    return [kept for finding in findings if (kept := _judged(finding, settings)) is not None]


def _judged(finding: Diagnostic, settings: Settings) -> Diagnostic | None:
    if finding.code not in settings.severity:
        return finding
    wanted = settings.severity[finding.code]
    if wanted is Severity.ERROR or may_be_lowered(finding):
        return None if wanted is None else replace(finding, severity=wanted)
    return replace(finding, hint=f"{finding.hint}; {_FIRM}" if finding.hint else _FIRM)


def heeded(text: str, path: str, findings: list[Diagnostic], around: Surroundings) -> list[Diagnostic]:
    """What remains of `findings` about the spec `text`, which could be read without a syntax error.

    The settings and the comments of the text count; what is wrong with the comments is told beside. Sorted by place.
    """
    findings = judged(findings, around.settings)
    if not _QUICK.search(text):
        return findings
    lines = split_lines(text)
    ignores, wrong = _read(remarks(text, _WORD), path, lines)
    kept = [finding for finding in findings if not _ignored(finding, ignores)]
    silent = {code for code, severity in around.settings.severity.items() if severity is None}
    if around.shell is None:
        silent.add("shell-check")
    wrong += [_forbidden(one, one.refused, len(lines)) for one in ignores if one.refused]
    wrong += [_unused(one, len(lines)) for one in ignores if not (one.met or one.refused or one.code in silent)]
    return tidy([*kept, *judged(wrong, around.settings)])


def _ignored(finding: Diagnostic, ignores: list[_Ignore]) -> bool:
    for one in ignores:
        first, last = one.lines
        if one.code == finding.code and first <= finding.span.line <= last:
            if may_be_lowered(finding):
                one.met = True
                return True
            one.refused = one.refused or finding
    return False


def _read(found: Remarks, path: str, lines: list[str]) -> tuple[list[_Ignore], list[Diagnostic]]:
    """What the comments ignore, and what is wrong with how they are written."""
    ignores: list[_Ignore] = []
    wrong: list[Diagnostic] = []
    for comment in found.comments:
        match = _DIRECTIVE.search(comment.text)
        if match is None or not _meant(match):
            continue
        whole = _span(path, comment, match.start(), len(comment.text))
        if (problem := _malformed(match, comment, whole, found.content)) is not None:
            wrong.append(problem)
            continue
        if not (match["reason"] or "").strip(" \t:.–—-"):
            message = "this ignores a finding without saying why"
            wrong.append(warning("ignore-reason", message, whole, f"{_FORM}: whoever reads it wants to know"))
        unknown, known = _codes(match, comment, path, _lines(match["verb"], comment, lines, found))
        ignores += known
        wrong += unknown
    # Those for one line first: what they ignore uses up no comment for the file.
    ignores.sort(key=lambda one: one.lines[1] - one.lines[0])
    return ignores, wrong


def _meant(match: re.Match[str]) -> bool:
    """Whether it speaks to us at all: a known word, or a slip of one before brackets."""
    return match["verb"] in (_LINE, _FILE) or (match["codes"] is not None and bool(_verb(match["verb"])))


def _verb(word: str) -> str:
    return "".join(nearest(word, (_LINE, _FILE)))


def _malformed(match: re.Match[str], comment: Comment, whole: Span, content: int) -> Diagnostic | None:
    verb = match["verb"]
    if verb not in (_LINE, _FILE):
        span = _span(whole.path, comment, *match.span("verb"))
        fix = Fix(f"write `{_verb(verb)}`", span, _verb(verb), safe=False)
        hint = f"did you mean `{_verb(verb)}`?"
        return warning("ignore-syntax", f"`{verb}` is no word behind `runner:`", span, hint, fix=fix)
    if not (match["codes"] or "").strip(" \t,"):
        message = f"`{verb}` does not say which check"
        return warning("ignore-syntax", message, whole, f"{_FORM}; the code stands in brackets in the finding")
    if verb == _FILE and comment.line >= content:
        message = "`ignore-file` counts only above the first key: nothing is ignored"
        return warning("ignore-syntax", message, whole, "move it to the top, or write `ignore` for one line")
    return None


def _lines(verb: str, comment: Comment, lines: list[str], found: Remarks) -> tuple[int, int]:
    """The first and the last line that a comment counts for."""
    if verb == _FILE:
        return 1, len(lines)
    line = comment.line
    if comment.alone:
        line += 1
        while line < len(lines) and lines[line - 1].lstrip(" \t")[:1] in ("", "#"):
            line += 1
    return line, found.ends.get(line, line)


def _codes(
    match: re.Match[str], comment: Comment, path: str, lines: tuple[int, int]
) -> tuple[list[Diagnostic], list[_Ignore]]:
    """The codes of one comment: findings about those that do not exist, and the others."""
    every = list(_CODE.finditer(match["codes"]))
    brackets = _span(path, comment, *match.span("codes"))
    unknown: list[Diagnostic] = []
    known: list[_Ignore] = []
    for found in every:
        code, begin = found[0], match.start("codes")
        span = _span(path, comment, begin + found.start(), begin + found.end())
        if code in CODES and code not in IGNORES:
            others = tuple(other[0] for other in every if other is not found)
            known.append(_Ignore(code, span, lines, comment, brackets, others))
            continue
        near = nearest(code, CODES)
        fix = Fix(f"write `{near[0]}`", span, near[0], safe=False) if near and code not in IGNORES else None
        message = f"there is no check `{code}`" if code not in IGNORES else f"`{code}` itself cannot be ignored"
        hint = did_you_mean(code, CODES) if fix else "runner explain lists all checks"
        unknown.append(warning("ignore-unknown", message, span, hint, fix=fix))
    return unknown, known


def _forbidden(one: _Ignore, refused: Diagnostic, end: int) -> Diagnostic:
    message = f"`{one.code}` is an error that cannot be ignored: {_FIRM.partition(',')[0]}"
    related = (Related("the error is here", refused.span),)
    hint = "mend the error, and remove this"
    return Diagnostic("ignore-forbidden", Severity.WARNING, message, one.span, hint, related, _removal(one, end))


def _unused(one: _Ignore, end: int) -> Diagnostic:
    first, last = one.lines
    where = f"on line {first}" if first == last else f"on the lines {first} to {last}"
    where = "in this file" if (first, last) == (1, end) else where
    message = f"there is no finding `{one.code}` {where}"
    hint = "remove it: it would hide a finding to come"
    return warning("ignore-unused", message, one.span, hint, fix=_removal(one, end))


def _removal(one: _Ignore, end: int) -> Fix:
    """Remove the code from its comment, and the comment with its last code; the text has `end` lines."""
    comment, path = one.comment, one.span.path
    if one.others:
        return Fix(f"remove `{one.code}`", one.brackets, ", ".join(one.others))
    line, column = comment.line, comment.column
    if comment.alone and line < end:
        return Fix("remove the comment", Span(path, line, 1, line + 1, 1), "")
    span = Span(path, line, column - comment.before, line, column + len(comment.text))
    return Fix("remove the comment", span, "")


def _span(path: str, comment: Comment, begin: int, end: int) -> Span:
    return Span(path, comment.line, comment.column + begin, comment.line, comment.column + end)
