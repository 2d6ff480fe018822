"""What a run writes down of a box's desktop: enough to find it again, and not its key."""

from __future__ import annotations

import asyncio
import json

import pytest

from runner.errors import FileMissing
from runner.run.ports import BoxRequest
from runner.sandbox.fake import FakeSandbox


@pytest.mark.parametrize(("needs", "wanted"), [({"desktop": True}, {"display": ":0", "port": 6080}), ({}, None)])
def test_the_record_of_a_box_says_where_its_desktop_is(lab, make_step, two_providers, needs, wanted):
    lab.providers = {"first": lab.fake}
    done = lab.run(make_step("a"), sandboxes={"default": two_providers(needs=needs)})
    (record,) = asyncio.run(lab.store.all(done.report.run, "box"))
    assert record.data.get("desktop") == wanted
    assert "vnc.html" not in json.dumps([event.data for event in done.events])


def test_only_a_box_with_a_desktop_has_a_page_for_it():
    async def scenario() -> None:
        sandbox = FakeSandbox()
        try:
            box = await sandbox.create(BoxRequest(needs={"desktop": True}))
            assert (await box.desktop_url()).endswith(":6080/vnc.html")
            plain = await sandbox.create(BoxRequest())
            assert plain.desktop is None
            with pytest.raises(FileMissing, match="no desktop"):
                await plain.desktop_url()
        finally:
            await sandbox.close()

    asyncio.run(scenario())
