"""Prefect's pages in a real browser, as people use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runner.embedded.webcontainer import chromium


@contextmanager
def opened(executable: str) -> Iterator[Any]:
    """A page of a Chromium of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(chromium.arguments(512)), chromium_sandbox=chromium.may_be_sandboxed()
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def choose(page: Any, field: Any, option: str) -> None:
    """Choose from a list as people with a keyboard do: a click is one on the field's label, too, which closes it."""
    field.locator(".p-select-button__control").focus()
    page.keyboard.press("Space")
    page.get_by_role("option", name=option).click()
