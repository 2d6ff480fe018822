"""Where previews are served, and which names they have there."""

from __future__ import annotations

import pytest

from runner.errors import UsageError
from runner.web.preview.address import Names, Place, Preview, parse

RUN = "20260131-120000-abcdef"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0", Place("127.0.0.1", 0)),
        ("8080", Place("127.0.0.1", 8080)),
        ("localhost:8080", Place("127.0.0.1", 8080)),
        ("0.0.0.0:8080", Place("0.0.0.0", 8080)),
        ("[::1]:8080", Place("::1", 8080)),
    ],
)
def test_a_place_is_a_port_or_an_address_with_one(text: str, place: Place) -> None:
    assert parse(text) == place


@pytest.mark.parametrize("text", ["", "http", "70000", "-1", "box:80", "127.0.0.1:", "127.0.0.1:8 0"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert f"--preview {text}:" in caught.value.message
    assert "--preview 8080" in caught.value.hint


@pytest.mark.parametrize("name", [f"3000--{RUN}.localhost", f"3000--{RUN}.LOCALHOST:8080", f"3000--{RUN}.localhost."])
def test_a_name_says_port_and_run(name: str) -> None:
    assert Names(Place("127.0.0.1", 0), 8080).read(name) == Preview(3000, RUN)


@pytest.mark.parametrize(
    "name", ["localhost", f"3000--{RUN}.evil.org", f"0--{RUN}.localhost", f"70000--{RUN}.localhost", f"{RUN}.localhost"]
)
def test_on_loopback_no_other_name_leads_to_a_box(name: str) -> None:
    assert Names(Place("127.0.0.1", 0), 8080).read(name) is None


def test_where_a_token_guards_any_suffix_will_do() -> None:
    names = Names(Place("0.0.0.0", 8080), 8080)
    assert names.read(f"3000--{RUN}.10.0.0.7.nip.io:8080") == Preview(3000, RUN)
    assert names.own("10.0.0.7:8080")


def test_addresses_lead_back_to_their_previews() -> None:
    names = Names(Place("127.0.0.1", 0), 8080)
    address = names.address(Preview(3000, RUN))
    assert address == f"http://3000--{RUN}.localhost:8080/"
    assert names.read(address.removeprefix("http://").removesuffix("/")) == Preview(3000, RUN)
    assert (names.own("[::1]:8080"), names.own("127.0.0.1:8080"), names.own("evil.org")) == (True, True, False)
