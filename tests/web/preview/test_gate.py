"""The token: needed beyond loopback, shown once, known to nobody else."""

from __future__ import annotations

import json

import pytest

from runner.errors import UsageError
from runner.web.preview.address import Place, token_for

TOKEN = "0123456789abcdef0123"
EVERYWHERE = Place("0.0.0.0", 8080)


def test_other_machines_need_a_token():
    with pytest.raises(UsageError) as caught:
        token_for(EVERYWHERE, {})
    assert "RUNNER_PREVIEW_TOKEN is not set" in caught.value.message
    assert token_for(EVERYWHERE, {"RUNNER_PREVIEW_TOKEN": TOKEN}) == TOKEN
    assert token_for(Place("127.0.0.1", 0), {}) == ""


def test_a_token_that_guards_nothing_is_refused_and_not_repeated():
    with pytest.raises(UsageError) as caught:
        token_for(Place("127.0.0.1", 0), {"RUNNER_PREVIEW_TOKEN": "hunter2"})
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_without_the_token_nothing_is_shown(app, before):
    async def body(bench):
        port = app.server_address[1]
        bench.enter(port)
        for more in ({}, {"headers": {"x-runner-preview-token": "wrong"}}, {"headers": {"cookie": "runner_preview=x"}}):
            answer = await bench.ask(port, "/teapot", **more)
            assert (answer.status_code, TOKEN in answer.text) == (401, False)
        assert (await bench.ask(port, "/teapot?token=wrong")).status_code == 401
        assert (await bench.client.get("/")).status_code == 401, "nor is it said what there is"

    before(body, TOKEN)


def test_the_token_is_shown_once_and_taken_out_of_the_address(app, before):
    async def body(bench):
        port = app.server_address[1]
        bench.enter(port)
        target = f"//evil.org/?a=1&token={TOKEN}&b=2".encode()
        first = await bench.ask(port, extensions={"target": target})
        assert (first.status_code, first.headers["location"]) == (303, "/evil.org/?a=1&b=2")
        assert first.headers["referrer-policy"] == "no-referrer"
        cookie = first.headers["set-cookie"].partition(";")[0]
        assert "HttpOnly" in first.headers["set-cookie"]
        assert TOKEN not in first.headers["set-cookie"]
        answer = await bench.ask(port, "/echo", headers={"cookie": f"mine=1; {cookie}; other=2"})
        fields = {name.lower(): value for name, value in json.loads(answer.text)["headers"]}
        assert fields["cookie"] == "mine=1; other=2", "the box gets no cookie of the gate"

    before(body, TOKEN)


def test_programs_show_it_in_a_header_which_the_box_never_sees(app, before):
    async def body(bench):
        port = app.server_address[1]
        bench.enter(port)
        headers = {"x-runner-preview-token": TOKEN, "cookie": "runner_preview=stale"}
        answer = await bench.ask(port, "/echo", headers=headers)
        assert answer.status_code == 200
        assert TOKEN not in answer.text
        assert "cookie" not in {name.lower() for name, _ in json.loads(answer.text)["headers"]}

    before(body, TOKEN)
