"""Two kinds of output in one stream, however it is cut; input in pieces that travel."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import RequestRefused
from runner.sandbox.webcontainer_streams import INPUT_PIECE, WRAPPER, Tagged, pieces

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


def tagged(kind: str, text: str) -> str:
    return f"\0{kind}{len(text.encode())}:{text}"


def joined(found: list[tuple[str, str]]) -> dict[str, str]:
    texts = {"stdout": "", "stderr": ""}
    for stream, text in found:
        texts[stream] += text
    return texts


@given(st.lists(st.tuples(st.sampled_from("12"), TEXTS), max_size=6), st.integers(1, 7))
def test_every_text_comes_out_where_it_belongs_however_the_stream_is_cut(frames, size):
    whole = "".join(tagged(kind, text) for kind, text in frames)
    stream = Tagged()
    found = []
    for at in range(0, len(whole), size):
        found += stream.feed(whole[at : at + size])
    assert stream.end() == []
    assert joined(found) == {
        "stdout": "".join(text for kind, text in frames if kind == "1"),
        "stderr": "".join(text for kind, text in frames if kind == "2"),
    }


@pytest.mark.parametrize(
    ("stream", "stderr"),
    [
        ("cannot start\n", "cannot start\n"),
        ("\0x", "\0x"),
        ("\0\0" + tagged("1", "after"), "\0\0"),
        ("\x001notanumber:x", "\x001notanumber:x"),
        ("\x001" + "9" * 20, "\x001" + "9" * 20),
        ("before" + tagged("1", "after"), "before"),
        ("\x0015:cut", "\x0015:cut"),
    ],
)
def test_what_is_in_no_frame_is_not_lost(stream, stderr):
    reader = Tagged()
    found = joined(reader.feed(stream) + reader.end())
    assert found["stderr"] == stderr
    assert found["stdout"] == ("after" if "after" in stream else "")


@given(TEXTS.map(lambda text: text * 3))
def test_input_is_the_same_in_pieces(text):
    assert "".join(pieces(text.encode())) == text


def test_no_piece_of_input_cuts_a_character():
    text = "a" + "€" * INPUT_PIECE
    found = list(pieces(text.encode()))
    assert len(found) > 2
    assert "".join(found) == text
    assert all(len(piece.encode()) <= INPUT_PIECE for piece in found)


@pytest.mark.parametrize("data", [b"\xff", b"a" * INPUT_PIECE + b"\x80", "€".encode()[:2]])
def test_input_that_is_no_text_is_refused_with_what_to_do_instead(data):
    with pytest.raises(RequestRefused, match="no UTF-8") as caught:
        list(pieces(data))
    assert "file" in caught.value.hint


def test_the_wrapper_frames_a_commands_streams_and_ends_its_input(missing: Callable[[str], None]):
    """It runs where the vendor's engine does not frame; its Node is the machine's here."""
    node = shutil.which("node")
    if node is None:
        missing("node is not installed: apt-get install nodejs")
    sent = "".join(f"D{len(text.encode())}:{text}" for text in ("grüße ", "aus", "")) + "E"
    command = ["bash", "-c", "cat; echo err >&2; exit 5"]
    done = subprocess.run(
        [str(node), "-e", WRAPPER, *command], input=sent.encode(), capture_output=True, timeout=30, check=False
    )
    stream = Tagged()
    found = joined(list(itertools.chain(stream.feed(done.stdout.decode()), stream.end())))
    assert (done.returncode, found) == (5, {"stdout": "grüße aus", "stderr": "err\n"})
    gone = subprocess.run([str(node), "-e", WRAPPER, "no-such-program"], input=b"E", capture_output=True, timeout=30)
    assert gone.returncode == 127
    assert "no-such-program" in joined(Tagged().feed(gone.stdout.decode()))["stderr"]


def test_the_wrapper_ends_when_what_was_written_is_out(missing: Callable[[str], None]):
    """Where writing does not wait, as in a browser, a slow reader must not lose the end of the output."""
    node = shutil.which("node")
    if node is None:
        missing("node is not installed: apt-get install nodejs")
    program = "process.stdout._handle.setBlocking(false);" + WRAPPER
    command = [str(node), "-e", "process.stdout.write('x'.repeat(1e6))"]
    with subprocess.Popen(
        [str(node), "-e", program, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as wrapper:
        assert wrapper.stdout is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            wrapper.wait(1)  # nobody reads meanwhile; it may end only if it forgets what it has not written
        assert joined(Tagged().feed(wrapper.stdout.read().decode())) == {"stdout": "x" * 1_000_000, "stderr": ""}
