from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from runner.sandbox.conformance import CHECKS, Check, Lab
from runner.sandbox.fake import FakeCloud, FakeSandbox


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    cloud = FakeCloud()
    yield cloud
    left = list(cloud.boxes)
    cloud.free_all()
    assert not left, "the check left boxes behind"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_fake_behaves_as_a_provider(check: Check, cloud: FakeCloud) -> None:
    asyncio.run(check.run(Lab(lambda: FakeSandbox(cloud))))


def test_every_check_has_a_name_of_its_own_and_a_wound() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS) >= 40
    assert all(check.wound.endswith(".") for check in CHECKS)


def test_a_known_difference_is_of_a_provider_that_there_is_and_has_a_reason() -> None:
    known = [(name, reason) for check in CHECKS for name, reason in check.known.items()]
    assert {name for name, _ in known} == {"webcontainer"}
    assert all(len(reason) > 40 for _, reason in known)
    assert len(known) < 8, "a provider with many differences is another kind of thing"
