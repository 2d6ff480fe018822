"""What a run costs: box time, models and workflows, at the least, likely and at the most."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runner.compiler.compile import compile_plan, with_inputs
from runner.compiler.document import read
from runner.compiler.plan.amounts import Price, Range, dollars, lasting, shown, shown_time
from runner.compiler.plan.choose import usd_per_hour
from runner.compiler.plan.models import model_price, per_token, prices
from runner.compiler.plan.price import price as price_of_workflow
from runner.compiler.plan.wire import from_json, to_json
from runner.compiler.spec import build
from runner.compiler.spec.build import normal_needs
from runner.compiler.surroundings import Surroundings, Unreadable

SECOND = usd_per_hour(normal_needs({}), "e2b") / 3600


def price(body: str, inputs: Mapping[str, object] | None = None, files: Mapping[str, str] | None = None) -> Price:
    """The price of a spec; `files` are the other files of its project."""

    def read(path: str) -> bytes | Unreadable:
        text = (files or {}).get(path)
        return Unreadable("there is no such file") if text is None else text.encode()

    compiled = compile_plan(f"spec: 1\nname: demo\n{body}".encode(), "demo.yaml", None, Surroundings(read=read))
    assert compiled.plan is not None, compiled.diagnostics
    plan = compiled.plan if inputs is None else with_inputs(compiled, inputs)  # type: ignore[arg-type]
    assert from_json(to_json(plan)).price == plan.price
    return plan.price


def triple(amount: Range) -> tuple[float, float, float]:
    return amount.low, amount.likely, amount.high


def seconds(body: str, step: str = "a") -> tuple[float, float, float]:
    return triple(price(body).steps[step].seconds)


def test_without_an_estimate_the_timeout_decides() -> None:
    assert seconds("steps: {a: {run: make}}\n") == (1, 60, 600)
    assert seconds("steps: {a: {run: make, timeout: 2h}}\n") == (1, 720, 7200)
    assert seconds("steps: {a: {run: make, timeout: 500ms}}\n") == (0.5, 0.5, 0.5)


def test_an_estimate_is_likely_and_the_timeout_the_most() -> None:
    assert seconds("steps: {a: {run: make, estimate: 4m, timeout: 20m}}\n") == (120, 240, 1200)


def test_every_attempt_may_be_needed_with_the_longest_delays() -> None:
    retry = "retry: {attempts: 3, max: 10s}"
    assert seconds(f"steps: {{a: {{run: make, estimate: 4m, timeout: 5m, {retry}}}}}\n") == (120, 240, 920)


def test_an_approval_takes_time_and_costs_nothing() -> None:
    found = price("steps: {a: {approve: {prompt: Ship?, timeout: 3d}}}\n")
    assert triple(found.steps["a"].seconds) == (0, 3600, 3 * 86400)
    assert not found.usd


def test_a_box_costs_what_its_provider_asks_for_each_second() -> None:
    found = price("steps: {a: {run: make, estimate: 100s, timeout: 200s}}\n")
    assert triple(found.usd) == pytest.approx((50 * SECOND, 100 * SECOND, 200 * SECOND), abs=1e-6)
    assert triple(found.sandboxes["default"].seconds) == (50, 100, 200)


def test_another_provider_may_be_cheaper_or_dearer() -> None:
    both = "sandboxes: {web: {needs: {runtime: node}, prefer: [webcontainer, e2b]}}\n"
    both += "steps: {a: {run: npm ci, sandbox: web}}\n"
    found = price(both)
    assert (found.usd.low, found.usd.likely) == (0, 0)
    assert found.usd.high > 0
    assert not price(both.replace(", e2b", "")).usd


def test_legs_work_side_by_side_as_far_as_there_are_places() -> None:
    ten = "n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
    matrix = "steps: {a: {run: 'make ${{ matrix.n }}', matrix: {" + ten + "%s}, estimate: 60s, timeout: 60s}}\n"
    assert seconds(matrix % "") == (60, 120, 120)
    assert seconds(matrix % ", max_parallel: 5") == (60, 120, 120)
    assert seconds(matrix % ", max_parallel: 1") == (300, 600, 600)


def test_a_shared_box_is_paid_from_its_first_step_to_the_end_of_the_run() -> None:
    found = price(
        "sandboxes: {one: {}, two: {}}\n"
        "steps:\n"
        "  a: {run: make, sandbox: one, estimate: 60s, timeout: 100s}\n"
        "  b: {run: make, sandbox: two, after: [a], estimate: 60s, timeout: 100s}\n"
    )
    assert triple(found.sandboxes["one"].seconds) == (60, 120, 200)
    assert triple(found.sandboxes["two"].seconds) == (30, 60, 170)  # at the most from when the other one was quick
    assert triple(found.seconds) == (60, 120, 200)


def test_a_shared_box_ends_by_itself_while_an_approval_waits() -> None:
    found = price(
        "steps:\n"
        "  a: {run: make, estimate: 60s, timeout: 100s}\n"
        "  gate: {approve: {prompt: Ship?}, after: [a], estimate: 1d}\n"
        "  b: {run: make, after: [gate], estimate: 60s, timeout: 100s}\n"
    )
    assert found.sandboxes["default"].seconds.likely == 700 + 60
    assert found.sandboxes["default"].seconds.high == 1400


def test_a_box_lives_no_longer_than_its_sandbox_allows() -> None:
    found = price("sandboxes: {s: {timeout: 5m}}\nsteps: {a: {run: make, sandbox: s, estimate: 4m}}\n")
    assert found.sandboxes["s"].seconds.high == 300


def test_fresh_boxes_are_paid_for_each_attempt_of_each_leg() -> None:
    found = price(
        "sandboxes: {s: {scope: step}}\n"
        "steps: {a: {run: 'make ${{ matrix.n }}', sandbox: s, matrix: {n: [1, 2]}, estimate: 60s, timeout: 60s, "
        "retry: {attempts: 2}}}\n"
    )
    assert triple(found.sandboxes["s"].seconds) == (60, 120, 240)


def test_what_may_be_skipped_costs_nothing_at_the_least() -> None:
    found = price(
        "inputs: {go: {type: boolean, default: true}}\n"
        "steps:\n"
        "  a: {run: make, if: inputs.go}\n"
        "  b: {run: make, after: [a]}\n"
        "  c: {run: make, cache: {key: x}}\n"
        "on_failure: {run: make}\n"
        "finally: {run: make}\n"
    )
    lows = {id_: (step.usd.low, step.usd.likely > 0) for id_, step in found.steps.items()}
    assert [lows[id_] for id_ in ("a", "b", "c")] == [(0, True)] * 3
    assert lows["on_failure"] == (0, False)
    assert found.steps["on_failure"].usd.high > 0
    assert found.steps["finally"].usd.low > 0


def test_a_matrix_that_needs_inputs_may_have_many_legs() -> None:
    body = "inputs: {n: {type: integer}}\n"
    body += "steps: {a: {run: 'echo ${{ matrix.i }}', matrix: {i: '${{ range(inputs.n) }}'}}}\n"
    assert triple(price(body).steps["a"].legs) == (1, 8, 256)
    assert triple(price(body, {"n": 3}).steps["a"].legs) == (3, 3, 3)


FAN = """
inputs:
  parts: {type: array, items: {type: string}, minItems: 2, maxItems: 20}
  given: {type: array, default: [1, 2]}
steps:
  plan:
    run: echo
    outputs: {few: {type: array, items: {type: string}, maxItems: 4}, any: {type: array}}
  a: {run: 'echo ${{ item }}', for_each: %s, after: [plan]}
"""


@pytest.mark.parametrize(
    ("items", "legs"),
    [
        ("'${{ inputs.parts }}'", (2, 8, 20)),
        ("'${{ inputs.given }}'", (2, 2, 2)),
        ("'${{ steps.plan.outputs.few }}'", (1, 4, 4)),
        ("'${{ steps.plan.outputs.any }}'", (1, 8, 256)),
        ("'${{ inputs.parts + inputs.parts }}'", (1, 8, 256)),
        ("{items: [x, y, z], max_parallel: 2}", (3, 3, 3)),
    ],
)
def test_a_fan_out_has_as_many_legs_as_its_list(items: str, legs: tuple[float, float, float]) -> None:
    assert triple(price(FAN % items).steps["a"].legs) == legs


def test_a_repeated_step_runs_a_few_times() -> None:
    repeat = "outputs: {ok: {type: boolean}}, repeat: {until: outputs.ok, max: 10, delay: 5s}"
    body = f"steps: {{a: {{run: poll, {repeat}, estimate: 10s, timeout: 20s}}}}\n"
    assert seconds(body) == (5, 30, 245)


AGENT = """
sandboxes: {s: {}}
agents: {bot: {model: '%s', sandbox: s, tools: [files], budget: {%s}}}
steps: {a: {agent: bot, prompt: Look}}
"""


def test_a_model_is_paid_by_the_token_within_its_budget() -> None:
    found = price(AGENT % ("openai:gpt-4.1-mini", "usd: 0.5, turns: 20")).steps["a"].model
    assert 0 < found.low < found.likely < found.high == 0.5


def test_fewer_turns_or_tokens_cost_less() -> None:
    many, _ = model_price("openai:gpt-4.1", {"turns": 20})
    few, _ = model_price("openai:gpt-4.1", {"turns": 2})
    assert few.likely < many.likely
    assert few.high < many.high
    capped, bounded = model_price("openai:gpt-4.1", {"tokens": 10_000})
    assert bounded
    assert capped.high == pytest.approx(10_000 * 8e-6)


def test_an_unknown_model_costs_up_to_its_budget() -> None:
    assert model_price("local:tiny", {"usd": 0.5}) == (Range(0, 0.25, 0.5), True)
    assert model_price("local:tiny", {"turns": 5}) == (Range(), False)
    found = price(AGENT % ("local:tiny", "turns: 5"))
    assert not found.bounded
    assert found.notes == ("agent `bot`: no `budget.usd` limits it, so it may cost more",)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("openai:gpt-4.1-mini", "openai:gpt-4.1-mini"),
        ("openai:gpt-4.1-2025-04-14", "openai:gpt-4.1"),
        ("anthropic:claude-sonnet-4-5-20250929", "anthropic:claude-sonnet-4-5"),
        ("openai:gpt-4.1-huge", ""),
        ("gpt-4.1", ""),
    ],
)
def test_a_model_is_found_by_its_name_before_a_date(model: str, known: str) -> None:
    found = prices()[known] if known else None
    assert per_token(model) == (found and (found["read"] / 1e6, found["written"] / 1e6))


CHILD = """
spec: 1
name: child
inputs: {n: {type: integer, default: 1}}
steps:
  x: {run: 'echo ${{ matrix.i }}', matrix: {i: '${{ range(inputs.n) }}'}, estimate: 60s, timeout: 60s}
"""


def test_a_workflow_that_a_step_runs_has_its_own_price() -> None:
    files = {"child.yaml": CHILD}
    one = price("steps: {a: {workflow: child.yaml}}\n", files=files)
    assert triple(one.usd) == pytest.approx((30 * SECOND, 60 * SECOND, 60 * SECOND), abs=1e-6)
    assert one.steps["a"].seconds.likely == 60
    many = price("steps: {a: {workflow: child.yaml, with: {n: 16}}}\n", files=files)
    assert many.steps["a"].seconds.likely == 120


def test_workflows_of_workflows_are_priced_too() -> None:
    files = {"child.yaml": CHILD, "middle.yaml": "spec: 1\nname: middle\nsteps: {m: {workflow: child.yaml}}\n"}
    assert price("steps: {a: {workflow: middle.yaml}}\n", files=files).usd.likely == pytest.approx(
        60 * SECOND, abs=1e-6
    )


def test_more_legs_than_places_take_longer_whatever_their_order() -> None:
    steps = "".join(f"  s{n}: {{run: make, estimate: 60s, timeout: 60s}}\n" for n in range(16))
    assert price(f"steps:\n{steps}").seconds.high == 60 + 16 * 60 / 8
    chain = "".join(f"  s{n}: {{run: make, timeout: 60s, after: [{f's{n - 1}' if n else ''}]}}\n" for n in range(16))
    assert price(f"steps:\n{chain}").seconds.high == 16 * 60


def test_of_very_many_steps_all_may_be_ready_at_once() -> None:
    chain = "".join(f"  s{n}: {{run: make, timeout: 60s, after: [{f's{n - 1}' if n else ''}]}}\n" for n in range(304))
    assert price(f"steps:\n{chain}").seconds.high == 304 * 60 + 304 * 60 / 8


def test_low_is_never_over_likely_nor_likely_over_high(root: object) -> None:
    for path in sorted((root / "specs").glob("*.yaml")):  # type: ignore[operator]
        plan = compile_plan(path.read_bytes(), str(path)).plan
        assert plan is not None
        for amount in (plan.price.usd, plan.price.seconds, *(one.usd for one in plan.price.steps.values())):
            assert 0 <= amount.low <= amount.likely <= amount.high


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "$0"), (0.00001, "<$0.0001"), (0.00123, "$0.0012"), (0.056, "$0.056"), (0.5, "$0.50"), (1234.5, "$1,234.50")],
)
def test_amounts_for_people(amount: float, words: str) -> None:
    assert dollars(amount) == words


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (0, "0s"),
        (1.5, "1.5s"),
        (60, "1m"),
        (61, "1m 1s"),
        (3600, "1h"),
        (5400, "1h 30m"),
        (90000, "1d 1h"),
        (59.99, "60s"),
    ],
)
def test_times_for_people(time: float, words: str) -> None:
    assert lasting(time) == words


def test_three_equal_amounts_are_one() -> None:
    assert shown(Range(1, 1, 1)) == "$1.00"
    assert shown(Range(0, 1, 2)) == "$0 – $1.00 – $2.00"
    assert shown_time(Range(60, 60, 60)) == "1m"
    assert shown_time(Range(1, 60, 600)) == "1s – 1m – 10m"


def test_a_workflow_that_runs_twice_is_read_once_and_paid_twice() -> None:
    body = "steps: {a: {workflow: child.yaml}, b: {workflow: child.yaml, after: [a]}}\n"
    assert price(body, files={"child.yaml": CHILD}).usd.likely == pytest.approx(120 * SECOND, abs=1e-6)


def test_where_nobody_can_look_the_price_of_a_workflow_is_not_known() -> None:
    document = read(b"spec: 1\nname: demo\nsteps: {a: {workflow: child.yaml}}\n", "demo.yaml")
    found = price_of_workflow(build(document), {})
    assert found.notes == ("step `a`: what the workflow it runs costs is not known here",)
    assert not found.bounded
