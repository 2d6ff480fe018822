"""What a command prints while nobody listens: kept in order, within bounds, the newest of it."""

from __future__ import annotations

import asyncio
import random

import pytest

from runner.embedded.e2b.box.output import BEHIND, TOGETHER, Allowance, Backlog, Ended, Listener


def _text(backlog: Backlog) -> bytes:
    return b"".join(piece for _, piece in backlog.take())


def test_pieces_come_back_in_order_and_once() -> None:
    backlog = Backlog(Allowance())
    for number in range(5):
        backlog.put(("stdout" if number % 2 else "stderr", b"%d" % number))
    assert list(backlog.take()) == [
        ("stderr", b"0"), ("stdout", b"1"), ("stderr", b"2"), ("stdout", b"3"), ("stderr", b"4"),
    ]  # fmt: skip
    assert list(backlog.take()) == []
    assert (backlog.size, backlog.dropped) == (0, 0)


def test_of_too_much_the_newest_bytes_stay_and_the_others_are_counted() -> None:
    chance = random.Random(4)
    backlog, all_bytes = Backlog(Allowance(), limit=1000), b""
    for _ in range(300):
        piece = chance.randbytes(chance.randrange(1, 400))
        backlog.put(("stdout", piece))
        all_bytes += piece
        assert backlog.size <= 1000
    assert backlog.dropped == len(all_bytes) - 1000
    assert _text(backlog) == all_bytes[-1000:]


def test_it_is_full_before_anything_is_lost() -> None:
    backlog, piece = Backlog(Allowance()), bytes(64 * 1024)
    while not backlog.full:
        backlog.put(("stdout", piece))
    backlog.put(("stdout", piece))
    backlog.put(("stderr", piece))
    assert backlog.dropped == 0


def test_what_a_slow_listener_leaves_fits() -> None:
    backlog, piece = Backlog(Allowance()), bytes(64 * 1024)
    for _ in range(BEHIND // len(piece) + 3):
        backlog.put(("stdout", piece))
    assert backlog.dropped == 0


def test_one_piece_larger_than_all_room() -> None:
    backlog = Backlog(Allowance(), limit=10)
    backlog.put(("stdout", b"0123456789abcdef"))
    assert (backlog.dropped, _text(backlog)) == (6, b"6789abcdef")


def test_all_commands_share_one_allowance() -> None:
    shared = Allowance(1500)
    first, second = Backlog(shared, limit=1000), Backlog(shared, limit=1000)
    first.put(("stdout", b"a" * 1000))
    second.put(("stdout", b"b" * 900))
    assert (first.size, second.size, second.dropped) == (1000, 500, 400)
    assert len(_text(first)) == 1000
    assert shared.left == 1000
    second.put(("stdout", b"c" * 400))
    assert (second.size, second.dropped) == (900, 400)


def test_what_is_needed_least_goes_first() -> None:
    ended = Backlog(shared := Allowance(1000))
    ended.put(("stdout", b"a" * 800))

    def reclaim() -> bool:
        had = ended.size > 0
        ended.drop()
        return had

    shared.reclaim = reclaim
    running = Backlog(shared)
    running.put(("stdout", b"b" * 200))
    assert (ended.size, ended.dropped) == (800, 0)
    running.put(("stdout", b"b" * 700))
    assert (running.size, running.dropped, ended.size, ended.dropped) == (900, 0, 0, 800)
    running.put(("stdout", b"b" * 700))
    assert (running.size, running.dropped) == (1000, 600)


def test_what_a_listener_has_not_passed_on_is_unread() -> None:
    async def go() -> None:
        listener = Listener(lambda: None)
        pieces = [("stdout", b"one"), ("stderr", b"two"), ("stdout", b"three")]
        for piece in pieces:
            listener.put(piece)
        listener.put(Ended(0))
        await listener.get()
        listener.passed()
        assert await listener.get() == pieces[1]
        assert list(listener.unread()) == pieces[1:]

    asyncio.run(go())


def test_small_pieces_of_one_stream_that_wait_go_out_together_and_the_order_of_streams_stays() -> None:
    async def go() -> None:
        listener = Listener(lambda: None)
        half = bytes(TOGETHER // 2)
        for piece in (("stdout", b"1"), ("stdout", b"2"), ("stderr", b"3"), ("stdout", half), ("stdout", half)):
            listener.put(piece)
        listener.put(("stdout", b"4"))
        listener.put(Ended(0))
        taken = [await listener.get() for _ in range(5)]
        assert taken == [("stdout", b"12"), ("stderr", b"3"), ("stdout", half + half), ("stdout", b"4"), Ended(0)]
        assert listener.behind == 0

    asyncio.run(go())


def test_a_listener_that_has_caught_up_wakes_the_command_once() -> None:
    async def go() -> None:
        woken: list[bool] = []
        listener = Listener(lambda: woken.append(True))
        for _ in range(3):
            listener.put(("stdout", bytes(BEHIND // 2)))
        for _ in range(3):
            await listener.get()
        assert woken == [True]
        assert listener.ready() is None

    asyncio.run(go())


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, "exit status 0"), (7, "exit status 7"), (-9, "signal: killed"), (-15, "signal: terminated")],
)
def test_an_end_is_told_as_the_vendor_tells_it(code: int, status: str) -> None:
    assert Ended(code).status == status
