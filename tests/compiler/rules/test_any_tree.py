"""Whatever the tree, the rules end in findings, never in an exception."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.compiler.diagnostic import Span
from runner.compiler.document import Document, Entry, Mapping, Node, Scalar, Sequence
from runner.compiler.rules import check_all

AT = Span("a.yaml", 1, 1, 1, 1)
TOP = """
inputs secrets sandboxes agents templates defaults env phases steps milestones policies schedules on_failure finally
risks
"""
INNER = """
run script code agent tool approve workflow use prompt returns with after if matrix for_each items as repeat until env
files from cwd stdin timeout retry attempts delay outputs artifact type enum default properties required minimum
maximum pattern include exclude needs runtime memory persist prefer scope owner phase sandbox id week due accept when
cron timezone inputs a b step params form key cache jitter on human
"""
KEYS = st.sampled_from([*TOP.split(), *INNER.split()])
TEXTS = st.one_of(
    st.sampled_from(
        [
            "a",
            "b",
            "${{ steps.a.outputs.b }}",
            "${{ range(3) }}",
            "${{ inputs.a ",
            "steps.a.state == 'x'",
            "1GiB",
            "3d",
            "(",
            "echo '${{ secrets.a }}' <<'E'\n",
            "integer",
            "object",
            "array",
            "0 9 * * MON",
            "${{ }}",
            "${{ matrix.a + 'x' }}",
        ]
    ),
    st.text(max_size=8),
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-5, 500), st.floats(), TEXTS)


def scalar(value: object) -> Scalar:
    return Scalar(value, AT, str(value))  # type: ignore[arg-type]


def mapping(pairs: dict[str, Node]) -> Mapping:
    return Mapping({key: Entry(Scalar(key, AT, key), value) for key, value in pairs.items()}, AT)


NODES: st.SearchStrategy[Node] = st.recursive(
    st.builds(scalar, LEAVES),
    lambda inner: st.one_of(
        st.builds(lambda found: Sequence(tuple(found), AT), st.lists(inner, max_size=3)),
        st.builds(mapping, st.dictionaries(KEYS, inner, max_size=5)),
    ),
    max_leaves=25,
)
STEPS = st.builds(mapping, st.dictionaries(st.sampled_from(["a", "b", "c"]), NODES, min_size=1, max_size=3))
ROOTS = st.builds(
    lambda pairs, steps: mapping({**pairs, "steps": steps}),
    st.dictionaries(st.sampled_from(TOP.split()), NODES, max_size=6),
    st.one_of(STEPS, NODES),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROOTS)
def test_no_tree_breaks_the_rules(root: Mapping) -> None:
    for finding in check_all(Document("a.yaml", "", root, ())):
        assert finding.message


@given(st.one_of(st.none(), NODES))
@settings(max_examples=50, deadline=None)
def test_a_root_that_is_no_map_is_an_empty_workflow(root: Node | None) -> None:
    check_all(Document("a.yaml", "", root, ()))
