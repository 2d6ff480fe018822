"""Fixes change what they say and nothing else, and never make a spec worse."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic, Fix, Severity, Span, error, warning
from runner.compiler.fixes import Check, Mended, applied, mend

GOLDEN = Path(__file__).parents[1] / "golden"
ERR = sorted((GOLDEN / "err").glob("*.yaml"))
OK = sorted((GOLDEN / "ok").glob("*.yaml"))
PATH = "a.yaml"


def ours(data: bytes) -> list[Diagnostic]:
    return check(data, PATH)


def mended(data: bytes, *, unsafe: bool = False) -> Mended:
    return mend(data, PATH, ours, unsafe=unsafe)


def errors(found: list[Diagnostic]) -> int:
    return sum(one.severity is Severity.ERROR for one in found)


def fix(line: int, column: int, end: int, text: str, *, end_line: int = 0, safe: bool = True) -> Fix:
    return Fix("", Span(PATH, line, column, end_line or line, end), text, safe)


def test_replacements_leave_all_the_rest() -> None:
    text = "a: 1  # x\r\n\r\nb:\t2\rc: é€𝄞 3\n"
    new = applied(text.encode(), [fix(1, 4, 5, "one"), fix(4, 8, 9, "drei"), fix(3, 1, 2, "B")])
    assert new.decode() == "a: one  # x\r\n\r\nB:\t2\rc: é€𝄞 drei\n"


def test_line_breaks_are_those_of_the_file_and_the_byte_order_mark_stays() -> None:
    data = b"\xef\xbb\xbfa: 1\r\nb: 2\r\n"
    assert applied(data, [fix(1, 4, 5, "\n  c: 1")]) == b"\xef\xbb\xbfa: \r\n  c: 1\r\nb: 2\r\n"
    assert applied(b"a: 1", [fix(1, 4, 5, "x\ny")]) == b"a: x\ny"


def test_lines_can_be_removed_and_places_behind_the_end_mean_the_end() -> None:
    assert applied(b"a\nb\nc", [fix(2, 1, 1, "", end_line=3)]) == b"a\nc"
    assert applied(b"a\nb", [fix(2, 1, 1, "", end_line=3)]) == b"a\n"
    assert applied(b"a\nb", [fix(9, 1, 1, "!", end_line=9)]) == b"a\nb!"


def test_bytes_that_are_no_text_stay() -> None:
    assert applied(b"a: \xff", [fix(1, 1, 2, "b")]) == b"a: \xff"


def test_safe_fixes_only_unless_asked() -> None:
    data = b"spec: 1\nname: Demo\nsteps: {a: {rnu: echo}}\n"
    assert mended(data).data == b"spec: 1\nname: Demo\nsteps: {a: {run: echo}}\n"
    assert [one.code for one in mended(data).remaining] == ["bad-id"]
    both = mended(data, unsafe=True)
    assert both.data == b"spec: 1\nname: demo\nsteps: {a: {run: echo}}\n"
    assert sorted(one.code for one in both.fixed) == ["bad-id", "unknown-key"]


def finds(*rules: tuple[str, str, bool]) -> Check:
    """A checker that refuses words of one line: (word, replacement or nothing to fix it, whether an error)."""

    def found(data: bytes) -> list[Diagnostic]:
        out = []
        text = data.decode()
        for word, better, wrong in rules:
            at = text.find(word)
            if at >= 0:
                span = Span(PATH, 1, at + 1, 1, at + 1 + len(word))
                mending = Fix("", span, better) if better else None
                out.append((error if wrong else warning)("needs-unknown", f"no {word}", span, fix=mending))
        return out

    return found


def test_a_fix_that_brings_an_error_is_left_out_and_the_others_are_made() -> None:
    checker = finds(("aa", "bad", True), ("cc", "dd", True), ("bad", "", True), ("bad", "", True), ("ee", "ff", False))
    done = mend(b"aa cc ee aa", PATH, checker)
    assert done.data == b"aa dd ff aa"
    assert [one.message for one in done.fixed] == ["no cc", "no ee"]


def test_a_fix_that_mends_nothing_is_left_out() -> None:
    assert mend(b"aa", PATH, finds(("aa", "aaa", True))) == Mended(b"aa", [], finds(("aa", "aaa", True))(b"aa"))
    assert mend(b"aa", PATH, finds(("aa", "aa", True))).fixed == []


def test_fixes_that_touch_each_other_wait_for_the_next_round() -> None:
    done = mend(b"abc", PATH, finds(("ab", "x", True), ("bc", "y", True)))
    assert (done.data, len(done.fixed)) == (b"xc", 1)


def test_a_circle_of_fixes_ends() -> None:
    done = mend(b"a", PATH, finds(("a", "b", False), ("b", "a", False)))
    assert len(done.fixed) == 10


def test_the_fix_of_a_mistyped_key_is_made_though_it_brings_other_mistakes_to_light() -> None:
    data = b"spec: 1\nname: demo\nsteps: {a: {rnu: 'echo ${{ inputs.x }} ${{ inputs.y }}'}}\n"
    assert [one.code for one in mended(data).fixed] == ["unknown-key"]


@pytest.mark.parametrize("path", ERR, ids=lambda path: path.stem)
@pytest.mark.parametrize("unsafe", [False, True])
def test_every_fix_mends_its_finding_and_fixing_is_idempotent(path: Path, unsafe: bool) -> None:
    data = path.read_bytes()
    done = mended(data, unsafe=unsafe)
    assert done.remaining == ours(done.data)
    assert len(done.remaining) <= len(ours(data)) or errors(done.remaining) <= errors(ours(data))
    assert mended(done.data, unsafe=unsafe).data == done.data
    for left in done.remaining:
        if left.fix and (left.fix.safe or unsafe):
            assert errors(ours(applied(done.data, [left.fix]))) >= errors(done.remaining), "it would have helped"


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_a_good_spec_stays_as_it_is(path: Path) -> None:
    assert mended(path.read_bytes(), unsafe=True) == Mended(path.read_bytes(), [], [])


TEXTS = [path.read_bytes() for path in [*OK, *ERR] if path.stat().st_size < 3000]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_damaged_specs_are_never_made_worse(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    to = min(len(data), at + draw.draw(st.integers(0, 6)))
    damaged = data[:at] + draw.draw(st.sampled_from([b"", b"x", b"#", b": ", b"'", b"\t", b"\xff"])) + data[to:]
    before = ours(damaged)
    done = mended(damaged, unsafe=True)
    assert done.remaining == ours(done.data)
    if not done.fixed:
        assert done.data == damaged
        assert done.remaining == before
    if not before:
        assert done.data == damaged


MENDED = {
    "a word that would be no text": ("steps: {'true': {run: x}, b: {run: x, after: [ture]}}", 'after: ["true"]'),
    "a type that is called null": ("inputs: {a: {type: nil}}\nsteps: {b: {run: x}}", 'type: "null"'),
    "brackets in double quotes": (
        "steps: {a: {run: x}, b: {run: x, if: \"${{ run.id == 'a' }}\"}}",
        "if: \"run.id == 'a'\"",
    ),
    "brackets in single quotes": ("steps: {b: {run: x, if: '${{ run.id == run.name }}'}}", "if: 'run.id == run.name'"),
    "a map under another name": ("steps: {a: {run: x, environment: {A: b}}}", "env: {A: b}"),
}


@pytest.mark.parametrize("name", MENDED)
def test_safe_fixes_write_what_is_meant(name: str) -> None:
    before, after = MENDED[name]
    assert after in mended(f"spec: 1\nname: demo\n{before}\n".encode()).data.decode()


GUESSES = {
    "another name of two letters": "steps: {be: {run: x}, b: {run: x, after: [fe]}}",
    "a name of the other kind": "steps: {uninstall: {run: x}, b: {run: x, after: [install]}}",
    "how often is tried again, or at all": "steps: {a: {run: x, retry: 3}}",
    "the place to deploy to": "steps: {a: {run: x, environment: prod}}",
    "a number and a text": 'steps: {a: {run: "x ${{ matrix.p }}", matrix: {p: [80, "80"]}}}',
    "an anchor that is only a little alike": "steps: {a: &ab {run: x}, b: *ac}",
    "quotes that are needed": "steps: {b: {run: x, if: '${{ run.id == \"it''s\" }}'}}",
}


@pytest.mark.parametrize("name", GUESSES)
def test_a_guess_is_no_safe_fix(name: str) -> None:
    text = f"spec: 1\nname: demo\n{GUESSES[name]}\n".encode()
    assert [one for one in ours(text) if one.severity is Severity.ERROR]
    assert mended(text).data == text


def test_no_fix_reaches_over_an_alias() -> None:
    text = "spec: 1\nname: demo\nsteps: {a: {run: x, priority: &n 3}, b: {run: x, retries: *n}}\n"
    [found] = ours(text.encode())
    assert (found.code, found.fix) == ("unknown-key", None)
