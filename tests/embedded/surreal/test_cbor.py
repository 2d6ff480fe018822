"""The part of CBOR that the gateway reads, against the SDK's whole one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from surrealdb.cbor import dumps, loads

from runner.embedded.surreal import cbor
from runner.embedded.surreal.lives import named, packed
from runner.embedded.surreal.sessions import Denied

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=30),
    max_leaves=40,
)


@given(VALUES, st.binary(max_size=9))
def test_an_item_ends_where_it_ends(value: Any, rest: bytes) -> None:
    packed = dumps(value)
    assert cbor.end(packed + rest, 0) == len(packed)


@given(st.dictionaries(st.text(), VALUES, max_size=30))
def test_fields_and_items_are_handed_on_as_they_came(value: dict[str, Any]) -> None:
    packed = dumps(value)
    found = cbor.fields(packed)
    assert {key: loads(raw) for key, raw in found.items()} == value
    assert loads(cbor.pack_map(found)) == value
    assert [loads(raw) for raw in cbor.items(dumps(list(value.values())))] == list(value.values())


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_are_packed(value: int) -> None:
    assert loads(cbor.pack_int(value)) == value


def test_what_has_no_length_ends_at_its_break() -> None:
    assert cbor.fields(b"\xbf\x61a\x01\x61b\x9f\x01\x02\xff\xff") == {"a": b"\x01", "b": b"\x9f\x01\x02\xff"}
    assert cbor.items(b"\x9f\x7f\x61a\x61b\xff\xc6\xf6\xff") == [b"\x7f\x61a\x61b\xff", b"\xc6\xf6"]


@pytest.mark.parametrize("data", [b"", b"\x9f", b"\x82\x01", b"\x61", b"\x1c", b"\x5a\xff", b"\xa1\x01\x02", b"\x01"])
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(cbor.Malformed):
        cbor.fields(data)
    with pytest.raises(cbor.Malformed):
        cbor.items(data if data != b"\x01" else b"\x02")


@pytest.mark.parametrize("data", [b"\x01", b"\x62a", b"\x61\xff", b"\x7f\x61a\xff"])
def test_a_text_is_a_text(data: bytes) -> None:
    with pytest.raises(cbor.Malformed):
        cbor.text(data)


@given(st.integers(0, 2**64 - 1), st.binary(), st.uuids())
def test_numbers_bytes_and_tags_are_read(number: int, data: bytes, name: UUID) -> None:
    assert cbor.number(dumps(number)) == number
    assert cbor.raw(dumps(data)) == data
    tag, item = cbor.tagged(packed(name))
    assert (tag, cbor.raw(item)) == (37, name.bytes)
    assert named(packed(name)) == named(cbor.pack_text(str(name))) == loads(packed(name)) == name


@pytest.mark.parametrize("wrong", [cbor.NULL, cbor.pack_text("x"), cbor.pack_int(-1), b"\xd8\x25\x41x", b"\xc9\x01"])
def test_what_is_something_else_is_malformed(wrong: bytes) -> None:
    for read in (cbor.number, cbor.raw):
        with pytest.raises(cbor.Malformed):
            read(wrong)
    with pytest.raises(Denied):
        named(wrong)
