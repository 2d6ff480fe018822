"""Boxes that may end with what holds them, as WebContainers do with their browser: what is copied, what comes back."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import BoxCrashed, BoxFileError, BoxGone, ProviderOffline

SPEC = """
spec: 1
name: lab
sandboxes:
  web: {{needs: {{runtime: node}}, prefer: [{prefer}], scope: {scope}}}
defaults: {{timeout: 600s{defaults}}}
{policies}
steps:
  a: {{sandbox: web, run: "echo of-a > kept"}}
  b: {{sandbox: web, after: [a], run: "cat kept; echo of-b >> kept"{b}}}
  c: {{sandbox: web, after: [b], run: "cat kept"}}
"""
BOTH = "webcontainer, e2b"


def spec(prefer=BOTH, scope="run", b="", defaults="", policies=""):
    return SPEC.format(prefer=prefer, scope=scope, b=b, defaults=defaults, policies=policies)


@pytest.fixture
def crashing(lab):
    """Make the boxes of the provider crash when a command holds a word, so many times in all."""

    def make(word, times=1, error=BoxCrashed):
        provider = lab.providers["webcontainer"] = type(lab.fake)(lab.cloud, "webcontainer")
        left = [times]
        create = provider.create

        async def crash_on_word(request):
            box = await create(request)
            run = box.run

            async def crash(command, on_output=None):
                if word in command.text and left[0] > 0:
                    left[0] -= 1
                    await box.kill()
                    raise error("the browser's tab crashed")
                return await run(command, on_output)

            box.run = crash
            return box

        provider.create = crash_on_word
        return provider

    return make


def play(lab, text):
    return asyncio.run(asyncio.wait_for(lab.live(lab.planned(text)), 30))


def said(lab, key):
    return "".join(text for name, _, text in lab.text if name == key)


def test_a_crash_in_the_middle_of_a_step_moves_its_files_to_the_next_candidate(lab, crashing):
    crashing("of-b")
    done = play(lab, spec())
    assert done.state == "succeeded"
    assert {key: each["provider"] for key, each in done.report.steps.items()} == {
        "a": "webcontainer",
        "b": "e2b",
        "c": "e2b",
    }
    assert said(lab, "c") == "of-a\nof-b\n"
    (fallback,) = done.of("sandbox.fallback")
    assert (fallback.data["from"], fallback.data["to"]) == ("webcontainer", "e2b")
    assert fallback.data["reason"] == "the browser's tab crashed"
    (moved,) = done.of("box.moved")
    assert moved.data["reason"] == "the browser's tab crashed"
    assert moved.data["bytes"] > 0
    assert done.step("b")["attempt"] == 2


def test_a_crash_before_anything_was_left_carries_nothing(lab, crashing):
    crashing("of-a")
    done = play(lab, spec())
    assert done.state == "succeeded"
    assert done.of("box.moved") == []
    assert done.step("a")["provider"] == "e2b"


def test_without_another_candidate_a_retry_gets_a_new_box_with_the_files(lab, crashing):
    crashing("of-b", times=2)
    done = play(lab, spec("webcontainer", b=", retry: {attempts: 3, delay: 1s}"))
    assert done.state == "succeeded"
    assert len(done.of("box.moved")) == 2
    assert done.of("sandbox.fallback") == []
    assert said(lab, "c") == "of-a\nof-b\n"


def test_without_another_candidate_and_retries_the_step_fails_as_what_it_is(lab, crashing):
    crashing("of-b")
    done = play(lab, spec("webcontainer"))
    assert done.states == {"a": "succeeded", "b": "failed", "c": "skipped"}
    assert done.step("b")["error_class"] == "box_gone"
    assert "lost" not in done.step("b")["message"]


def test_a_box_that_was_killed_is_no_crash_and_no_reason_for_another_provider(lab, crashing):
    crashing("of-b", error=BoxGone)
    done = play(lab, spec(b=", retry: {attempts: 2, delay: 1s}"))
    assert done.state == "succeeded"
    assert done.step("b")["provider"] == "webcontainer"
    assert said(lab, "c") == "of-a\nof-b\n"


def test_a_step_that_must_not_run_twice_is_not_repeated_elsewhere(lab, crashing):
    crashing("of-b")
    done = play(lab, spec(b=", idempotent: false"))
    assert done.step("b")["state"] == "failed"
    assert done.step("b")["attempt"] == 1


def test_what_a_policy_says_of_gone_boxes_comes_first(lab, crashing):
    crashing("of-b")
    policies = "policies: [{id: p, on: sandbox.gone, do: fail}]"
    done = play(lab, spec(policies=policies))
    assert done.state == "failed"
    assert done.of("sandbox.fallback") == []


def test_a_fresh_box_for_each_step_falls_back_too(lab, crashing):
    crashing("of-a")
    done = play(lab, spec(scope="step").replace("cat kept; ", "").replace("cat kept", "true"))
    assert done.state == "succeeded"
    assert len(done.of("sandbox.fallback")) == 1
    assert done.of("box.moved") == []


def test_nothing_is_copied_for_a_step_that_no_other_follows_in_its_box(lab, crashing):
    provider = crashing("nothing")
    exports = []
    create = provider.create

    async def counted(request):
        box = await create(request)
        export = box.export_tar

        async def counting(path):
            exports.append(path)
            return await export(path)

        box.export_tar = counting
        return box

    provider.create = counted
    assert play(lab, spec()).state == "succeeded"
    assert len(exports) == 2  # after `a` and `b`; nobody needs what `c` leaves


def test_a_step_that_is_repeated_keeps_what_each_repetition_left(lab, crashing):
    crashing("again", times=0)
    text = """
spec: 1
name: lab
sandboxes: {web: {needs: {runtime: node}, prefer: [webcontainer, e2b]}}
steps:
  a:
    sandbox: web
    run: 'echo x >> kept; echo "n=$(wc -l < kept)" >> $RUNNER_OUTPUT'
    outputs: {n: {type: integer}}
    repeat: {until: "outputs.n >= 3", max: 5, delay: 1s}
"""
    provider = lab.providers["webcontainer"]
    create = provider.create
    runs = []

    async def third_crashes(request):
        box = await create(request)
        run = box.run

        async def crash(command, on_output=None):
            runs.append(box.id)
            if len(runs) == 3:
                await box.kill()
                raise BoxCrashed("the browser ended")
            return await run(command, on_output)

        box.run = crash
        return box

    provider.create = third_crashes
    done = play(lab, text)
    assert done.state == "succeeded"
    assert done.step("a")["outputs"] == {"n": 3}
    assert len(runs) == 3
    assert done.step("a")["provider"] == "e2b"


def test_a_copy_that_cannot_be_put_back_fails_the_attempt_and_stays_for_the_next(lab, crashing):
    crashing("of-b")
    e2b = lab.providers["e2b"] = type(lab.fake)(lab.cloud, "e2b")
    create, broken = e2b.create, [True]

    async def first_is_broken(request):
        box = await create(request)
        unpack = box.import_tar

        async def once(path, tar):
            if broken.pop() if broken else False:
                raise BoxFileError("no space")
            await unpack(path, tar)

        box.import_tar = once
        return box

    e2b.create = first_is_broken
    done = play(lab, spec())
    assert done.step("b")["state"] == "failed"
    assert done.step("b")["message"] == "no space"


def test_files_that_could_not_be_copied_fail_the_attempt_that_left_them(lab, crashing):
    provider = crashing("nothing")
    create = provider.create

    async def unreadable(request):
        box = await create(request)

        async def broken(path):
            raise BoxFileError("cannot be read")

        box.export_tar = broken
        return box

    provider.create = unreadable
    done = play(lab, spec())
    assert done.states == {"a": "failed", "b": "skipped", "c": "skipped"}


def test_a_box_that_is_left_and_cannot_be_read_any_more_is_replaced_with_its_copy(lab, crashing):
    crashing("nothing")
    create = lab.providers["webcontainer"].create

    async def sick(request):
        box = await create(request)
        run = box.run

        async def offline(command, on_output=None):
            if "of-b" in command.text:
                await box.kill()
                raise ProviderOffline("the browser does not answer")
            return await run(command, on_output)

        box.run = offline
        return box

    lab.providers["webcontainer"].create = sick
    done = play(lab, spec(b=", retry: {attempts: 2, delay: 1s}"))
    assert done.state == "succeeded"
    assert done.step("b")["provider"] == "e2b"
    assert said(lab, "c") == "of-a\nof-b\n"
    assert len(done.of("box.moved")) == 1
