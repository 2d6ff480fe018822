# ruff: noqa: E501 - specs in the text
"""From text and inputs to a plan: what engines rely on."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from runner.compiler.canonical import Json
from runner.compiler.compile import compile_plan
from runner.compiler.plan import text
from runner.compiler.plan.model import Cache, Concurrency, ForEach, Leg, Plan, PlanStep, Repeat, Retry
from runner.compiler.plan.wire import from_json, plan_digest, to_json
from runner.compiler.spec import build
from runner.errors import RunnerError, UsageError

HEAD = "spec: 1\nname: demo\n"


def plan_of(spec: str, inputs: dict[str, Json] | None = None) -> Plan:
    found = compile_plan((HEAD + spec).encode(), "demo.yaml", inputs)
    assert found.plan is not None, found.diagnostics
    return found.plan


def step_of(body: str) -> PlanStep:
    return plan_of(f"steps: {{a: {body}}}").step("a")


FULL = """
title: All of it
description: Every key that a plan keeps.
labels: {team: core}
inputs: {target: {type: string, enum: [dev, prod], default: dev}, n: {type: integer}}
secrets: {token: {env: TOKEN}}
sandboxes:
  web: {needs: {runtime: node, memory: 1GiB, network: {allow: [a.example]}}, prefer: [webcontainer, e2b], scope: step, env: {A: b}}
agents: {anna: {title: Anna, human: true}, bot: {model: 'x:y', sandbox: web}}
phases: {one: {title: One}}
env: {COMMON: '1', PORT: 8080, YES: true}
defaults: {timeout: 1m, retry: {attempts: 3, delay: 1s}, env: {COMMON: '2'}}
steps:
  build:
    title: Build
    ref: "1.1"
    phase: one
    owner: anna
    sandbox: web
    files: {src: {from: '${{ inputs.target }}', include: ['*.py'], exclude: [x]}, one: file.txt}
    cwd: src
    stdin: '${{ secrets.token }}'
    env: {T: '${{ secrets.token }}'}
    run: make ${{ inputs.target }}
    timeout: 90s
    retry: {attempts: 2, backoff: linear, max: 10s, jitter: 0, on: [exit]}
    outputs: {size: {type: integer}, dist: {artifact: dist/**}}
    cache: {key: "${{ hash('x') }}"}
    concurrency: {group: build}
    priority: 5
    idempotent: false
  test:
    matrix: {i: '${{ range(inputs.n) }}', os: [deb]}
    run: test ${{ matrix.i }} ${{ steps.build.outputs.dist }}
    allow_failure: true
  review: {agent: bot, prompt: 'Look at ${{ steps.build.outputs.size }}', returns: {type: object, properties: {ok: {type: boolean}}}}
  gate: {approve: {prompt: Ship?, form: {why: {type: string}}}, if: steps.review.outputs.ok, after: [test]}
  tool: {tool: {name: files.list, with: {x: 1}}, if: "steps.gate.state == 'failed'"}
  sub: {workflow: other.yaml, with: {y: '${{ steps.gate.outputs.why }}'}}
  script: {script: {language: python, code: print(1)}, if: true}
on_failure: {run: echo failed}
finally: {run: 'echo ${{ steps.build.state }}'}
milestones: [{id: m, week: 1, title: M, needs: [build], accept: [steps.build.outputs.size < 5]}]
policies: [{id: p, when: run.cost.usd > 1.5, do: pause}]
"""


@pytest.fixture(scope="module")
def full() -> Plan:
    return plan_of(FULL, {"n": 2})


def test_a_step_has_everything_it_was_given(full: Plan) -> None:
    build = full.step("build")
    assert build.action == {"command": 'make "${RUNNER_EXPR_0}"', "expressions": {"RUNNER_EXPR_0": "inputs.target"}}
    assert (build.title, build.ref, build.phase, build.owner, build.sandbox) == ("Build", "1.1", "one", "anna", "web")
    assert build.env == {"COMMON": "2", "PORT": "8080", "YES": "true", "T": "${{ secrets.token }}"}
    assert (build.stdin, build.cwd, build.timeout) == ("${{ secrets.token }}", "src", 90.0)
    assert build.retry == Retry(2, "linear", 1.0, 10.0, 0.0, ("exit",))
    assert build.secrets == ("token",)
    assert build.outputs["size"].schema == {"type": "integer"}
    assert build.outputs["dist"].artifact == "dist/**"
    assert [(one.source, one.target, one.include, one.exclude) for one in build.files] == [
        ("${{ inputs.target }}", "src", ("*.py",), ("x",)),
        ("file.txt", "one", (), ()),
    ]
    assert (build.line, build.column) == (16, 3)
    assert build.legs == (Leg("build"),)


def test_references_make_edges_and_bring_artifacts(full: Plan) -> None:
    assert full.step("test").after == ("build",)
    assert full.step("test").artifacts == (("build", "dist"),)
    assert full.step("review").after == ("build",)
    assert full.waves == [["build", "script"], ["test", "review"], ["gate"], ["tool", "sub"]]


def test_matrix_legs_have_keys(full: Plan) -> None:
    test = full.step("test")
    assert test.is_matrix
    assert test.legs == (Leg("test[i=0,os=deb]", {"i": 0, "os": "deb"}), Leg("test[i=1,os=deb]", {"i": 1, "os": "deb"}))
    assert test.matrix_source == {"i": "${{ range(inputs.n) }}", "os": ["deb"]}


def test_a_matrix_that_needs_inputs_stays_open() -> None:
    plan = plan_of(FULL)
    assert plan.step("test").legs is None
    assert plan.step("test").is_matrix
    assert plan.inputs == {"target": "dev"}


def test_conditions_guard_failure_only_when_they_mention_a_state(full: Plan) -> None:
    assert (full.step("gate").condition, full.step("gate").condition_guards_failure) == (
        "steps.review.outputs.ok",
        False,
    )
    assert full.step("tool").condition_guards_failure
    assert full.step("build").condition is None
    assert full.step("script").condition == "true"
    assert not step_of("{run: a, if: \"'steps.b.state' == run.id\"}").condition_guards_failure


def test_each_kind_keeps_its_action(full: Plan) -> None:
    assert full.step("review").action == {
        "agent": "bot",
        "prompt": "Look at ${{ steps.build.outputs.size }}",
        "returns": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
    }
    assert full.step("gate").action == {"prompt": "Ship?", "form": {"why": {"type": "string"}}}
    assert full.step("tool").action == {"name": "files.list", "with": {"x": 1}}
    assert full.step("sub").action == {"path": "other.yaml", "with": {"y": "${{ steps.gate.outputs.why }}"}}
    assert full.step("script").action == {"language": "python", "code": "print(1)"}


def test_only_what_needs_a_box_has_a_sandbox(full: Plan) -> None:
    assert {step.id: step.sandbox for step in full.steps} == {
        "build": "web", "script": "default", "test": "default", "review": "web", "gate": None, "tool": "default", "sub": None,
    }  # fmt: skip
    web = full.sandboxes["web"]
    assert web.needs == {"runtime": "node", "memory_mb": 1024, "network": {"allow": ["a.example"]}}
    assert (web.scope, web.env) == ("step", {"A": "b"})
    assert [one.provider for one in web.candidates] == ["webcontainer", "e2b"]
    assert full.sandboxes["default"].needs == {"runtime": "shell"}


def test_a_default_box_is_planned_only_when_used() -> None:
    plan = plan_of("sandboxes: {s: {}}\ndefaults: {sandbox: s}\nsteps: {a: {run: a}}")
    assert set(plan.sandboxes) == {"s"}


def test_closing_steps_come_after_everything(full: Plan) -> None:
    assert full.on_failure is not None
    assert full.finally_ is not None
    assert full.finally_.after == tuple(sorted(step.id for step in full.steps))


def test_later_stages_find_the_rest_in_extra(full: Plan) -> None:
    assert set(full.extra) == {"labels", "phases", "agents", "policies"}
    assert full.milestones[0].accept == ("steps.build.outputs.size < 5",)
    assert [(secret.name, secret.env) for secret in full.secrets] == [("token", "TOKEN")]


def test_what_a_step_does_not_say_has_defaults() -> None:
    step = step_of("{run: a}")
    assert (step.timeout, step.retry, step.allow_failure, step.sandbox) == (600.0, Retry(), False, "default")


def test_the_order_is_the_one_of_the_spec_where_it_may_be() -> None:
    plan = plan_of("steps: {z: {run: a}, c: {run: a, after: [a]}, b: {run: a}, a: {run: a, after: [z]}}")
    assert [step.id for step in plan.steps] == ["z", "b", "a", "c"]
    assert [step.wave for step in plan.steps] == [0, 0, 1, 2]


# ---------------------------------------------------------------- how often, when and with what


def test_a_fan_out_is_known_when_the_step_starts() -> None:
    each = step_of("{run: 'echo ${{ file }}', for_each: {items: '${{ [1, 2] }}', as: file, max_parallel: 2}}")
    assert (each.for_each, each.legs, each.is_matrix) == (ForEach("${{ [1, 2] }}", "file", 2), None, False)
    assert step_of("{run: 'echo ${{ item }}', for_each: '${{ [1] }}'}").for_each == ForEach("${{ [1] }}")
    listed = step_of("{run: 'echo ${{ item }}', for_each: {items: [a, 'x${{ run.id }}']}}")
    assert listed.for_each == ForEach(["a", "x${{ run.id }}"])


def test_the_outputs_of_a_fan_out_are_lists() -> None:
    head = "steps: {a: {run: x, for_each: '${{ [1] }}', outputs: {n: {type: integer}}}, b: {run: x, if: "
    assert plan_of(head + "'steps.a.outputs.n.exists(n, n > 1)'}}").step("b").after == ("a",)
    found = compile_plan((HEAD + head + "steps.a.outputs.n > 1}}").encode(), "demo.yaml")
    assert [one.code for one in found.diagnostics] == ["expression-type"]


def test_repetition_cache_limits_and_priority_are_planned(full: Plan) -> None:
    again = step_of("{run: x, repeat: {until: outputs.ok, max: 3, delay: 5s}, outputs: {ok: {type: boolean}}}")
    assert again.repeat == Repeat("outputs.ok", 3, 5.0)
    assert step_of("{run: x, repeat: {until: true, max: 3}}").repeat == Repeat("true", 3)
    assert step_of("{run: x, cache: {key: k, ttl: 1h}}").cache == Cache("k", 3600.0)
    build = full.step("build")
    assert (build.cache, build.concurrency) == (Cache("${{ hash('x') }}"), Concurrency("build"))
    assert (build.priority, build.idempotent, full.step("test").idempotent) == (5, False, True)
    whole = plan_of("concurrency: {group: g, limit: 2, on_conflict: cancel_old}\npriority: -3\nsteps: {a: {run: a}}")
    assert (whole.concurrency, whole.priority) == (Concurrency("g", 2, "cancel_old"), -3)


LAYERS = """
inputs: {where: {type: string, default: src}}
templates:
  lint:
    params: {path: {type: string}, depth: {type: number, default: 1}}
    step: {run: 'lint ${{ params.path }} ${{ params.depth }}', env: {D: '1'}, timeout: 1m}
  deep:
    params: {root: {type: string}}
    step: {use: lint, with: {path: 'all/${{ params.root }}', depth: 3}, env: {R: '${{ params.root }}'}}
steps:
  one: {use: lint, with: {path: '${{ inputs.where }}'}, timeout: 2m}
  two: {use: deep, with: {root: x}, env: {D: '2'}}
"""


def test_templates_become_layers_of_parameters() -> None:
    plan = plan_of(LAYERS)
    one, two = plan.step("one"), plan.step("two")
    assert one.params == ({"path": "${{ inputs.where }}", "depth": 1.0},)
    assert two.params == ({"root": "x"}, {"root": "${{ params.root }}", "path": "all/${{ params.root }}", "depth": 3.0})
    assert one.action == two.action
    assert (one.timeout, one.env, two.env) == (120.0, {"D": "1"}, {"D": "2", "R": "${{ params.root }}"})
    assert plan_of("steps: {a: {run: a}}").step("a").params == ()


# ---------------------------------------------------------------- inputs


def test_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="`n` is missing"):
        plan_of(FULL, {})


@pytest.mark.parametrize(("n", "words"), [(0, "has 0 legs"), (300, "has 300 legs")])
def test_a_matrix_must_have_legs_with_these_inputs(n: int, words: str) -> None:
    spec = "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {run: a, matrix: {i: '${{ range(inputs.n) }}'}}}"
    with pytest.raises(UsageError, match=words):
        plan_of(spec, {"n": n})


def test_two_legs_must_differ_with_these_inputs() -> None:
    spec = "inputs: {l: {type: array, default: [1]}}\nsteps: {a: {run: a, matrix: {i: '${{ inputs.l }}'}}}"
    with pytest.raises(UsageError, match="two equal legs"):
        plan_of(spec, {"l": [1, 1]})


def test_an_axis_must_be_a_list_with_these_inputs() -> None:
    spec = "inputs: {l: {default: [1]}}\nsteps: {a: {run: a, matrix: {i: '${{ inputs.l }}'}}}"
    with pytest.raises(UsageError, match="must be a list"):
        plan_of(spec, {"l": 3})


def test_expressions_inside_a_matrix_are_filled_in() -> None:
    spec = """
inputs: {n: {type: integer, default: 7}}
steps: {a: {run: 'a ${{ matrix.i }} ${{ matrix.k }}', matrix: {i: ['${{ inputs.n }}', [x, {y: 'v${{ inputs.n }}'}]], exclude: [{i: 8}], include: [{i: 7, k: 1}]}}}
"""
    found = compile_plan((HEAD + spec).encode(), "a.yaml", {})
    assert [one.code for one in found.diagnostics] == []
    assert found.plan is not None
    assert found.plan.step("a").legs == (
        Leg("a[i=7,k=1]", {"i": 7, "k": 1}),
        Leg('a[i=["x",{"y":"v7"}]]', {"i": ["x", {"y": "v7"}]}),
    )


# ---------------------------------------------------------------- digest and wire


def test_the_digest_depends_on_text_and_inputs_alone() -> None:
    spec = (HEAD + FULL).encode()
    first = compile_plan(spec, "a.yaml", {"n": 2}).plan
    elsewhere = compile_plan(spec, "/else/where/b.yaml", {"n": 2}).plan
    other = compile_plan(spec, "a.yaml", {"n": 3}).plan
    edited = compile_plan(spec + b"# a comment\n", "a.yaml", {"n": 2}).plan
    assert first is not None
    assert elsewhere is not None
    assert other is not None
    assert edited is not None
    assert first.digest == elsewhere.digest == plan_digest(first)
    assert len({first.digest, other.digest, edited.digest}) == 3


def test_the_wire_form_loses_nothing_and_fits_its_schema(full: Plan, root: Path) -> None:
    wire = json.loads(json.dumps(to_json(full)))
    assert from_json(wire) == full
    schema = json.loads((root / "schemas" / "plan.v1.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(wire)


@pytest.mark.parametrize(
    "spec", [FULL, LAYERS, "steps: {a: {run: a, for_each: {items: [1]}, repeat: {until: true, max: 2}}}"]
)
def test_an_open_plan_goes_over_the_wire_too(spec: str, root: Path) -> None:
    plan = plan_of(spec)
    wire = json.loads(json.dumps(to_json(plan)))
    assert from_json(wire) == plan
    schema = json.loads((root / "schemas" / "plan.v1.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(wire)


def test_a_plan_of_an_older_runner_has_no_price_and_says_so(full: Plan) -> None:
    wire = to_json(full)
    del wire["price"]
    old = from_json(wire)
    assert (old.digest, old.steps) == (full.digest, full.steps)
    assert not old.price.bounded
    assert old.price.notes == ("the price is not known: an older runner made this plan",)


def test_another_version_is_refused(full: Plan) -> None:
    with pytest.raises(RunnerError, match="version 2"):
        from_json({**to_json(full), "version": 2})


@pytest.mark.parametrize("damage", ["steps", "digest", "finally", "secrets"])
def test_what_is_no_plan_is_refused(full: Plan, damage: str) -> None:
    wire = dict(to_json(full))
    wire[damage + "x"] = wire.pop(damage)
    with pytest.raises(RunnerError, match="no plan"):
        from_json(wire)


def test_an_unknown_step_is_a_key_error(full: Plan) -> None:
    with pytest.raises(KeyError):
        full.step("nobody")


def test_a_spec_with_errors_has_no_plan() -> None:
    found = compile_plan(b"spec: 1\nname: x\nsteps: {a: {run: a, after: [b]}}", "a.yaml")
    assert found.plan is None
    assert [one.code for one in found.diagnostics] == ["needs-unknown"]


def test_a_plan_without_boxes_is_shown_without_them() -> None:
    shown = text.render(plan_of("steps: {a: {approve: {prompt: Go?}}}"))
    assert "needs no box" in shown
    assert "sandboxes" not in shown


def test_needs_that_cannot_be_read_are_left_out() -> None:
    found = compile_plan((HEAD + "sandboxes: {s: {needs: {memory: much, persist: 7d, disk: 1GiB}}}").encode(), "a.yaml")
    assert found.plan is None
    assert build(found.document).sandboxes["s"].needs == {
        "runtime": "shell",
        "persist_seconds": 604800.0,
        "disk_mb": 1024,
    }


def test_a_file_without_a_source_is_left_out() -> None:
    found = compile_plan((HEAD + "steps: {a: {run: a, files: {x: {include: [a]}}}}").encode(), "a.yaml")
    assert found.plan is None
    assert build(found.document).steps["a"].files == ()
