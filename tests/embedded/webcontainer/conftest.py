"""What tests of the servers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.embedded.webcontainer import pages


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A browser side as `web/build.mjs` makes it, of scripts that do nothing."""
    folder = tmp_path / "web"
    for name in (
        "host/page.js",
        *(f"engine/{name}" for name in ("frame.js", "process.js", "shell.js", *pages.PREVIEW)),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"// {name}\n")
    return folder
