"""Secrets: which are needed, what happens without them, and that they are nowhere to be found afterwards."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from runner.compiler.plan.model import Candidate, OutputDecl, Retry, SandboxPlan, Secret
from runner.errors import UsageError
from runner.run.prepare import prepare
from runner.run.support import used_secrets

CANARY = 'canary-7f3a "quoted" & more'
PRINTS = r"""
echo "plain $TOKEN"; echo "$TOKEN" >&2
printf %s "$TOKEN" | base64; printf 'user:%s' "$TOKEN" | base64
printf %s "$TOKEN" | od -An -tx1 | tr -d ' \n'; echo
python3 -c 'import os,json,urllib.parse as u; t=os.environ["TOKEN"]; print(json.dumps(t), u.quote(t), u.quote_plus(t))'
for i in 1 2 3 4 5; do printf %s "${TOKEN:0:$((i*3))}"; sleep 0.01; printf %s "${TOKEN:$((i*3))}"; done
python3 -c 'import os,json; print("said=" + json.dumps("it is " + os.environ["TOKEN"]))' >> "$RUNNER_OUTPUT"
"""


def forms():
    raw = CANARY.encode()
    yield CANARY
    yield json.dumps(CANARY)[1:-1]
    yield base64.b64encode(raw).decode()
    yield base64.b64encode(b"user:" + raw).decode()
    yield raw.hex()
    yield "canary-7f3a"


def test_a_canary_is_nowhere_after_a_run_that_prints_it_in_every_way(lab, make_step):
    lab.secrets = {"token": CANARY}
    done = lab.run(
        make_step(
            "print",
            PRINTS,
            env={"TOKEN": "${{ secrets.token }}"},
            secrets=("token",),
            outputs={"said": OutputDecl(schema={"type": "string"})},
        ),
        make_step(
            "fail",
            'echo "$RUNNER_EXPR_0" >&2; exit 1',
            expressions={"RUNNER_EXPR_0": "secrets.token"},
            retry=Retry(attempts=2),
            allow_failure=True,
        ),
        make_step(
            "use",
            '[ "$RUNNER_EXPR_0" = "it is $TOKEN" ] && echo same',
            env={"TOKEN": "${{ secrets.token }}"},
            expressions={"RUNNER_EXPR_0": "steps.print.outputs.said"},
            after=("print",),
        ),
        secrets=(Secret("token", "TOKEN"),),
        inputs={"note": f"pasted {CANARY}"},
    )
    assert done.state == "succeeded"
    assert ("use", "stdout", "same\n") in lab.text

    async def stored():
        run = done.report.run
        tables = ("run", "step", "box", "artifact", "milestone")
        return [record.data for table in tables for record in await lab.store.all(run, table)]

    left = json.dumps(asyncio.run(stored())) + json.dumps([event.to_json() for event in done.events])
    left += json.dumps(lab.text) + "".join(text for _, _, text in lab.text)
    files = [path for path in (lab.folder / "state").rglob("*") if path.is_file()]
    logs = [path for path in files if path.suffix == ".jsonl"]
    assert len(logs) == 4
    for path in logs:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        left += "".join(line["text"] for line in lines)
    # The plan alone keeps the inputs as given: they are the caller's own words, and needed to resume.
    left += "".join(path.read_text() for path in files if path.name != "plan.json")
    for form in forms():
        assert form not in left
        assert json.dumps(form)[1:-1] not in left


def plan_with_secrets(make_step, new_plan):
    sandbox = SandboxPlan(
        "default", candidates=(Candidate("fake", True, ""),), env={"KEY": "${{ secrets.of_box }}", "PLAIN": "x"}
    )
    declared = tuple(Secret(name, name.upper()) for name in ("used", "of_box", "unused", "of_finally"))
    return new_plan(
        make_step("a", secrets=("used",)),
        finally_=make_step("finally", secrets=("of_finally",)),
        secrets=declared,
        sandboxes={"default": sandbox},
    )


def test_only_used_secrets_are_asked_for(make_step, new_plan):
    plan = plan_with_secrets(make_step, new_plan)
    assert [secret.name for secret in used_secrets(plan)] == ["used", "of_box", "of_finally"]
    environ = {"USED": "1", "OF_BOX": "2", "OF_FINALLY": "3", "UNUSED": "4"}
    assert prepare(plan, environ) == ({"used": "1", "of_box": "2", "of_finally": "3"}, {})


def test_all_missing_secrets_are_listed(make_step, new_plan):
    with pytest.raises(UsageError) as caught:
        prepare(plan_with_secrets(make_step, new_plan), {"USED": "1", "OF_BOX": ""})
    assert (
        caught.value.message
        == "lab needs secrets that are not set: OF_BOX (secret of_box), OF_FINALLY (secret of_finally)"
    )
    assert "OF_BOX=… OF_FINALLY=… runner run" in caught.value.hint


def test_a_secret_that_is_no_text_is_refused_before_anything_runs(make_step, new_plan):
    environ = {"USED": "ab\udcffcanary", "OF_BOX": "2", "OF_FINALLY": "3"}
    with pytest.raises(UsageError) as caught:
        prepare(plan_with_secrets(make_step, new_plan), environ)
    assert caught.value.message == "these secrets are not UTF-8 text: USED (secret used)"
    assert "base64" in caught.value.hint
