"""The conformance suite on `webcontainer`: the genuine client in a real browser, on the local engine."""

from __future__ import annotations

import asyncio

import pytest

from runner.sandbox.conformance import CHECKS, Check, Lab
from runner.sandbox.webcontainer import Host, WebContainerSandbox

pytestmark = pytest.mark.integration
Hosted = tuple[asyncio.Runner, Host]
PROVIDER = "webcontainer"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_webcontainer_behaves_as_a_provider(
    check: Check, webcontainers: Hosted, request: pytest.FixtureRequest
) -> None:
    if reason := check.known.get(PROVIDER):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    runner, host = webcontainers
    runner.run(check.run(Lab(lambda: WebContainerSandbox(host))))
    assert host.boxes == {}, "the check left boxes behind"
