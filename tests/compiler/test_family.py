# ruff: noqa: E501 - specs in the text
"""Workflows of other files: found through the port alone, typed across files, and bounded whatever they name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runner.compiler.canonical import Json
from runner.compiler.compile import Compilation, check, compile_plan, with_inputs, workflow_names
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.family import MOST_LEVELS, name_of
from runner.compiler.plan.model import Plan
from runner.compiler.surroundings import Surroundings, Unreadable
from runner.errors import UsageError

HEAD = "spec: 1\nname: demo\n"
CHILD = """spec: 1
name: child
inputs: {target: {type: string, enum: [dev, prod]}, jobs: {type: integer, default: 2}}
steps:
  make:
    run: make ${{ inputs.target }} -j ${{ inputs.jobs }}
    outputs: {size: {type: integer}, site: {artifact: site/**}, tags: {type: array, items: {type: string}}}
  test: {run: 'test ${{ matrix.i }}', matrix: {i: [1, 2]}, outputs: {rate: {type: number}}}
outputs:
  size: {value: '${{ steps.make.outputs.size }}'}
  site: {value: '${{ steps.make.outputs.site }}'}
  rates: {value: '${{ steps.test.outputs.rate }}'}
  count: {value: '${{ size(steps.make.outputs.tags) }}'}
  label: {value: 'for ${{ inputs.target }}'}
  target: {value: '${{ inputs.target }}'}
  open: {value: '${{ steps.make.state }}', type: string, enum: [succeeded, failed]}
"""


class Files:
    """A project in memory that counts how often each file is read."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files, self.read = files, []  # type: ignore[var-annotated]

    def __call__(self, path: str) -> bytes | Unreadable:
        self.read.append(path)
        return self.files[path].encode() if path in self.files else Unreadable("no such file or directory")


def found(text: str, files: Mapping[str, str], path: str = "specs/a.yaml") -> list[Diagnostic]:
    return check((HEAD + text).encode(), path, Surroundings(read=Files(files)))


def codes(text: str, files: Mapping[str, str] | None = None) -> list[str]:
    return [one.code for one in found(text, files or {"specs/child.yaml": CHILD})]


# ---------------------------------------------------------------- files


def test_paths_are_relative_to_the_file_that_names_them() -> None:
    files = Files(
        {
            "b/one.yaml": HEAD + "steps: {a: {workflow: sub/two.yaml}}",
            "b/sub/two.yaml": HEAD + "steps: {a: {workflow: ../../c.yaml}}",
            "c.yaml": HEAD + "steps: {a: {run: a}}",
        }
    )
    assert check((HEAD + "steps: {a: {workflow: ../b/one.yaml}}").encode(), "a/x.yaml", Surroundings(read=files)) == []
    assert files.read == ["b/one.yaml", "b/sub/two.yaml", "c.yaml"]


def test_each_file_is_read_once() -> None:
    files = Files({"specs/child.yaml": CHILD})
    step = "{workflow: child.yaml, with: {target: dev}}"
    text = f"steps: {{a: {step}, b: {step}, c: {{workflow: ../specs/child.yaml, with: {{target: prod}}}}}}"
    assert check((HEAD + text).encode(), "specs/a.yaml", Surroundings(read=files)) == []
    assert files.read == ["specs/child.yaml"]


def test_without_a_reader_other_files_are_open() -> None:
    text = HEAD + "steps: {a: {workflow: child.yaml, with: {x: 1}}, b: {run: 'echo ${{ steps.a.outputs.any.thing }}'}}"
    assert check(text.encode(), "a.yaml") == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.yaml", "`none.yaml` cannot be read: no such file or directory"),
        ("/specs/child.yaml", "`/specs/child.yaml` is absolute"),
        ("notes.yaml", "`notes.yaml` is no spec: it has no key `spec`"),
        ("two.yaml", "`two.yaml` has several workflows; there are `one` and `two`"),
        ("two.yaml#three", "there is no workflow `three` in `two.yaml`; there are `one` and `two`"),
        ("child.yaml#chidl", "there is no workflow `chidl` in `child.yaml`; there is `child`"),
    ],
)
def test_what_is_not_to_be_found_is_told_with_its_reason(name: str, message: str) -> None:
    two = "spec: 1\nname: one\nsteps: {a: {run: a}}\n---\nspec: 1\nname: two\nsteps: {a: {run: a}}\n"
    files = {"specs/notes.yaml": "a: b", "specs/two.yaml": two, "specs/child.yaml": CHILD}
    (one,) = found(f"steps: {{a: {{workflow: {name}}}}}", files)
    assert (one.code, one.message) == ("workflow-file", message)
    assert found("steps: {a: {workflow: 'two.yaml#two'}}", files) == []


def test_a_child_with_errors_is_one_finding_with_its_first_errors() -> None:
    child = HEAD + "steps: {a: {rnu: a}, b: {run: b, after: [c]}, c: {run: c, timeout: 3}, d: {run: d, after: [e]}}"
    (one,) = found("steps: {a: {workflow: b.yaml, with: {x: 1}}}", {"specs/b.yaml": child})
    assert (one.code, one.message) == ("workflow-errors", "`b.yaml` has 3 errors, so it cannot be run")
    assert [(rel.span.path, rel.span.line) for rel in one.related] == [("specs/b.yaml", 3)] * 3
    assert one.related[0].message.startswith("unknown-key: ")


def test_what_cannot_be_read_as_yaml_is_a_child_with_errors() -> None:
    (one,) = found("steps: {a: {workflow: b.yaml}}", {"specs/b.yaml": "steps: [\n"})
    assert one.code == "workflow-errors"
    (two,) = found("steps: {a: {workflow: b.yaml}}", {"specs/b.yaml": "spec: 1\x00"})
    assert two.related[0].message.startswith("binary-file")


# ---------------------------------------------------------------- bounded


def test_a_circle_is_told_with_its_path_in_each_of_its_files() -> None:
    files = {
        "specs/a.yaml": HEAD + "steps: {s: {workflow: b.yaml}}",
        "specs/b.yaml": HEAD + "steps: {s: {workflow: c.yaml}}",
        "specs/c.yaml": HEAD + "steps: {s: {workflow: a.yaml}}",
        "specs/x.yaml": HEAD + "steps: {s: {workflow: a.yaml}}",
    }
    message = "these workflows run each other without end: a.yaml → b.yaml → c.yaml → a.yaml"
    (one,) = check(files["specs/a.yaml"].encode(), "./specs/a.yaml", Surroundings(read=Files(files)))
    assert (one.code, one.message) == ("workflow-circle", message)
    (outside,) = check(files["specs/x.yaml"].encode(), "specs/x.yaml", Surroundings(read=Files(files)))
    assert outside.code == "workflow-errors"
    assert "b.yaml → c.yaml" in outside.related[0].message


def chain(length: int) -> dict[str, str]:
    files = {f"n{number}.yaml": HEAD + f"steps: {{s: {{workflow: n{number + 1}.yaml}}}}" for number in range(length)}
    return {**files, f"n{length}.yaml": HEAD + "steps: {s: {run: a}}"}


def test_workflows_may_stand_inside_each_other_up_to_a_limit() -> None:
    files = chain(MOST_LEVELS + 1)
    assert check(files["n1.yaml"].encode(), "n1.yaml", Surroundings(read=Files(files))) == []
    (one,) = check(files["n0.yaml"].encode(), "n0.yaml", Surroundings(read=Files(files)))
    assert one.code == "workflow-circle"
    assert f"more than {MOST_LEVELS} deep" in one.message


def test_a_thousand_files_inside_each_other_end_soon() -> None:
    files = Files(chain(1000))
    (one,) = check(files.files["n0.yaml"].encode(), "n0.yaml", Surroundings(read=files))
    assert one.code == "workflow-circle"
    assert len(files.read) <= 200


def test_a_project_without_end_is_not_read_without_end() -> None:
    def endless(path: str) -> bytes:
        number = int(path.removesuffix(".yaml")[1:])
        steps = ", ".join(f"s{each}: {{workflow: n{number * 20 + each}.yaml}}" for each in range(1, 21))
        asked.append(path)
        return f"{HEAD}steps: {{{steps}}}".encode()

    asked: list[str] = []
    told = check(endless("n0.yaml"), "n0.yaml", Surroundings(read=endless))
    assert {one.code for one in told} <= {"workflow-errors", "workflow-circle", "workflow-file"}
    assert told
    assert len(asked) <= 201


# ---------------------------------------------------------------- types across files


def outputs_of(text: str, files: Mapping[str, str]) -> dict[str, tuple[Json, str | None]]:
    made = compile_plan((HEAD + text).encode(), "specs/a.yaml", None, Surroundings(read=Files(files)))
    assert made.plan is not None, made.diagnostics
    return {name: (one.schema, one.artifact) for name, one in made.plan.step("a").outputs.items()}


def test_the_outputs_of_a_child_are_those_of_the_step() -> None:
    assert outputs_of("steps: {a: {workflow: child.yaml, with: {target: dev}}}", {"specs/child.yaml": CHILD}) == {
        "size": ({"type": "integer"}, None),
        "site": (None, "site/**"),
        "rates": ({"type": "array", "items": {"type": "number"}}, None),
        "count": ({"type": "integer"}, None),
        "label": ({"type": "string"}, None),
        "target": ({"type": "string", "enum": ["dev", "prod"]}, None),
        "open": ({"type": "string", "enum": ["succeeded", "failed"]}, None),
    }


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("steps.m.outputs.m.k", {"type": "integer"}),
        ("steps.m.outputs.m", {"type": "object", "properties": {"k": {"type": "integer"}}}),
        ("steps.m.outputs.l", {"type": "array"}),
        ("steps.m.outputs.u", {}),
        ("[1, 2]", {"type": "array", "items": {"type": "integer", "enum": [1, 2]}}),
        ("{'a': 1}", {"type": "object", "properties": {"a": {"type": "integer", "enum": [1]}}}),
        ("inputs.i.size() > 1", {"type": "boolean"}),
        ("null", {"type": "null"}),
        ("run.id", {"type": "string"}),
    ],
)
def test_the_type_of_an_output_is_that_of_what_its_expression_gives(value: str, schema: Json) -> None:
    child = (
        "spec: 1\nname: child\ninputs: {i: {type: string, default: x}}\n"
        "steps: {m: {run: 'a ${{ inputs.i }}', outputs: {m: {type: object, properties: {k: {type: integer}}}, "
        "l: {type: array}, u: {const: [1]}}}}\n"
        f'outputs: {{o: {{value: "${{{{ {value} }}}}"}}}}'
    )
    found = outputs_of("steps: {a: {workflow: child.yaml}}", {"specs/child.yaml": child})
    assert found["o"] == (schema if value != "steps.m.outputs.u" else {"const": [1]}, None)


def test_a_childs_inputs_and_outputs_are_typed_in_the_parent() -> None:
    step = "workflow: child.yaml, with: {target: dev"
    assert codes(f"steps: {{a: {{{step}}}}}, b: {{run: 'echo ${{{{ steps.a.outputs.size + 1 }}}}'}}}}") == []
    assert codes(f"steps: {{a: {{{step}, jbos: 3}}}}}}") == ["with-unknown"]
    assert codes(f"steps: {{a: {{{step}, jobs: x}}}}}}") == ["with-value"]
    assert codes("steps: {a: {workflow: child.yaml}}") == ["with-missing"]
    assert codes(f"steps: {{a: {{{step}}}}}, b: {{run: b, if: steps.a.outputs.szie > 1}}}}") == ["expression-unknown"]
    assert codes(f"steps: {{a: {{{step}}}}}, b: {{run: b, if: \"steps.a.outputs.target == 'x'\"}}}}") == [
        "expression-value"
    ]


def test_an_artifact_of_a_child_is_one_of_the_parent() -> None:
    text = "steps: {a: {workflow: child.yaml, with: {target: dev}}, b: {run: 'ls ${{ steps.a.outputs.site }}'}}"
    assert plan_of(text).step("b").artifacts == (("a", "site"),)


# ---------------------------------------------------------------- plans


def compiled(text: str, path: str = "specs/a.yaml", name: str | None = None) -> Compilation:
    files = {
        "specs/child.yaml": CHILD,
        "lib/deep.yaml": HEAD + "steps: {x: {workflow: ../specs/child.yaml, with: {target: dev}}}",
    }
    return compile_plan((HEAD + text).encode(), path, None, Surroundings(read=Files(files)), name)


def plan_of(text: str, path: str = "specs/a.yaml", name: str | None = None) -> Plan:
    made = compiled(text, path, name)
    assert made.plan is not None, made.diagnostics
    return made.plan


def test_the_texts_of_all_that_it_runs_travel_with_the_plan() -> None:
    plan = plan_of(
        "steps: {a: {workflow: ../lib/deep.yaml}, b: {workflow: './child.yaml#child', with: {target: prod}}, c: {workflow: 'child.yaml#child', with: {target: dev}}}"
    )
    assert plan.step("a").action == {"path": "../lib/deep.yaml"}
    assert plan.step("b").action == {"path": "child.yaml#child", "with": {"target": "prod"}}
    assert [(key, one.path, one.name) for key, one in plan.workflows.items()] == [
        ("../lib/deep.yaml", "../lib/deep.yaml", ""),
        ("child.yaml#child", "child.yaml", "child"),
        ("child.yaml", "child.yaml", ""),
    ]
    assert plan.workflows["child.yaml"].text == CHILD
    assert len(plan.workflows["child.yaml"].sha256) == 64


def test_the_digest_follows_the_texts_of_the_children() -> None:
    text = (HEAD + "steps: {a: {workflow: child.yaml, with: {target: dev}}}").encode()
    one = compile_plan(text, "x/a.yaml", None, Surroundings(read=Files({"x/child.yaml": CHILD}))).plan
    same = compile_plan(text, "a.yaml", None, Surroundings(read=Files({"child.yaml": CHILD}))).plan
    other = compile_plan(text, "x/a.yaml", None, Surroundings(read=Files({"x/child.yaml": CHILD + "# new"}))).plan
    assert one is not None
    assert same is not None
    assert other is not None
    assert one.digest == same.digest != other.digest


def test_without_a_reader_a_plan_has_no_texts_of_other_files() -> None:
    made = compile_plan((HEAD + "steps: {a: {workflow: child.yaml}}").encode(), "a.yaml").plan
    assert made is not None
    assert made.workflows == {}


def test_the_outputs_of_a_workflow_are_templates_in_its_plan() -> None:
    text = "steps: {a: {run: a, outputs: {n: {type: integer}}}}\noutputs: {n: {value: '${{ steps.a.outputs.n }}'}}"
    assert plan_of(text).outputs == {"n": "${{ steps.a.outputs.n }}"}


def test_inputs_given_later_keep_the_children() -> None:
    made = compiled(
        "inputs: {t: {type: string, enum: [dev], default: dev}}\nsteps: {a: {workflow: child.yaml, with: {target: '${{ inputs.t }}'}}}"
    )
    assert with_inputs(made, {}).workflows.keys() == {"child.yaml"}


# ---------------------------------------------------------------- several workflows of one file


BOTH = "steps: {a: {workflow: '#other', with: {n: 1}}}\n---\nspec: 1\nname: other\ninputs: {n: {type: integer}}\nsteps: {a: {run: 'b ${{ inputs.n }}'}}\n"


def test_one_of_several_is_compiled_by_its_name() -> None:
    assert plan_of(BOTH, name="demo").workflows.keys() == {"a.yaml#other"}
    made = compiled(BOTH, name="other")
    assert name_of(made.document) == "other"
    assert with_inputs(made, {"n": 2}).inputs == {"n": 2}
    assert plan_of("steps: {a: {run: a}}", name="demo").name == "demo"


def test_the_names_of_a_file_are_told_without_a_check() -> None:
    assert workflow_names((HEAD + BOTH).encode(), "a.yaml") == ["demo", "other"]
    assert workflow_names(b"steps: [", "a.yaml") == [""]


@pytest.mark.parametrize(
    ("name", "words"),
    [(None, "has several workflows: `demo` and `other`"), ("othr", "no workflow `othr`")],
)
def test_which_one_must_be_said(name: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compiled(BOTH, name=name)


def test_the_mistakes_of_others_do_not_keep_one_from_its_plan() -> None:
    text = BOTH + "---\nspec: 1\nname: bad\nsteps: {a: {rnu: a}}\n"
    assert compiled(text, name="demo").diagnostics == []
    assert [one.code for one in compiled(text, name="bad").diagnostics] == ["unknown-key"]
    assert [one.span.line for one in found(text, {})] == [12]


def test_a_workflow_of_the_same_file_with_errors_keeps_the_others_from_their_plan() -> None:
    made = compiled("steps: {a: {workflow: '#bad'}}\n---\nspec: 1\nname: bad\nsteps: {a: {rnu: a}}\n", name="demo")
    assert made.plan is None
    assert [one.code for one in made.diagnostics] == ["workflow-errors"]
