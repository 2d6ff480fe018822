"""Any text is either valid or gets findings: no exception, every place inside the text."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compiler.compile import check, compile_plan
from runner.compiler.diagnostic import Diagnostic, Severity
from runner.compiler.document import read_all, split_lines
from runner.compiler.family import name_of
from runner.compiler.plan import mermaid, text
from runner.compiler.renderers import RENDERERS, Report
from runner.errors import UsageError

SPECS = sorted((Path(__file__).parents[1] / "golden" / "ok").glob("*.yaml"))
MUTATIONS = 10_000
SHARDS = 8
WORDS = [
    b":", b": ", b"-", b"- ", b"[", b"]", b"{", b"}", b",", b"'", b'"', b"|", b">", b"&a ", b"*a", b"!x ", b"#", b"?",
    b"%", b"@", b"`", b"\t", b"\n", b"\r", b"  ", b"<<: ", b"---\n", b"...\n", b"\0", b"\xff", b"\xc3", b"\xe2\x80\xa8",
    b"${{ ", b" }}", b"null", b"true", b"1e999", b".nan", b"0x", b"-0", b"99999999999999999999", b"steps", b"run",
]  # fmt: skip


def verified(data: bytes) -> list[Diagnostic]:
    """Check `data` and what holds for all findings about anything."""
    found = check(data, "a.yaml")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = split_lines(text)
    for diagnostic in found:
        assert diagnostic.code
        assert diagnostic.message
        spans = [diagnostic.span, *(related.span for related in diagnostic.related)]
        for span in [*spans, diagnostic.fix.span] if diagnostic.fix else spans:
            assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column)
            assert span.end_line <= len(lines)
            assert span.column <= len(lines[span.line - 1]) + 1
            assert span.end_column <= len(lines[span.end_line - 1]) + 1
    assert found == sorted(found, key=lambda diagnostic: diagnostic.sort_key)
    return found


def has_errors(found: list[Diagnostic]) -> bool:
    return any(diagnostic.severity is Severity.ERROR for diagnostic in found)


def mutate(random_: random.Random, data: bytes) -> bytes:
    """One to three small damages."""
    for _ in range(random_.randint(1, 3)):
        at = random_.randint(0, len(data))
        to = min(len(data), at + random_.randint(1, 12))
        kind = random_.randrange(5)
        if kind == 0:
            data = data[:at] + data[to:]
        elif kind == 1:
            data = data[:at] + random_.choice(WORDS) + data[at:]
        elif kind == 2:
            data = data[:at] + random_.choice(WORDS) + data[to:]
        elif kind == 3:
            other = random_.randint(0, len(data))
            data = data[:at] + data[other : other + random_.randint(1, 40)] + data[at:]
        else:
            data = data[:at]
    return data


@pytest.mark.parametrize("shard", range(SHARDS))
def test_damaged_specs_never_break_the_compiler(shard: int) -> None:
    random_ = random.Random(shard)
    for _ in range(MUTATIONS // SHARDS):
        data = mutate(random_, random_.choice(SPECS).read_bytes())
        found = verified(data)
        try:
            list(yaml.load_all(data.decode(), yaml.CBaseLoader))
        except (yaml.YAMLError, UnicodeDecodeError):
            assert has_errors(found), data
        assert has_errors(found) or is_planned(data), data


def is_planned(data: bytes) -> bool:
    """Whether a valid spec has a plan that can be shown; a matrix that its inputs make impossible may be refused."""
    documents = read_all(data, "a.yaml")
    try:
        plan = compile_plan(data, "a.yaml", name=name_of(documents[-1]) if documents[1:] else None).plan
    except UsageError as refused:
        return "matrix" in refused.message
    return plan is not None and bool(text.render(plan)) and bool(mermaid.render(plan))


@settings(max_examples=400, deadline=None)
@given(st.text())
def test_any_text_gets_findings(text: str) -> None:
    assert has_errors(verified(text.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize("text", ["[?1", "[? a", "a: [? b\n", "{?\n"])
def test_a_value_that_is_not_there_stands_inside_the_text(text: str) -> None:
    assert has_errors(verified(text.encode()))


@settings(max_examples=200, deadline=None)
@given(st.binary())
def test_any_bytes_get_findings(data: bytes) -> None:
    assert has_errors(verified(data))


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="ab:-[]{},'\"|>&*!#?% \n\t~<1.@`", max_size=60))
def test_texts_of_signs_that_mean_something_get_findings(text: str) -> None:
    found = verified(text.encode())
    assert has_errors(found)
    RENDERERS["text"](Report(tuple(found), {"a.yaml": text}))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["steps", "inputs", "sandboxes", "agents", "milestones", "tests", "defaults", "env", "finally", "schedules"]
STEP_KEYS = [
    "run",
    "agent",
    "prompt",
    "after",
    "if",
    "matrix",
    "outputs",
    "retry",
    "files",
    "with",
    "approve",
    "for_each",
]


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4),
    st.dictionaries(st.sampled_from(STEP_KEYS), VALUES, min_size=1, max_size=4),
)
def test_any_value_at_any_known_key_gets_a_sentence(top: dict[str, object], step: dict[str, object]) -> None:
    spec = {"spec": 1, "name": "demo", **top, "steps": {"a": step}}
    verified(yaml.safe_dump(spec, allow_unicode=True).encode("utf-8", "replace"))
