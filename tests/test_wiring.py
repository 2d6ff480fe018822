"""Which concrete things a command gets: engines by what answers, boxes by what the environment says."""

from __future__ import annotations

import asyncio

import pytest

from runner import wiring
from runner.compiler.compile import compile_plan
from runner.embedded.e2b import launch
from runner.errors import EngineUnavailable, ProviderOffline, UsageError
from runner.flow import address
from runner.run import reaper
from runner.run.ports import BoxRequest
from runner.run.supply import chooser
from runner.sandbox import webcontainer_engine, webcontainer_ready


@pytest.fixture(autouse=True)
def nothing_to_reap(monkeypatch):
    """Nobody is asked what dead runs left."""

    async def none(sandbox):
        return []

    monkeypatch.setattr(reaper, "reap", none)


def provision(environ, **more):
    async def main():
        async with wiring.open_providers(environ, **more) as found:
            return found

    return asyncio.run(main())


def test_without_a_box_step_nothing_is_started():
    found = provision({}, needed=False)
    assert dict(found.providers) == {}
    assert found.sentence == "boxes: none needed"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"E2B_API_KEY": "k"}, "boxes: E2B, the hosted service"),
        ({"E2B_API_KEY": "k", "E2B_DOMAIN": "e2b.test"}, "boxes: E2B, the hosted service at e2b.test"),
        (
            {"E2B_API_KEY": "k", "E2B_API_URL": "http://127.0.0.1:9", "E2B_SANDBOX_URL": "http://127.0.0.1:9"},
            "boxes: E2B, the endpoint http://127.0.0.1:9",
        ),
        ({"E2B_API_URL": "http://127.0.0.1:9"}, "boxes: E2B, the endpoint http://127.0.0.1:9"),
    ],
)
def test_a_key_means_the_hosted_service_and_a_url_another_endpoint(environ, sentence):
    found = provision(environ, wanted={"e2b": True})
    assert found.sentence == sentence
    assert found.providers["e2b"].provider == "e2b"
    assert found.facts["e2b"].available
    assert "webcontainer" not in found.providers


def choose(wanted, tmp_path):
    return asyncio.run(wiring.choose_engine(wanted, tmp_path))


@pytest.fixture
def answering(monkeypatch):
    async def yes(url):
        return url == "http://127.0.0.1:4200/api"

    monkeypatch.setattr(address, "reachable", yes)


def test_auto_is_local_without_a_server(tmp_path):
    engine, sentence = choose("auto", tmp_path)
    assert engine.name == "local"
    assert sentence == "engine: local (with Prefect: `runner up`, then --engine prefect)"


def test_auto_is_prefect_when_an_api_answers(tmp_path, answering, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    for wanted in ("auto", "prefect"):
        engine, sentence = choose(wanted, tmp_path)
        assert engine.name == "prefect"
        assert sentence == "engine: prefect at http://127.0.0.1:4200/api (without it: --engine local)"
    engine, sentence = choose("local", tmp_path)
    assert engine.name == "local"
    assert sentence == "engine: local (with Prefect: --engine prefect)"


def test_prefect_that_does_not_answer_is_told_and_auto_goes_without(tmp_path, answering, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert choose("auto", tmp_path)[0].name == "local"
    with pytest.raises(EngineUnavailable, match=r"no Prefect API answers at http://127\.0\.0\.1:1/api"):
        choose("prefect", tmp_path)


def test_prefect_without_any_server_is_told(tmp_path):
    with pytest.raises(EngineUnavailable, match="no Prefect server is known") as caught:
        choose("prefect", tmp_path)
    assert "runner up" in caught.value.hint


def test_a_store_can_be_opened_for_reading_where_there_is_none_yet(tmp_path):
    assert not wiring.has_store(tmp_path)
    assert wiring.open_store(tmp_path, read_only=True) is not wiring.open_store(tmp_path)


@pytest.mark.parametrize(
    ("environ", "boxes", "creates", "session"),
    [
        ({"E2B_API_KEY": "k"}, 20, 1, 86400),
        ({"E2B_API_KEY": "k", "RUNNER_E2B_PLAN": "hobby"}, 20, 1, 3600),
        ({"E2B_API_KEY": "k", "RUNNER_E2B_PLAN": "pro", "RUNNER_E2B_CONCURRENCY": "300"}, 300, 5, 86400),
        ({"E2B_API_URL": "http://127.0.0.1:9"}, None, None, None),
        ({"E2B_API_URL": "http://127.0.0.1:9", "RUNNER_E2B_RATE": "0.5"}, None, 0.5, None),
    ],
)
def test_what_an_account_may_do_is_said_by_its_plan_or_by_numbers(environ, boxes, creates, session):
    account = provision(environ).facts["e2b"].account
    assert (account.boxes, account.creates, account.session) == (boxes, creates, session)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNNER_E2B_PLAN", "gold"),
        ("RUNNER_E2B_CONCURRENCY", "many"),
        ("RUNNER_E2B_RATE", "0"),
        ("RUNNER_E2B_FALLBACK", "elsewhere"),
        ("RUNNER_E2B_EGRESS", "yes"),
    ],
)
def test_a_setting_that_says_nothing_is_refused_with_what_is_allowed(name, value):
    with pytest.raises(UsageError, match=name) as caught:
        provision({"E2B_API_KEY": "k", "RUNNER_E2B_FALLBACK": "embedded", name: value})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "free"),
    [("http://127.0.0.1:9", True), ("http://x.localhost:9", True), ("https://api.example.test", False)],
)
def test_boxes_of_an_endpoint_on_this_machine_are_free(url, free):
    assert provision({"E2B_API_URL": url}).facts["e2b"].free is free


def test_the_embedded_endpoint_is_a_second_candidate_where_it_is_asked_for():
    environ = {"E2B_API_URL": "http://127.0.0.1:9", "RUNNER_E2B_FALLBACK": "embedded"}
    found = provision(environ, wanted={"e2b": True})
    assert found.sentence == "boxes: E2B, the endpoint http://127.0.0.1:9; if it fails, the embedded endpoint"
    assert list(found.providers) == ["e2b", "e2b@embedded"]
    assert found.facts["e2b@embedded"].free


@pytest.mark.parametrize(("environ", "lacking"), [({}, True), ({"RUNNER_E2B_EGRESS": "1"}, False)])
def test_boxes_of_the_embedded_endpoint_are_let_out_where_that_is_asked_for(environ, lacking):
    found = provision({"E2B_API_URL": "http://127.0.0.1:9", "RUNNER_E2B_FALLBACK": "embedded", **environ})
    assert ("network" in found.facts["e2b@embedded"].lacks) is lacking


def test_a_run_that_ends_before_what_dead_ones_left_is_freed_waits_for_it(monkeypatch):
    async def slowly(sandbox):
        await asyncio.sleep(0.05)
        return ["freed the box b1"]

    monkeypatch.setattr(reaper, "reap", slowly)
    told = []
    provision({"E2B_API_KEY": "k"}, tell=told.append)
    assert told == ["freed the box b1"]


def test_a_provider_that_does_not_answer_does_not_keep_a_run_from_ending(monkeypatch):
    ended = []

    async def never(sandbox):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    monkeypatch.setattr(reaper, "reap", never)
    monkeypatch.setattr(wiring, "_REAPING", 0.01)
    provision({"E2B_API_KEY": "k"})
    assert ended


@pytest.mark.parametrize("need", ["memory: 3GiB", "disk: 11GiB", "cpu: 3"])
def test_more_than_a_box_of_the_embedded_endpoint_has_is_refused_with_what_it_has(need, plan_of):
    found = provision({"E2B_API_URL": "http://127.0.0.1:9", "RUNNER_E2B_FALLBACK": "embedded"})
    (second,) = (each for each in chooser(found.facts)(plan_of(need), 1.0) if each.provider == "e2b@embedded")
    assert not second.accepted
    assert f"boxes without a template have {'10 GiB' if 'disk' in need else 2}" in second.reason


@pytest.fixture
def plan_of():
    def made(need):
        spec = f"{{spec: 1, name: x, sandboxes: {{default: {{needs: {{{need}}}}}}}, steps: {{a: {{run: 'true'}}}}}}"
        plan = compile_plan(spec.encode(), "x.yaml").plan
        assert plan is not None
        return plan.sandboxes["default"]

    return made


@pytest.mark.parametrize(("environ", "asked"), [({}, []), ({"E2B_API_KEY": "k"}, ["freed the box b1"])])
def test_orphans_are_freed_without_a_run_where_there_is_an_account(monkeypatch, environ, asked):
    async def one(sandbox):
        return ["freed the box b1"]

    monkeypatch.setattr(reaper, "reap", one)
    told = []
    asyncio.run(wiring.free_orphans(environ, told.append))
    assert told == asked


# ---------------------------------------------------------------- WebContainers


@pytest.fixture
def whole(monkeypatch):
    """A machine that lacks nothing; a list of what it lacks may be filled."""
    lacks = []
    monkeypatch.setattr(webcontainer_ready, "lacking", lambda environ: "; ".join(lacks))
    return lacks


WEB = {"webcontainer": True}


def test_webcontainers_are_there_without_anything_being_started(whole):
    found = provision({}, wanted=WEB)
    assert list(found.providers) == ["webcontainer"]
    assert found.facts["webcontainer"].free
    assert found.facts["webcontainer"].reason == "in a browser of this machine, the local engine"
    assert found.sentence == "boxes: WebContainer, the local engine"


def test_what_a_machine_lacks_for_webcontainers_is_said_where_they_are_chosen(whole):
    whole.append("no Chromium is on this machine")
    found = provision({}, wanted=WEB)
    assert found.providers == {}
    assert found.facts["webcontainer"].reason == "no Chromium is on this machine"
    assert found.sentence == "boxes: webcontainer cannot be had here: no Chromium is on this machine"


@pytest.mark.parametrize(
    ("environ", "engine"),
    [
        ({"RUNNER_WEBCONTAINER_ENGINE": "stackblitz"}, "the vendor's engine"),
        ({"WEBCONTAINER_API_KEY": "k-secret"}, "the vendor's engine, ours where it cannot be reached"),
        ({"WEBCONTAINER_API_KEY": "k-secret", "RUNNER_WEBCONTAINER_ENGINE": "local"}, "the local engine"),
    ],
)
def test_the_engine_of_webcontainers_is_told_without_its_key(whole, environ, engine):
    assert provision(environ, wanted=WEB).sentence == f"boxes: WebContainer, {engine}"


def test_an_engine_that_is_none_is_refused_with_what_is_allowed(whole):
    with pytest.raises(UsageError, match="RUNNER_WEBCONTAINER_ENGINE") as caught:
        provision({"RUNNER_WEBCONTAINER_ENGINE": "deno"}, wanted=WEB)
    assert "local" in caught.value.hint


def test_nobody_is_asked_about_webcontainers_that_no_sandbox_may_be(monkeypatch):
    monkeypatch.setattr(webcontainer_ready, "lacking", lambda environ: pytest.fail("asked"))
    assert list(provision({"E2B_API_KEY": "k"}, wanted={"e2b": True}).providers) == ["e2b"]


def test_an_embedded_endpoint_that_is_only_a_second_choice_starts_when_it_is_needed(whole, monkeypatch):
    monkeypatch.setattr(launch, "launch", lambda *_: pytest.fail("it was started"))
    found = provision({}, wanted={"webcontainer": True, "e2b": False})
    assert sorted(found.providers) == ["e2b", "webcontainer"]
    assert found.facts["e2b"].available


def test_a_vendors_engine_that_cannot_be_reached_is_a_provider_that_is_offline(whole, monkeypatch):
    async def nothing(address):
        return "no answer within 3 s"

    monkeypatch.setattr(webcontainer_engine, "unreachable", nothing)

    async def main():
        environ = {"RUNNER_WEBCONTAINER_ENGINE": "stackblitz", "WEBCONTAINER_API_KEY": "k-secret"}
        async with wiring.open_providers(environ, wanted=WEB) as found:
            with pytest.raises(ProviderOffline) as caught:
                await found.providers["webcontainer"].create(BoxRequest())
        return caught.value

    error = asyncio.run(main())
    assert "no answer within 3 s" in error.message
    assert "RUNNER_WEBCONTAINER_ENGINE=local" in error.hint
    assert "k-secret" not in error.message + error.hint
