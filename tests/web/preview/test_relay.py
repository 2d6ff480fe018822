"""The relay in front of a real server: requests and answers as they are, streams as they come, clear pages."""

from __future__ import annotations

import asyncio
import json
import socket

import httpx
import pytest

RUN = "20260131-120000-abcdef"


def _port(app) -> int:
    return app.server_address[1]


def test_method_path_query_headers_and_body_arrive_as_they_were_sent(app, before):
    async def body(bench):
        bench.enter(_port(app))
        answer = await bench.ask(
            _port(app), "/a%2Fb/../c?x=1&y=%20z", "PUT", content="grüß", headers={"x-mine": "1", "cookie": "a=1; b=2"}
        )
        told = json.loads(answer.text)
        fields = {name.lower(): value for name, value in told["headers"]}
        assert (told["method"], told["body"]) == ("PUT", "grüß")
        assert told["path"].endswith("?x=1&y=%20z")
        assert (fields["x-mine"], fields["cookie"]) == ("1", "a=1; b=2")
        assert (fields["host"], fields["x-forwarded-host"]) == (f"127.0.0.1:{_port(app)}", bench.host(_port(app)))

    before(body)


def test_a_target_is_not_decoded_and_its_dots_are_not_followed(app, before):
    async def body(bench):
        bench.enter(_port(app), prefix="/box/i1/3000")
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        head = f"GET /../..//a%2f?q HTTP/1.1\r\nHost: {bench.host(_port(app))}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
        writer.close()
        told = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert told["path"] == "/box/i1/3000/../..//a%2f?q"
        assert dict(told["headers"])["host"] == bench.host(_port(app)), "a server behind a path knows its public name"

    before(body)


def test_a_proxy_of_this_machine_is_not_asked_for_what_is_on_it(app, before, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody listens there

    async def body(bench):
        bench.enter(_port(app))
        assert (await bench.ask(_port(app), "/teapot")).status_code == 418

    before(body)


def test_a_body_without_a_length_is_streamed_on(app, before):
    async def body(bench):
        bench.enter(_port(app))

        async def pieces():
            yield b"one "
            yield b"two"

        answer = await bench.ask(_port(app), "/echo", "POST", content=pieces())
        assert json.loads(answer.text)["body"] == "one two"

    before(body)


def test_status_and_fields_of_an_answer_stay(app, before):
    async def body(bench):
        bench.enter(_port(app))
        answer = await bench.ask(_port(app), "/teapot")
        assert (answer.status_code, answer.text, answer.headers["x-odd"]) == (418, "short and stout", "yes")
        head = await bench.ask(_port(app), "/teapot", "HEAD")
        assert (head.status_code, head.headers["content-length"], head.content) == (418, "15", b"")

    before(body)


def test_cookies_and_redirects_fit_the_preview(app, before):
    async def body(bench):
        port = _port(app)
        bench.enter(port)
        cookies = (await bench.ask(port, "/cookies")).headers.get_list("set-cookie")
        assert cookies == ["a=1; Path=/", "b=2"]
        moved = await bench.ask(port, f"/moved?http://127.0.0.1:{port}/deep")
        assert moved.headers["location"] == f"http://{bench.host(port)}/deep"
        again = json.loads((await bench.ask(port, "/echo")).text)
        assert "cookie" not in {name.lower() for name, _ in again["headers"]}, "the relay itself keeps no cookies"

    before(body)


def test_a_stream_arrives_piece_by_piece(app, before):
    async def body(bench):
        bench.enter(_port(app))
        headers = {"host": bench.host(_port(app))}
        async with bench.client.stream("GET", "/stream", headers=headers) as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b"one", "the first piece came while the server waited"
            app.go_on.set()
            assert b"".join([piece async for piece in pieces]) == b"two"

    before(body)


def test_a_client_that_leaves_ends_the_servers_work(app, before):
    async def body(bench):
        bench.enter(_port(app))
        headers = {"host": bench.host(_port(app))}
        async with bench.client.stream("GET", "/endless", headers=headers) as answer:
            assert await anext(answer.aiter_raw()) == b"tick\n"
        assert await asyncio.to_thread(app.left.wait, 10)

    before(body)


def test_an_answer_that_was_cut_short_does_not_look_whole(app, before):
    async def body(bench):
        bench.enter(_port(app))
        with pytest.raises(httpx.RemoteProtocolError):
            await bench.ask(_port(app), "/broken")

    before(body)


def test_a_server_that_breaks_off_before_its_answer_is_told(app, before):
    async def body(bench):
        bench.enter(_port(app))
        answer = await bench.ask(_port(app), "/rude")
        assert answer.status_code == 502
        assert "broke the connection off" in answer.text

    before(body)


def test_a_bad_gateway_of_the_servers_own_is_its_own(app, before):
    async def body(bench):
        bench.enter(_port(app))
        assert (await bench.ask(_port(app), "/down")).text == "my own bad gateway"

    before(body)


def test_a_closed_port_has_a_page_for_people_and_a_line_for_programs(before):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def body(bench):
        bench.enter()
        answer = await bench.ask(port)
        assert (answer.status_code, answer.headers["content-type"]) == (502, "text/plain; charset=utf-8")
        assert answer.text.startswith(f"Port {port} is closed: Nothing listens on port {port} of web (e2b i1)")
        shown = await bench.ask(port, headers={"accept": "text/html"})
        assert f"<h1>Port {port} is closed</h1>" in shown.text

    before(body)


def test_a_port_that_a_provider_calls_closed_is_one(app, before):
    async def body(bench):
        bench.enter()  # it listens on nothing, and its provider answers 502 for it
        assert (await bench.ask(_port(app), "/down")).text.startswith(f"Port {_port(app)} is closed")

    before(body)


def test_of_several_boxes_the_one_that_listens_is_asked(app, before):
    async def body(bench):
        bench.hears("step.delegated", run=RUN)
        bench.previews.finder.hear(_delegated("20260131-120001-child"))
        bench.enter(_port(app), box="old", run="20260131-120001-child")
        bench.enter(4, box="new")
        assert (await bench.ask(_port(app), "/teapot")).status_code == 418, "a run below this one has it"
        closed = await bench.ask(5)
        assert "of web (e2b new), web (e2b old)" in closed.text
        assert (await bench.ask(_port(app), "/teapot", run="20260131-120001-child")).status_code == 418

    before(body)


def test_a_server_that_moves_to_another_box_is_found_there(app, before):
    async def body(bench):
        port = _port(app)
        old = bench.enter(port, box="old")
        bench.enter(4, box="new")
        assert (await bench.ask(port, "/teapot")).status_code == 418
        old.box.open_ports = frozenset()
        bench.enter(port, box="newer")
        assert (await bench.ask(port, "/down")).text.startswith(f"Port {port} is closed"), "where it was known to be"
        assert (await bench.ask(port, "/teapot")).status_code == 418
        assert [about["box"] for _, about in bench.told if about["port"] == port] == ["old", "newer"]

    before(body)


def test_a_provider_is_asked_once_where_its_port_is(app, before):
    async def body(bench):
        live = bench.enter(_port(app))
        for _ in range(3):
            assert (await bench.ask(_port(app), "/teapot")).status_code == 418
        assert live.box.asked == 1

    before(body)


def _delegated(child: str):
    from runner.run.event import Event

    return Event(RUN, 2, "", "step.delegated", "a", 1, {"run": child}, "")


def test_runs_that_are_not_here_and_boxes_that_are_no_more_are_told_apart(before):
    async def body(bench):
        unknown = await bench.ask(80, run="20200101-000000-000000")
        assert (unknown.status_code, RUN in unknown.text) == (404, True)
        assert (await bench.ask(80)).status_code == 503
        bench.enter(80, gone=True)
        gone = await bench.ask(80)
        assert (gone.status_code, "the box i1 is gone" in gone.text) == (502, True)

    before(body)


def test_web_sockets_are_refused_with_the_reason(app, before):
    async def body(bench):
        bench.enter(_port(app))
        headers = {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        answer = await bench.ask(_port(app), headers=headers)
        assert (answer.status_code, "Web sockets are not relayed" in answer.text) == (501, True)

    before(body)


def test_what_answers_is_told_once_and_listed(app, before):
    async def body(bench):
        port = _port(app)
        bench.enter(port)
        for _ in range(2):
            await bench.ask(port)
        await bench.previews.lookout.look()
        address = f"http://{bench.host(port)}/"
        about = {"port": port, "address": address, "sandbox": "web", "provider": "e2b", "box": "i1"}
        assert bench.told == [("preview.ready", about)]
        front = await bench.client.get("/", headers={"accept": "text/html"})
        assert f'<a href="{address}">' in front.text
        bench.previews.live.leave("i1")
        assert address not in (await bench.client.get("/")).text

    before(body)


def test_only_names_of_previews_lead_anywhere(app, before):
    async def body(bench):
        bench.enter(_port(app))
        rebound = {"host": f"{_port(app)}--{RUN}.evil.org:{bench.port}"}
        assert (await bench.client.get("/", headers=rebound)).status_code == 421

    before(body)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://{host}"}, True),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "origin": "http://5173--{run}.localhost:1"}, True),
        (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "referer": "http://5173--{run}.localhost:1/"},
            True,
        ),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "origin": "https://evil.org"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "origin": "null"}, False),
        ({"origin": "https://evil.org"}, False),
    ],
)
def test_another_sites_scripts_reach_no_box(app, before, headers, passes):
    async def body(bench):
        bench.enter(_port(app))
        filled = {name: value.format(host=bench.host(_port(app)), run=RUN) for name, value in headers.items()}
        answer = await bench.ask(_port(app), "/teapot", headers=filled)
        assert answer.status_code == (418 if passes else 403)

    before(body)


def test_another_sites_form_is_not_sent_on(app, before):
    async def body(bench):
        bench.enter(_port(app))
        headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "origin": "https://evil.org"}
        assert (await bench.ask(_port(app), "/teapot", "POST", headers=headers)).status_code == 403

    before(body)
