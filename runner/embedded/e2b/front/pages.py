"""What the proxy says to a person: pages for browsers where programs get JSON."""

from __future__ import annotations

import html
import re

from runner.embedded.e2b.box.http1 import Exchange, Head

_BROWSER = re.compile(r"mozilla|chrome|safari|firefox|edge|opera|msie", re.IGNORECASE)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 15vh auto; max-width: 36em }}</style></head>
<body><h1>{title}</h1><p>{sentence}</p><p>{advice}</p></body>
</html>
"""


def by_browser(head: Head) -> bool:
    """Whether a browser asks, as the hosted service tells it: by what it calls itself."""
    return _BROWSER.search(head.get("user-agent")) is not None


async def closed_port(exchange: Exchange, name: str, port: int) -> None:
    """Nothing listens on the port."""
    sentence = f"The sandbox {name} is running but there is no service running on port {port}."
    await _show(exchange, "Closed Port Error", sentence, f"Start one in it, and make it listen on port {port}.")


async def not_found(exchange: Exchange, sentence: str) -> None:
    """The box does not run (any more)."""
    await _show(exchange, "Sandbox Not Found", f"{sentence}.", "Create another, or connect to it if it is paused.")


async def _show(exchange: Exchange, title: str, sentence: str, advice: str) -> None:
    page = _PAGE.format(title=html.escape(title), sentence=html.escape(sentence), advice=html.escape(advice))
    await exchange.reply(502, page.encode(), {"content-type": "text/html; charset=utf-8"})
