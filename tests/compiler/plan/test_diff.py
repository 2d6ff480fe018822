"""What has changed between two plans, what it means to a reviewer, and how it is told."""

from __future__ import annotations

import json
import re

import pytest

from runner.compiler.compile import compile_plan
from runner.compiler.plan import diff_markdown, diff_text
from runner.compiler.plan.diff import Change, Side, SpecDiff, compare, difference, to_json
from runner.compiler.plan.weigh import weigh

BASE = """
spec: 1
name: build
title: Build
inputs: {target: {type: string, enum: [dev, stage, prod], default: dev}, n: {type: integer, maximum: 9, default: 1}}
secrets: {token: {env: TOKEN}}
sandboxes: {py: {needs: {runtime: python, memory: 1GiB, network: {allow: [a.example]}}}}
agents:
  anna: {human: true}
  bot: {model: 'openai:gpt-4.1-2025-04-14', sandbox: py, tools: [files], budget: {usd: 0.5, turns: 9}}
steps:
  lint: {run: ruff check, sandbox: py, owner: anna}
  test:
    run: |
      pytest ${{ inputs.target }} ${{ inputs.n }}
      echo done
    sandbox: py
    owner: anna
    after: [lint]
    estimate: 3m
    timeout: 10m
    env: {T: '${{ secrets.token }}'}
    outputs: {size: {type: integer}}
  look: {agent: bot, prompt: Look, owner: anna}
  gate: {approve: {prompt: 'Ship ${{ steps.test.outputs.size }}?'}, after: [look], owner: anna}
outputs: {size: {value: '${{ steps.test.outputs.size }}'}}
policies: [{id: dear, when: run.cost.usd > 0.6, do: pause}]
schedules: [{id: nightly, cron: 30 4 * * *, inputs: {n: 2}}]
triggers: [{id: pushed, event: git.pushed, inputs: {n: 2}}]
milestones: [{id: m, week: 1, title: Done, needs: [lint, test, look, gate], accept: [steps.test.outputs.size < 5]}]
on_failure: {run: echo failed, owner: anna}
"""


def side(text: str, path: str = "a.yaml") -> Side:
    plan = compile_plan(text.encode(), path).plan
    return Side(path, plan, () if plan else ("1:1 error",))


def changed(*replacements: tuple[str, str]) -> SpecDiff:
    text = BASE
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    found = side(text)
    assert found.plan is not None
    return compare(side(BASE), found)


def words(diff: SpecDiff) -> list[tuple[str, ...]]:
    return [(c.section, c.kind, diff_text.title(c), c.before, c.after, c.alarm) for c in diff.changes]


def test_the_same_text_has_no_changes() -> None:
    diff = changed()
    assert (diff.status, diff.changes, diff.is_different) == ("same", (), False)
    assert diff_text.render([diff]) == "no plan has changed\n"
    assert to_json([diff], "main") == {"revision": "main", "specs": []}


def test_comments_and_lines_are_no_changes() -> None:
    assert not changed(("steps:\n", "# a comment\n\nsteps:\n")).is_different


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: Build\n", "title: Built\n", "workflow changed title"),
        ("run: ruff check", "run: ruff format", "steps changed lint.does"),
        ("timeout: 10m", "timeout: 20m", "steps changed test.timeout"),
        ("    after: [lint]\n", "", "graph removed lint → test"),
        ("after: [look]", "after: [look, lint]", "graph added lint → gate"),
        ("memory: 1GiB", "memory: 2GiB", "sandboxes changed py.needs.memory_mb"),
        ("[a.example]", "[a.example, b.example]", "network added py: b.example security"),
        ("{allow: [a.example]}", "'*'", "network added py: everywhere security"),
        ("env: TOKEN", "env: OTHER", "secrets changed token.env security"),
        ("tools: [files]", "tools: [files, shell]", "agents changed bot.tools security"),
        ("turns: 9", "turns: 8", "agents changed bot.budget.turns"),
        ("turns: 9", "turns: 10", "agents changed bot.budget.turns security"),
        ("usd: 0.5, ", "", "agents changed bot.budget.usd security"),
        ("[dev, stage, prod]", "[dev, prod]", "inputs changed target.enum breaking"),
        ("stage, prod]", "stage, prod, new]", "inputs changed target.enum"),
        ("maximum: 9", "maximum: 8", "inputs changed n.maximum breaking"),
        ("maximum: 9", "maximum: 10", "inputs changed n.maximum"),
        ("maximum: 9", "maximum: 9, minimum: 0", "inputs changed n.minimum breaking"),
        (", default: 1}", "}", "inputs changed n.required breaking"),
        ("type: integer, maximum", "type: number, maximum", "inputs changed n.type"),
        ("0.6, do: pause", "0.9, do: pause", "policies changed dear.when security"),
        ("30 4 *", "30 5 *", "schedules changed nightly.when"),
        ("event: git.pushed", "event: git.tagged", "triggers changed pushed.event"),
        ("week: 1,", "week: 2,", "milestones changed m.due"),
        ("run: echo failed", "run: echo oh", "steps changed on_failure.does"),
        ("'Ship $", "'Really ship $", "steps changed gate.prompt security"),
    ],
)
def test_a_change_is_told_where_it_is(old: str, new: str, expected: str) -> None:
    diff = changed((old, new))
    assert expected in [f"{c.section} {c.kind} {diff_text.title(c)} {c.alarm}".strip() for c in diff.changes]


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ("timeout: 10m", "timeout: 90m", "10m", "1h 30m"),
        ("week: 1,", "due: 2027-01-31,", "week 1", "2027-01-31"),
        ("tools: [files]", "tools: [files, shell]", '["files"]', '["files","shell"]'),
        ("30 4 * * *", "0 5 * * MON", "cron 30 4 * * *, UTC", "cron 0 5 * * MON, UTC"),
        ("pytest $", "pytest -x $", 'pytest "${{ inputs.target', 'pytest -x "${{ inputs.target'),
    ],
)
def test_texts_are_those_of_the_spec(old: str, new: str, before: str, after: str) -> None:
    found = changed((old, new)).changes
    assert any(one.before.startswith(before) and one.after.startswith(after) for one in found)


def test_a_new_step_with_a_secret_is_power() -> None:
    diff = changed(("  look:", "  push: {run: push, env: {T: '${{ secrets.token }}'}, owner: anna}\n  look:"))
    assert ("steps", "added", "push", "", "push", "") in words(diff)
    assert ("secrets", "added", "token in push", "", "", "security") in words(diff)


def test_another_command_is_of_interest_where_it_sees_a_secret() -> None:
    assert [c.alarm for c in changed(("run: ruff check", "run: ruff format")).changes] == [""]
    assert [c.alarm for c in changed(("echo done", "echo over")).changes] == ["security"]


def test_a_secret_for_a_whole_sandbox_is_power() -> None:
    diff = changed(("[a.example]}}}", "[a.example]}}, env: {T: '${{ secrets.token }}'}}"))
    assert ("secrets", "added", "token in all of py", "", "", "security") in words(diff)


def test_a_box_that_reaches_more_is_power() -> None:
    boxes = "sandboxes:\n  free: {needs: {runtime: python, network: '*'}}\n  shut: {needs: {runtime: python}}\n"
    spec = "spec: 1\nname: a\n" + boxes + "steps: {a: {sandbox: free, run: x}, b: {sandbox: shut, run: x}}\n"
    opened = compare(side(spec), side(spec.replace("shut, run", "free, run")))
    closed = compare(side(spec), side(spec.replace("free, run", "shut, run")))
    assert [(c.subject, c.what, c.alarm) for c in opened.changes] == [("b", "sandbox", "security")]
    assert [(c.subject, c.what, c.alarm) for c in closed.changes] == [("a", "sandbox", "")]


def test_a_step_that_no_longer_waits_for_an_approval_is_told() -> None:
    steps = "{ask: {approve: {prompt: Go?}}, mid: {after: [ask], run: x}, ship: {after: [mid], run: x}}"
    spec = f"spec: 1\nname: a\nsteps: {steps}\n"
    bypassed = compare(side(spec), side(spec.replace("after: [mid], ", "")))
    assert ("steps", "changed", "ask.guards", "mid, ship", "mid", "security") in words(bypassed)
    shorter = compare(side(spec), side(spec.replace(", ship: {after: [mid], run: x}", "")))
    longer = compare(side(spec), side(spec.replace("}}\n", "}, more: {after: [ship], run: x}}\n")))
    assert [one.alarm for diff in (shorter, longer) for one in diff.changes if one.alarm] == []


@pytest.mark.parametrize(
    ("old", "new", "alarm"),
    [
        ("base:1.2", "base:1.3", ""),
        ("base:1.2", "base:latest", "security"),
        ("base:1.2", "base", "security"),
        ("base:1.2", "other:1.2", "security"),
        ("base:1.2", f"base@sha256:{'a' * 64}", ""),
    ],
)
def test_a_template_that_may_be_anything_is_power(old: str, new: str, alarm: str) -> None:
    spec = "spec: 1\nname: a\nsandboxes: {p: {needs: {template: 'OLD'}}}\nsteps: {a: {sandbox: p, run: x}}\n"
    diff = compare(side(spec.replace("OLD", old)), side(spec.replace("OLD", new)))
    assert [(c.subject, c.what, c.alarm) for c in diff.changes] == [("p", "needs.template", alarm)]


def test_a_new_sandbox_of_an_unpinned_template_is_power() -> None:
    spec = "spec: 1\nname: a\nsandboxes: {p: {needs: {template: 'base'}}}\nsteps: {a: {sandbox: p, run: x}}\n"
    before = "spec: 1\nname: a\nsteps: {a: {run: x}}\n"
    alarms = {(c.section, c.subject): c.alarm for c in compare(side(before), side(spec)).changes}
    assert alarms[("sandboxes", "p")] == "security"


@pytest.mark.parametrize(
    ("old", "new", "alarm"),
    [
        ("budget: {usd: 2}", "budget: {usd: 1}", ""),
        ("budget: {usd: 2}", "budget: {usd: 30}", "security"),
        ("budget: {usd: 2}", "budget: {hours: 2}", "security"),
        ("timeout: 90m", "timeout: 1h", ""),
        ("timeout: 90m", "timeout: 2h", "security"),
    ],
)
def test_a_limit_of_a_sandbox_that_is_raised_is_a_guard_less(old: str, new: str, alarm: str) -> None:
    spec = "spec: 1\nname: a\nsandboxes: {p: {LIMIT}}\nsteps: {a: {sandbox: p, run: x}}\n"
    diff = compare(side(spec.replace("LIMIT", old)), side(spec.replace("LIMIT", new)))
    assert [one.alarm for one in diff.changes if one.alarm] == ([alarm] if alarm else [])
    assert "sandboxes" in {one.section for one in diff.changes}


def test_what_only_people_read_is_told_too() -> None:
    diff = changed(("  lint: {", "  lint: {description: Looks, "), ("title: Build\n", "title: Build\nlabels: {a: b}\n"))
    assert {(one.section, one.what) for one in diff.changes} == {("steps", "description"), ("workflow", "labels")}


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("script: {language: node, code: x}", "script: {language: node, code: y}", ("does", "x", "y")),
        ("script: {language: node, code: x}", "script: {language: python, code: x}", ("language", "node", "python")),
        (
            "run: x, retry: {attempts: 3}",
            "run: x, retry: {attempts: 4, on: [exit], jitter: 0}",
            (
                "retry",
                "3 attempts, exponential, 2s to 1m",
                "4 attempts, exponential, 2s to 1m, on exit, jitter 0",
            ),
        ),
        (
            "run: x, files: {src: {from: ., exclude: ['*.pyc']}}",
            "run: x, files: {src: {from: ., include: ['*.py']}}",
            ("files", ". to src without *.pyc", ". to src only *.py"),
        ),
        ("run: x, repeat: {until: 'true', max: 2}", "run: x", ("repeat", '{"delay":0.0,"most":2,"until":"true"}', "")),
    ],
)
def test_parts_of_a_step_are_told_in_words(old: str, new: str, change: tuple[str, str, str]) -> None:
    spec = "spec: 1\nname: a\nsteps: {a: {STEP}}\n"
    diff = compare(side(spec.replace("STEP", old)), side(spec.replace("STEP", new)))
    assert [(one.what, one.before, one.after) for one in diff.changes] == [change]


def test_a_guard_that_goes_is_told() -> None:
    gate = "  gate: {approve: {prompt: 'Ship ${{ steps.test.outputs.size }}?'}, after: [look], owner: anna}\n"
    diff = changed(
        (gate, ""), ("look, gate]", "look]"), ("policies: [{id: dear, when: run.cost.usd > 0.6, do: pause}]\n", "")
    )
    removed = {(c.section, c.subject): c.alarm for c in diff.changes if c.kind == "removed"}
    assert removed[("steps", "gate")] == "security"
    assert removed[("policies", "dear")] == "security"


def test_what_callers_lose_is_breaking() -> None:
    diff = changed(
        ("outputs: {size: {value: '${{ steps.test.outputs.size }}'}}\n", ""),
        (", n: {type: integer, maximum: 9, default: 1}}", ", m: {type: integer}}"),
        ("inputs.n }}", "inputs.m }}"),
        ("inputs: {n: 2}", "inputs: {m: 2}"),
    )
    alarms = {(c.section, c.subject, c.kind): c.alarm for c in diff.changes}
    assert alarms[("inputs", "n", "removed")] == "breaking"
    assert alarms[("inputs", "m", "added")] == "breaking"
    assert alarms[("outputs", "size", "removed")] == "breaking"


def test_a_new_trigger_agent_or_optional_input() -> None:
    diff = changed(
        ("triggers: [", "triggers: [{id: hook, webhook: github, inputs: {n: 2}}, "),
        ("  bot:", "  eve: {human: true}\n  bot:"),
        ("default: 1}}", "default: 1}, o: {type: string, default: x}}"),
    )
    alarms = {(c.section, c.subject): c.alarm for c in diff.changes}
    assert alarms[("triggers", "hook")] == "security"
    assert alarms[("agents", "eve")] == ""
    assert alarms[("inputs", "o")] == ""


def test_prices_are_compared() -> None:
    before, after = changed(("memory: 1GiB", "memory: 4GiB")).prices
    assert difference(before, after).likely > 0
    assert "(likely +$" in diff_text.render([changed(("memory: 1GiB", "memory: 4GiB"))])


def test_a_price_alone_is_a_change() -> None:
    diff = changed(("estimate: 3m", "estimate: 9m"))
    assert (diff.changes, diff.status) == ((), "changed")
    assert "(likely the same)" in diff_text.render([diff])
    dearer = diff_text.render([changed(("usd: 0.5", "usd: 9.5"))])
    assert "(likely the same, at most +$9.00)" in dearer


def test_times_of_schedules_are_compared() -> None:
    diff = compare(side(BASE), side(BASE.replace("30 4", "30 5")), ({"nightly": "Mon"}, {"nightly": "Tue"}))
    assert ("schedules", "changed", "nightly.next", "Mon", "Tue", "") in words(diff)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (None, BASE, "added"),
        (BASE, None, "removed"),
        (BASE, "spec: 1", "broken"),
        ("spec: 1", BASE, "mended"),
        ("spec: 1", "spec: 1", "same"),
        (None, "spec: 1", "invalid"),
    ],
)
def test_specs_come_and_go(before: str | None, after: str | None, status: str) -> None:
    diff = compare(side(before) if before else None, side(after) if after else None)
    assert diff.status == status
    assert diff.path == "a.yaml"
    shown = diff_text.render([diff])
    assert (diff_text.STATUS[diff.status] in shown) == (status != "same")


def test_other_errors_than_before_are_told() -> None:
    diff = compare(Side("a.yaml", None, ("one",)), Side("a.yaml", None, ("two",)))
    assert diff_text.render([diff]).splitlines()[1] == "  two"
    assert "1 with errors" in diff_text.tally([diff])


def test_a_move_is_told() -> None:
    diff = compare(side(BASE, "old.yaml"), side(BASE, "new.yaml"))
    assert diff.is_different
    assert diff_text.render([diff]).startswith("new.yaml (build) has moved, from old.yaml\n")
    assert "has moved, from `old.yaml`" in diff_markdown.render([diff], "main")


def test_changes_stand_under_their_sections() -> None:
    diff = changed(("timeout: 10m", "timeout: 20m"), ("[a.example]", "[b.example]"), ("week: 1,", "week: 2,"))
    lines = diff_text.render([diff]).splitlines()
    assert [line.strip() for line in lines if line.startswith("  ") and line[2] != " "][:3] == [
        "steps",
        "network",
        "milestones",
    ]
    assert "    ~ test.timeout: 10m → 20m" in lines
    assert "    - py: a.example" in lines
    assert "    + py: b.example  [security]" in lines


def test_an_output_of_another_meaning_is_breaking() -> None:
    diff = changed(("{value: '${{ steps.test.outputs.size }}'}", "{value: '${{ steps.test.outputs.size + 1 }}'}"))
    assert [(one.section, one.alarm) for one in diff.changes] == [("outputs", "breaking")]


@pytest.mark.parametrize(
    ("what", "old", "new", "narrower"),
    [
        ("type", "string", '["string","null"]', False),
        ("type", '["string","null"]', "string", True),
        ("enum", "", '["a"]', True),
        ("enum", '["a"]', "", False),
        ("maximum", "5", "", False),
        ("minLength", "2", "1", False),
        ("pattern", "a", "b", True),
        ("pattern", "a", "", False),
        ("description", "a", "b", False),
    ],
)
def test_an_input_that_takes_less_is_breaking(what: str, old: str, new: str, narrower: bool) -> None:
    assert weigh("inputs", what, {what: old}, {what: new}) == ("breaking" if narrower else "")


def test_long_texts_are_shown_line_by_line() -> None:
    diff = changed(("echo done", "echo over"))
    lines = diff_text.render([diff]).splitlines()
    assert lines[lines.index("    ~ test.does  [security]") + 1 :][:2] == ["        -echo done", "        +echo over"]
    long = Change("steps", "a", "changed", "does", "", "\n".join(map(str, range(30))))
    assert diff_text.lines_between(long.before, long.after)[-1] == "  and 10 lines more"


def test_a_new_long_text_is_cut() -> None:
    diff = changed(("  look:", "  more:\n    run: |\n      one\n      two\n    owner: anna\n  look:"))
    assert "    + more: one …" in diff_text.render([diff])


def test_markdown_finds_its_comment_again_and_cannot_be_broken_out_of() -> None:
    diff = changed(
        ("echo done", "echo '```' | tee x"), ("title: Build\n", "title: '`a|b`'\n"), ("[a.example]", "[b.example]")
    )
    shown = diff_markdown.render([diff], "main")
    assert shown.startswith("<!-- runner plan --diff -->\n### Plans since `main`: 1 spec differs, security: 2\n")
    assert "  ````diff\n" in shown
    assert "`` `a|b` ``" in shown
    assert "**Security**" in shown
    assert "**Breaking**" not in shown
    assert shown.count("<details>") == shown.count("</details>") == 1


def test_a_comment_of_many_changes_fits_and_says_what_is_left_out() -> None:
    opened = changed(("[a.example]", "[b.example]"), ("echo done", "\n      ".join(f"echo {n}" * 9 for n in range(20))))
    shown = diff_markdown.render([opened] * 150, "main")
    assert 50_000 < len(shown) < 65_536
    assert "- and 200 more\n" in shown
    assert "\nand 50 more\n" in shown
    left = re.search(r"The changes of (\d+) more do not fit here; `runner plan --diff main` shows them\.", shown)
    assert left is not None
    assert shown.count("<details>") == shown.count("</details>") == 150 - int(left[1])


def test_a_bar_in_a_path_ends_no_cell() -> None:
    shown = diff_markdown.render([compare(side(BASE, "a|<b>@c.yaml"), None)], "main")
    assert "| `a\\|<b>@c.yaml` | is gone |" in shown
    shown = diff_markdown.render([compare(side(BASE, "x<b>.yaml"), side("spec: 1", "x<b>.yaml"))], "main")
    assert "<summary><code>x&lt;b&gt;.yaml</code></summary>" in shown


def test_markdown_of_errors() -> None:
    diff = compare(side(BASE), Side("a.yaml", None, ("3:1 error x: `a` | b",)))
    shown = diff_markdown.render([diff], "main")
    assert "was right and has errors now" in shown
    assert "- ``3:1 error x: `a` | b``" in shown


def test_markdown_without_changes() -> None:
    assert (
        diff_markdown.render([], "main") == "<!-- runner plan --diff -->\n### Plans since `main`: no plan has changed\n"
    )


def test_json_has_everything() -> None:
    diff = changed(("timeout: 10m", "timeout: 20m"))
    found = json.loads(json.dumps(to_json([diff, compare(side(BASE), None)], "main")))
    first, second = found["specs"]
    assert (first["status"], first["errors"], first["moved_from"]) == ("changed", [], "")
    assert first["changes"] == [
        {
            "section": "steps",
            "subject": "test",
            "kind": "changed",
            "what": "timeout",
            "before": "10m",
            "after": "20m",
            "alarm": "",
        }
    ]
    assert first["price"]["difference"]["high"] > 0
    assert second["price"]["after"] is None
