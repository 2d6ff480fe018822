"""Secrets in every disguise, whole and in pieces."""

from __future__ import annotations

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.run.mask import Mask

SECRET = 'päss "word"/+&= x'
LINES = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"

DISGUISES = {
    "plain": lambda s: s,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 of more": lambda s: base64.b64encode(b"user:" + s.encode() + b"@host").decode(),
    "base64 shifted": lambda s: base64.b64encode(b"xy" + s.encode() + b"z").decode(),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "url": lambda s: quote(s, safe=""),
    "form": quote_plus,
    "json": json.dumps,
    "json unicode": lambda s: json.dumps(s, ensure_ascii=False),
    "shell": shlex.quote,
    "repr": repr,
}


@pytest.mark.parametrize("name", list(DISGUISES))
def test_no_disguise_shows_a_secret(name):
    shown = DISGUISES[name](SECRET)
    masked = Mask([SECRET]).text(f"before {shown} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "***" in masked
    assert SECRET not in masked
    assert len(masked) < len(f"before {shown} after")


def test_the_lines_of_a_key_are_secrets_too():
    masked = Mask([LINES]).text("found MIIEvQIBADANBgkq here")
    assert masked == "found *** here"


def test_a_long_secret_in_wrapped_base64():
    secret = "k" * 200
    wrapped = base64.encodebytes(secret.encode()).decode()
    masked = Mask([secret]).text(wrapped)
    assert base64.b64encode(secret.encode()).decode()[:60] not in masked


def test_short_values_and_no_values_change_nothing():
    assert Mask([]).text("abc") == "abc"
    assert Mask(["abc", ""]).text("abc") == "abc"
    assert Mask([]).json({"a": "b"}) == {"a": "b"}


def test_json_is_masked_in_texts_keys_lists_and_numbers():
    value = {"hunter22": ["hunter22!", 271828, 271829, True, None, 2.5]}
    assert Mask(["hunter22", "271828"]).json(value) == {"***": ["***!", "***", 271829, True, None, 2.5]}


@given(st.lists(st.sampled_from(["s3cr3t", "s3cr", "x", "3t", "s", "s3", " "]), max_size=12), st.integers(1, 5))
def test_a_stream_never_shows_a_secret_however_it_is_cut(words, size):
    text = "".join(words)
    masked = Mask(["s3cr3t", "abcd"])
    stream = masked.stream()
    out = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size)) + stream.end()
    assert "s3cr3t" not in out
    assert out == masked.text(text)


def test_a_stream_holds_back_only_what_may_become_a_secret():
    stream = Mask(["hunter22"]).stream()
    assert stream.feed("my hunt") == "my "
    assert stream.feed("ing dog") == "hunting dog"
    assert stream.end() == ""


def test_a_longer_secret_wins_over_the_shorter_one_in_it():
    stream = Mask(["abcd", "abcdefgh"]).stream()
    assert stream.feed("-abcd") == "-"
    assert stream.feed("efgh-") == "***-"
    assert stream.feed("abab") == "ab"
    assert stream.feed("cd") + stream.end() == "***"
