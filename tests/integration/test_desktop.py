"""The vendor's desktop SDK on a box of the template that `runner setup desktop` makes, seen by a real browser."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2b_desktop import Sandbox
from PIL import Image, ImageChops

from runner.embedded.e2b.launch import Endpoint

# The first test of a machine waits for the layers to be fetched.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
_SIZE = (800, 600)


@pytest.fixture(scope="module")
def desktop(equipped_e2b: Endpoint) -> Iterator[Sandbox]:
    """One desktop for all tests."""
    where: dict[str, Any] = {
        "api_url": equipped_e2b.api_url,
        "sandbox_url": equipped_e2b.sandbox_url,
        "api_key": equipped_e2b.api_key,
    }
    sandbox = Sandbox.create(resolution=_SIZE, timeout=600, **where)
    yield sandbox
    sandbox.kill()


def _differ(one: bytes, other: bytes) -> int:
    """How many pixels of two pictures differ."""
    first, second = (Image.open(io.BytesIO(png)).convert("L") for png in (one, other))
    return first.width * first.height - ImageChops.difference(first, second).histogram()[0]


@pytest.fixture
def streaming(desktop: Sandbox) -> Iterator[Sandbox]:
    """The desktop; whatever stream a test starts ends with it."""
    yield desktop
    desktop.stream.stop()


@pytest.fixture
def browser_path(missing: Callable[[str], None]) -> str:
    """A real Chromium."""
    found = os.environ.get("RUNNER_CHROMIUM") or shutil.which("chromium")
    if found is None:
        missing("chromium is not installed: apt-get install chromium")
    return str(found)


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def _colours(png: bytes) -> int:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    return len(picture.getcolors(picture.width * picture.height) or [])


def test_a_screenshot_shows_a_desktop_of_the_size_asked_for(desktop: Sandbox) -> None:
    assert desktop.get_screen_size() == _SIZE
    # The background and the panel come a moment after the window manager, for which the SDK waits.
    _until(lambda: _colours(bytes(desktop.screenshot())) > 200, "the screen stays empty")
    assert Image.open(io.BytesIO(bytes(desktop.screenshot()))).size == _SIZE


def test_what_is_typed_into_an_editor_is_in_the_file(desktop: Sandbox) -> None:
    desktop.launch("org.xfce.mousepad", "/home/user/letter.txt")
    _until(lambda: "letter.txt" in desktop.get_window_title(desktop.get_current_window_id()), "no editor came up")
    assert desktop.get_application_windows("mousepad")
    before = bytes(desktop.screenshot())
    desktop.write('Dear reader, 1 + 1 = 2; "so" they say.')
    desktop.press("enter")
    desktop.press(["ctrl", "s"])
    _until(lambda: desktop.files.exists("/home/user/letter.txt"), "nothing was saved")
    assert desktop.files.read("/home/user/letter.txt") == 'Dear reader, 1 + 1 = 2; "so" they say.\n'
    assert bytes(desktop.screenshot()) != before
    desktop.press(["ctrl", "a"])
    desktop.press(["ctrl", "c"])
    copied = desktop.commands.run("timeout 5 xclip -o -selection clipboard").stdout
    assert copied.startswith("Dear reader")
    desktop.press(["ctrl", "q"])


def test_the_mouse_goes_where_it_is_sent_and_clicks(desktop: Sandbox) -> None:
    desktop.move_mouse(300, 200)
    assert desktop.get_cursor_position() == (300, 200)
    desktop.left_click(20, 12)  # the panel's menu of applications
    _until(lambda: len(desktop.get_application_windows("xfce4-panel")) > 2, "no menu opened")
    desktop.press("escape")
    before = bytes(desktop.screenshot())
    desktop.right_click(500, 300)
    _until(lambda: _differ(before, bytes(desktop.screenshot())) > 1000, "no menu of the desktop opened")
    desktop.press("escape")
    desktop.drag((100, 300), (200, 400))
    assert desktop.get_cursor_position() == (200, 400)
    desktop.scroll("down", 2)


def test_a_file_opens_in_the_application_for_its_kind(desktop: Sandbox) -> None:
    desktop.files.write("/home/user/plain.txt", "plain")
    desktop.open("/home/user/plain.txt")
    _until(lambda: "plain.txt" in desktop.get_window_title(desktop.get_current_window_id()), "nothing opened it")


def test_an_address_opens_in_a_browser(desktop: Sandbox) -> None:
    desktop.files.write("/home/user/site/index.html", "<title>Served here</title>")
    server = desktop.commands.run("python3 -m http.server -d ~/site 8000", background=True, timeout=0)
    desktop.open("http://localhost:8000/")
    _until(lambda: "Served here" in desktop.get_window_title(desktop.get_current_window_id()), "no browser came up")
    desktop.press(["ctrl", "shift", "w"])
    server.kill()


def test_the_stream_by_path_on_plain_http(streaming: Sandbox, equipped_e2b: Endpoint, browser_path: str) -> None:
    from playwright.sync_api import expect, sync_playwright

    # Before the test with a key: the SDK's object never streams without one again.
    streaming.stream.start()
    url = f"{equipped_e2b.url(streaming.sandbox_id, 6080)}/vnc.html?autoconnect=true&resize=scale"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        try:
            page = browser.new_page()
            page.goto(url)
            expect(page.locator("html.noVNC_connected")).to_be_attached(timeout=20_000)
        finally:
            browser.close()


def test_a_page_of_ours_frames_the_stream_by_its_name_and_only_the_key_opens_it(
    streaming: Sandbox, browser_path: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect, sync_playwright

    streaming.stream.start(require_auth=True)
    key = streaming.stream.get_auth_key()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 900, "height": 700}, ignore_https_errors=True)
            page.set_content(_framed(streaming.stream.get_url(auth_key="wrong-key")))
            inside = page.frame_locator("iframe")
            expect(inside.locator("#noVNC_status")).to_contain_text("password check failed", timeout=20_000)

            url = streaming.stream.get_url(auth_key=key)
            assert url.startswith(f"https://6080-{streaming.sandbox_id}.")
            page.set_content(_framed(url))
            expect(page.frame_locator("iframe").locator("html.noVNC_connected")).to_be_attached(timeout=20_000)
            shot = tmp_path / "framed.png"

            def painted() -> bool:
                page.frame_locator("iframe").locator("canvas").last.screenshot(path=shot)
                return _colours(shot.read_bytes()) > 200

            _until(painted, "the framed desktop stays empty")
        finally:
            browser.close()


def _framed(url: str) -> str:
    return f"<h1>ours</h1><iframe src='{url}' width=860 height=600></iframe>"
