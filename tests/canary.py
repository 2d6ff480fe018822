"""A secret of awkward characters, and where it is found however it is written."""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

#: Of characters that JSON, URLs and shells write in other ways.
CANARY = 'k4n"r1 y/7+f3\\9c&é-0a5e'


def disguises() -> list[bytes]:
    """The canary as it may be written; its first characters too, which nothing else contains."""
    raw = CANARY.encode()
    inside = (
        json.dumps(CANARY)[1:-1],
        json.dumps(CANARY, ensure_ascii=False)[1:-1],
        quote(CANARY),
        quote(CANARY, safe=""),
    )
    return [raw, base64.b64encode(raw)[:-3], raw.hex().encode(), *(text.encode() for text in inside)]


def is_in(text: bytes) -> bool:
    """Whether the canary is in it, in any form."""
    return any(form in text for form in disguises())


def files_with(place: Path) -> list[str]:
    """Files below the folder, and names of them, in which the canary is."""
    found = []
    for path in place.rglob("*"):
        texts = [os.fsencode(path)]
        with suppress(FileNotFoundError):  # programs that run remove what they are done with
            if path.is_file() and not path.is_symlink():
                texts.append(path.read_bytes())
        if any(map(is_in, texts)):
            found.append(str(path.relative_to(place)))
    return found
