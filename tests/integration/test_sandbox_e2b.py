"""The conformance suite on `e2b`: the genuine SDK against the embedded endpoint, real boxes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from runner.embedded.e2b.launch import Endpoint, launch
from runner.errors import SandboxMissing
from runner.sandbox.conformance import CHECKS, Check, Lab
from runner.sandbox.e2b import E2BSandbox

pytestmark = pytest.mark.integration


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    with asyncio.Runner() as runner:
        serving = launch()
        try:
            found = runner.run(serving.__aenter__())
        except SandboxMissing as exc:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"{exc} {exc.hint}")
        yield found
        runner.run(serving.__aexit__(None, None, None))


@pytest.fixture
def lab(endpoint: Endpoint) -> Lab:
    return Lab(lambda: E2BSandbox(endpoint.api_key, endpoint.api_url, endpoint.sandbox_url))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_e2b_behaves_as_a_provider(check: Check, lab: Lab) -> None:
    asyncio.run(check.run(lab))
