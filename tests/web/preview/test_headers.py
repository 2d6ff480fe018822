"""What changes in a message's head between a browser and a box."""

from __future__ import annotations

import pytest

from runner.web.preview.headers import Route, cookie, location, to_box, to_browser

HERE = "3000--20260131-120000-abcdef.localhost:8080"
BOX = "3000--secret.localhost:9000"
ROUTE = Route(HERE, BOX, "http", "127.0.0.1")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/login?next=/", "/login?next=/"),
        ("next", "next"),
        (f"http://{BOX}/a?b=1#c", f"http://{HERE}/a?b=1#c"),
        (f"http://{BOX.upper()}/a", f"http://{HERE}/a"),
        (f"//{BOX}/a", f"http://{HERE}/a"),
        (f"https://{HERE}/a", f"http://{HERE}/a"),
        ("http://localhost:3000/a", f"http://{HERE}/a"),
        ("http://localhost:5173/a", "http://5173--20260131-120000-abcdef.localhost:8080/a"),
        ("http://0.0.0.0/a", f"http://{HERE}/a"),
        ("http://[::1]:3000/a", f"http://{HERE}/a"),
        ("https://example.org/a", "https://example.org/a"),
        ("mailto:a@localhost", "mailto:a@localhost"),
        ("http://localhost:port/a", "http://localhost:port/a"),
        (f"http://{BOX}", f"http://{HERE}"),
    ],
)
def test_a_redirect_to_the_box_leads_to_the_preview(value: str, shown: str) -> None:
    assert location(value, ROUTE) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a=1; Path=/app; HttpOnly", "a=1; Path=/app; HttpOnly"),
        ("a=1; domain=.LOCALHOST", "a=1"),
        ("a=1; Domain=3000--secret.localhost", "a=1"),
        ("a=1; Domain=example.org", "a=1; Domain=example.org"),
        ("a=1; Secure; SameSite=Lax", "a=1; SameSite=Lax"),
        ("a=1; Secure; SameSite=None", "a=1; Secure; SameSite=None"),
        ("__Host-a=1; Secure; Path=/", "__Host-a=1; Secure; Path=/"),
        ("a=x=y; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "a=x=y; Expires=Wed, 21 Oct 2026 07:28:00 GMT"),
    ],
)
def test_a_cookie_is_one_that_the_browser_takes(value: str, shown: str) -> None:
    assert cookie(value, ROUTE) == shown


def test_the_box_gets_the_request_as_one_to_itself() -> None:
    fields = [
        (b"host", HERE.encode()),
        (b"origin", f"http://{HERE}".encode()),
        (b"referer", f"http://{HERE}/page".encode()),
        (b"connection", b"keep-alive, X-Mine, Host"),
        (b"x-mine", b"1"),
        (b"x-forwarded-for", b"6.6.6.6"),
        (b"accept", b"*/*"),
    ]
    assert to_box(fields, ROUTE) == [
        (b"host", BOX.encode()),
        (b"origin", f"http://{BOX}".encode()),
        (b"referer", f"http://{BOX}/page".encode()),
        (b"accept", b"*/*"),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-host", HERE.encode()),
        (b"x-forwarded-proto", b"http"),
    ]


def test_another_origin_stays_what_it_is() -> None:
    fields = [(b"origin", b"http://5173--other.localhost:8080"), (b"referer", f"http://{HERE}.evil/".encode())]
    assert to_box(fields, ROUTE)[1:3] == fields


def test_every_cookie_of_an_answer_arrives_and_nothing_of_one_hop() -> None:
    fields = [
        (b"Set-Cookie", b"a=1; Domain=localhost"),
        (b"Set-Cookie", b"b=2"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Strict-Transport-Security", b"max-age=1"),
        (b"Access-Control-Allow-Origin", f"http://{BOX}".encode()),
        (b"Content-Encoding", b"br"),
    ]
    assert to_browser(fields, ROUTE) == [
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Access-Control-Allow-Origin", f"http://{HERE}".encode()),
        (b"Content-Encoding", b"br"),
    ]


def test_a_length_beside_chunks_does_not_count() -> None:
    fields = [(b"content-length", b"3"), (b"Transfer-Encoding", b"chunked"), (b"a", b"1")]
    for found in (to_box(fields, ROUTE), to_browser(fields, ROUTE)):
        assert b"content-length" not in dict(found)
        assert dict(found)[b"a"] == b"1"
