"""The note that a box keeps about its desktop, and the address that is made of it."""

from __future__ import annotations

import pytest

from runner.errors import FileMissing
from runner.sandbox.desktop import stream


def test_the_key_is_behind_the_hash_where_no_server_sees_it():
    port, path = stream(b'{"port": 6081, "key": "a b&c#d"}')
    assert port == 6081
    before, _, fragment = path.partition("#")
    assert fragment == "password=a%20b%26c%23d"
    assert before.startswith("/vnc.html?")
    assert "password" not in before


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b'{"port": 6080}', b'{"port": "x", "key": "k"}'])
def test_a_note_that_is_none_is_told_without_its_text(note):
    with pytest.raises(FileMissing, match="does not have the key of its desktop") as caught:
        stream(note)
    assert "'k'" not in str(caught.value)
