"""What a preview says when there is nothing to relay: a page for browsers, a line of text for other clients."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:12vh auto;padding:0 1rem;color:#222}}
h1{{font-size:1.4rem}}p,li{{color:#444}}code{{background:#f2f2f2;padding:.1em .3em}}
@media(prefers-color-scheme:dark){{body{{background:#161616;color:#eee}}p,li{{color:#bbb}}code{{background:#2a2a2a}}
a{{color:#8ab4f8}}}}</style>
<h1>{title}</h1>
<p>{text}</p>{rest}
</html>
"""
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page(request: HTTPConnection, status: int, title: str, text: str, links: Sequence[str] = ()) -> Response:
    """An answer of the relay itself, in the form that the client reads."""
    if "text/html" not in request.headers.get("accept", ""):
        lines = "".join(f"{link}\n" for link in links)
        return PlainTextResponse(f"{title}: {text}\n{lines}", status, _HEADERS)
    listed = "".join(f'<li><a href="{escape(link)}">{escape(link)}</a></li>' for link in links)
    rest = f"<ul>{listed}</ul>" if links else ""
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(text), rest=rest), status, _HEADERS)
