"""The Chooser: a verdict and a sentence for every provider."""

from __future__ import annotations

import pytest

from runner.compiler.canonical import Json
from runner.compiler.plan.choose import Account, Fact, account, choose, plans, usd_per_hour, usd_per_second


def verdicts(needs: dict[str, Json], *prefer: str, **facts: Fact) -> dict[str, bool]:
    return {one.provider: one.accepted for one in choose(needs, prefer, facts)}


@pytest.mark.parametrize(
    ("needs", "e2b", "webcontainer"),
    [
        ({}, True, False),
        ({"runtime": "python"}, True, False),
        ({"runtime": "node"}, True, True),
        ({"runtime": "node", "browser": True}, True, True),
        ({"runtime": "cobol"}, False, False),
        ({"runtime": "node", "native_addons": True}, True, False),
        ({"runtime": "node", "native_addons": False}, True, True),
        ({"runtime": "node", "desktop": True}, True, False),
        ({"runtime": "node", "template": "t"}, True, False),
        ({"runtime": "node", "cpu": 6}, True, False),
        ({"runtime": "node", "cpu": 64}, False, False),
        ({"runtime": "node", "memory_mb": 4096}, True, True),
        ({"runtime": "node", "memory_mb": 6000}, True, False),
        ({"runtime": "node", "disk_mb": 3000}, True, False),
        ({"runtime": "node", "persist_seconds": 60.0}, True, False),
        ({"runtime": "node", "persist_seconds": 99e9}, False, False),
        ({"runtime": "node", "network": {"allow": ["a.example"]}}, True, True),
        ({"runtime": "node", "network": "none"}, True, True),
        ({"runtime": "node", "network": "some"}, False, False),
        ({"runtime": 3, "cpu": "x"}, True, True),
    ],
)
def test_the_table(needs: dict[str, Json], e2b: bool, webcontainer: bool) -> None:
    found = choose(needs)
    assert [one.provider for one in found] == ["e2b", "webcontainer"]
    assert [one.accepted for one in found] == [e2b, webcontainer]
    assert all(one.reason for one in found)


def test_the_order_is_the_one_preferred() -> None:
    assert list(verdicts({"runtime": "node"}, "webcontainer", "e2b")) == ["webcontainer", "e2b"]


def test_who_is_not_preferred_is_not_used() -> None:
    assert verdicts({"runtime": "node"}, "e2b") == {"e2b": True, "webcontainer": False}


def test_facts_of_now_refuse_and_explain() -> None:
    facts = {"e2b": Fact(False, "E2B_API_KEY is not set"), "webcontainer": Fact(True, "chromium is here")}
    found = {one.provider: one for one in choose({"runtime": "node"}, (), facts)}
    assert not found["e2b"].accepted
    assert "E2B_API_KEY is not set" in found["e2b"].reason
    assert found["webcontainer"].accepted
    assert "chromium is here" in found["webcontainer"].reason


@pytest.mark.parametrize(
    ("needs", "lacked"),
    [
        ({"network": "*"}, "network"),
        ({"network": {"allow": ["a.example"]}}, "network"),
        ({"desktop": True}, "desktop"),
        ({"browser": True}, "browser"),
        ({"template": "t"}, "template"),
        ({"persist_seconds": 60}, "persist"),
        ({"runtime": "node"}, "runtime node"),
    ],
)
def test_an_endpoint_that_lacks_what_is_needed_is_refused_with_its_sentence(
    needs: dict[str, Json], lacked: str
) -> None:
    (first, _) = choose(needs, ("e2b",), {"e2b": Fact(True, "here", {lacked: "not here"})})
    assert not first.accepted
    assert first.reason == "E2B: not here"
    (first, _) = choose({}, ("e2b",), {"e2b": Fact(True, "here", {lacked: "not here"})})
    assert first.accepted


def test_an_unknown_provider_is_refused() -> None:
    assert verdicts({}, "docker") == {"docker": False, "e2b": False, "webcontainer": False}


def test_the_price_is_in_the_reason() -> None:
    # 2 vCPU and 0.5 GiB by default: (2 × 0.000014 + 0.5 × 0.0000045) × 3600
    assert usd_per_hour({}, "e2b") == pytest.approx(0.1089)
    assert "$0.109 an hour" in choose({})[0].reason
    assert "free of charge" in choose({"runtime": "node"})[1].reason
    assert usd_per_hour({"cpu": 4, "memory_mb": 2048}, "e2b") == pytest.approx(0.234)


def test_what_an_account_may_is_known_by_its_plan() -> None:
    assert account("e2b", "hobby") == Account("hobby", 20, 1, 3600)
    assert account("e2b", "gold") is None
    assert account("webcontainer", "hobby") is None
    assert plans("e2b") == ("hobby", "pro")
    assert plans("webcontainer") == ()


def test_a_free_endpoint_is_said_to_be_free_of_charge() -> None:
    (paid, *_), (free, *_) = (choose({}, ["e2b"], {"e2b": Fact(True, "here", free=yes)}) for yes in (False, True))
    assert "about $" in paid.reason
    assert "free of charge" in free.reason


def test_a_provider_without_a_price_costs_nothing() -> None:
    assert usd_per_second("fake", 8, 1024) == 0
    assert usd_per_second("e2b", 2, 512) == pytest.approx(3.025e-05)


def test_what_a_box_without_a_template_is_too_small_for_is_refused_before_the_run() -> None:
    fact = {"e2b": Fact(True, "here", most={"cpu": 2, "memory_mb": 512})}
    large: dict[str, Json] = {"memory_mb": 2048, "cpu": 2}
    (refused, *_) = choose(large, ["e2b"], fact)
    assert not refused.accepted
    assert refused.reason.startswith("E2B: boxes without a template have 512 MiB of `memory` there, 2 GiB are needed")
    assert "4 are needed" in choose({"cpu": 4}, ["e2b"], fact)[0].reason
    for enough in ({}, {"memory_mb": 512}, {**large, "template": "large"}, {**large, "desktop": True}):
        assert choose(enough, ["e2b"], fact)[0].accepted
