"""Headings that documents point to exist, and no part of an embedded endpoint is left out of its reading order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_LINK = re.compile(r"\]\(([^)\s:#]*)#([^)\s]+)\)")
_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}


def test_headings_that_are_pointed_to_exist(root: Path) -> None:
    lost = []
    for document in [root / "README.md", *(root / "docs").glob("*.md")]:
        for path, anchor in _LINK.findall(_BLOCK.sub("", document.read_text())):
            if anchor not in _anchors(document.parent / path if path else document):
                lost.append(f"{document.name}: {path}#{anchor}")
    assert not lost


@pytest.mark.parametrize(
    ("heading", "folder"),
    [
        ("The embedded E2B endpoint", "e2b"),
        ("The servers and the browser of WebContainers", "webcontainer"),
        ("The gateway of the state", "surreal"),
    ],
)
def test_the_reading_order_of_an_embedded_endpoint_names_each_part(root: Path, heading: str, folder: str) -> None:
    text = (root / "docs" / "architecture.md").read_text()
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    parts = [each for each in (root / "runner" / "embedded" / folder).iterdir() if not each.name.startswith("__")]
    names = [f"`{each.name}/`" if each.is_dir() else f"`{each.name}`" for each in parts]
    assert [name for name in names if name not in section] == []
