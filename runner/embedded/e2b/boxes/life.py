"""The life of boxes: pausing and going on, resting as files, snapshots and forks, and what is kept of them.

Two kinds of pause (the vendor's `full` and `filesystem`): a held box has all its processes stopped where they are and
goes on at once; a resting one has ended, its files are a layer, and it starts anew under its old id. With a durable
folder a held box has a copy of its files there as well: when the edge is gone, that is what is left of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from runner.embedded.e2b.boxes.box import CARRY_SECONDS, Box, BoxDead, Identity, Order
from runner.embedded.e2b.boxes.boxes import Boxes
from runner.embedded.e2b.boxes.boxlog import BoxLog
from runner.embedded.e2b.boxes.bringup import NotReady, bring_up
from runner.embedded.e2b.boxes.kept import Kept, Resting, Snapshot
from runner.embedded.e2b.boxes.left import Notes, find, rescued
from runner.embedded.e2b.boxes.metrics import Metrics
from runner.embedded.e2b.boxes.shelf import Shelf, as_files
from runner.embedded.e2b.templates import DEFAULT_TAG, Template
from runner.errors import SandboxMissing

#: Seconds in which what a template starts must be ready.
_COMES_UP = 60.0
#: Seconds that a woken box lives: as the client named at first, but at least so long; and when it never named a time.
_WAKE_LEAST, _WAKE_DEFAULT = 60.0, 300.0
_KILLED = "it was killed by a request"
_RESTS = "it is paused, as files only; connecting to it starts it again; paused"


#: Takes a place among the boxes that run, while the block lasts.
Place = Callable[[], AbstractContextManager[None]]


class NoSuchBox(Exception):
    """No box has this id; the message is the end of the sentence that says so: empty, or `: ` and the reason."""


class WrongState(Exception):
    """A box is paused or running when it had to be the other; the message says which."""


class Life:
    """All boxes, in whatever state."""

    def __init__(self, boxes: Boxes, kept: Kept, key: bytes, dead: Iterable[Path] = ()) -> None:
        """`key` makes the boxes' tokens, so that they stay the same when the edge starts again; nothing keeps them.
        `dead` are the folders of edges before this one that were killed: `rescue` takes up what is in them.

        Raises ServiceError when what was kept cannot be read.
        """
        self._boxes = boxes
        self._key = key
        self._kept = kept
        self._notes = Notes(boxes.place, kept)
        self._found = list(find(dead, kept))
        self._shelf = Shelf(boxes, kept, self._found_layers)
        self.snapshots = self._shelf.snapshots
        self._resting = self._shelf.resting
        self._rising: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        #: Is told of every box that is made of a template.
        self.spawned: Callable[[Template], None] = _nothing
        #: What a client's request means; set by the control plane, which knows the requests.
        self.read_order: Callable[[Mapping[str, Any], Template], Order] = _plain_order
        self.metrics = Metrics()
        self.metrics.begin(boxes.all)
        boxes.time_over = self._time_over
        boxes.extended = self._notes.extended
        for name in self._resting:
            boxes.endings.note(name, _RESTS, BoxLog())
        for name, why in kept.missing.items():
            boxes.endings.note(name, why, BoxLog())
        self._waiting = bool(kept.missing)

    @property
    def durable(self) -> bool:
        """Whether what is kept is there for the next edge, too."""
        return self._shelf.durable

    @property
    def _found_layers(self) -> list[Path]:
        return [layer for each in self._found for layer in each.box.template.layers]

    async def rescue(self) -> None:
        """Let the boxes of dead edges rest as files: for the rest of their time, which nobody can be told to extend
        while they rest. One whose files cannot be read is lost. Raises OSError.
        """
        for each in self._found:
            name = each.box.id
            if name not in self._resting:
                try:
                    self._resting[name] = rest = await asyncio.to_thread(rescued, each, self._boxes.disks, self._kept)
                except OSError:
                    continue
                self._boxes.endings.note(name, _RESTS, BoxLog())
                asyncio.get_running_loop().call_later(each.until - time.time(), self._lapse, rest)
        if self._found:
            await self._shelf.wait_no_more(self._found_layers)

    def _lapse(self, rest: Resting) -> None:
        """The time of a box that was found is over; it ends, if it rests still."""
        if self._resting.get(rest.id) is rest:
            self._boxes.spawn(self.kill(rest.id))

    # ------------------------------------------------------------- looking

    def find(self, name: str) -> Box | Resting:
        """The box of this id in whatever state. Raises NoSuchBox."""
        found = self._boxes.get(name) or self._resting.get(name)
        if found is None or (isinstance(found, Box) and found.order.builder):
            raise NoSuchBox(self._boxes.why(name))
        return found

    def all(self) -> list[Box | Resting]:
        """All boxes, running, held and resting."""
        live = [box for box in self._boxes.all() if not box.order.builder]
        rising = {box.id for box in live}
        return [*live, *(each for each in self._resting.values() if each.id not in rising)]

    # ------------------------------------------------------------- making and ending

    async def create(self, order: Order) -> Box:
        """Make a box. Raises SandboxMissing, OSError."""
        identity = Identity.new()
        with self._shelf.pinned(order.template):
            box = await self._brought_up(order, replace(identity, token=self.token(identity.id)))
        self.spawned(order.template)
        box.log.say("sandbox created", template=order.template.id)
        self._boxes.spawn(self._shelf.swept_after(box))
        return box

    async def _brought_up(self, order: Order, identity: Identity) -> Box:
        """A box in which runs what its template starts."""
        box = await self._boxes.create(order, identity)
        if self._shelf.durable:
            await asyncio.to_thread(self._notes.note, box)
            self._boxes.spawn(self._notes.dropped_after(box))
        template = order.template
        if template.start_cmd or template.ready_cmd:
            try:
                await bring_up(box, template, _COMES_UP)
            except (NotReady, BoxDead) as error:
                self._boxes.kill(box, f"its template's start command did not come up: {error}")
                raise SandboxMissing(f"a box of template {template.id!r} did not come up: {error}") from error
            except BaseException:
                self._boxes.kill(box, "its client went away before it had come up")
                raise
        return box

    def token(self, name: str) -> str:
        """The access token of the box with this id."""
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:48]

    async def kill(self, name: str) -> None:
        """End a box, in whatever state it is. Raises NoSuchBox."""
        box = self._boxes.get(name)
        kept = [held.pop(name, None) for held in (self._resting, self._shelf.copies)]
        if box is not None:
            self._boxes.kill(box, _KILLED)
        elif not any(kept):
            raise NoSuchBox(self._boxes.why(name))
        else:
            before = self._boxes.endings.find(name)
            self._boxes.endings.forget(name)
            self._boxes.endings.note(name, _KILLED, before.log if before else BoxLog())
        if any(kept):
            await self._shelf.save()

    async def forget_before(self, moment: float) -> None:
        """Remove the boxes that rest since before that Unix time. Raises OSError."""
        for each in list(self._resting.values()):
            if each.paused_at < moment:
                await self.kill(each.id)

    @property
    def keeps(self) -> bool:
        """Whether a later endpoint would find anything here: boxes that rest, snapshots, what waits for its files."""
        return bool(self._resting or [*self.snapshots] or self._waiting)

    async def close(self, *, rest: bool = True) -> None:
        """End all boxes; into a durable folder the running ones are put as files first, where they are to `rest`."""
        if rest and self._shelf.durable:
            running = [box for box in self._boxes.all() if box.paused_at is None and not box.order.builder]
            await asyncio.gather(*(self._put_by(box) for box in running))
        await self._boxes.close()
        await self.metrics.end()

    async def _put_by(self, box: Box) -> None:
        with suppress(NoSuchBox, WrongState, OSError):
            async with self._running(box.id):
                await self._rest(box, full=True)

    # ------------------------------------------------------------- pausing

    async def pause(self, name: str, memory: bool = True) -> None:
        """Pause a running box, with its processes or as files only. Raises NoSuchBox, WrongState, OSError."""
        async with self._running(name) as box:
            await (self._hold(box) if memory else self._rest(box, full=False))
        if not memory:
            await box.gone.wait()

    @asynccontextmanager
    async def _running(self, name: str) -> AsyncIterator[Box]:
        """A running box that nobody else changes meanwhile. Raises NoSuchBox, WrongState."""
        box = self._boxes.get(name)
        if box is None:
            self._refuse(name)
        async with box.lock:
            if box.ended.is_set() or box.paused_at is not None:
                self._refuse(name)
            yield box

    def _refuse(self, name: str) -> NoReturn:
        if name in self._resting or self._boxes.get(name):
            raise WrongState(f"sandbox '{name}' is already paused")
        raise NoSuchBox(self._boxes.why(name))

    async def _stop(self, box: Box) -> None:
        """Stop a box and break its connections, once they have carried what it had said. Raises OSError."""
        box.paused_at = time.time()
        self._boxes.stop_clock(box)
        try:
            await asyncio.to_thread(box.freeze, True)
        except OSError as error:
            if box.ended.is_set():  # killed meanwhile
                raise NoSuchBox(self._boxes.why(box.id)) from error
            box.paused_at = None
            self._boxes.set_end(box, box.ends_at)
            raise
        if box.ended.is_set():  # killed meanwhile: what is frozen cannot die
            await asyncio.to_thread(box.freeze, False)
            raise NoSuchBox(self._boxes.why(box.id))
        box.sever()
        with suppress(TimeoutError):
            await asyncio.wait_for(box.unasked.wait(), CARRY_SECONDS)

    async def _go_on(self, box: Box, until: float) -> None:
        await asyncio.to_thread(box.freeze, False)
        box.paused_at = None
        box.running_since = time.time()
        if not box.ended.is_set():
            box.severed = asyncio.Event()
            self._boxes.set_end(box, until)

    async def _hold(self, box: Box) -> None:
        until = box.ends_at
        await self._stop(box)
        if self._shelf.durable:
            try:
                async with self._copied(box) as template:
                    self._shelf.copies[box.id] = as_files(box, template, full=True)
                    await self._shelf.save()
            except OSError:
                self._shelf.copies.pop(box.id, None)
                await self._go_on(box, until)
                raise
        box.log.say("sandbox paused", mode="full")

    async def _rest(self, box: Box, full: bool) -> None:
        until, held = box.ends_at, box.paused_at is not None
        if not held:
            await self._stop(box)
        try:
            async with self._copied(box) as template:
                self._resting[box.id] = as_files(box, template, full)
                await self._shelf.save()
        except OSError:
            self._resting.pop(box.id, None)
            if not held:
                await self._go_on(box, until)
            raise
        if self._shelf.copies.pop(box.id, None):  # of its earlier pause, with its processes
            await self._shelf.sweep()
        box.log.say("sandbox paused", mode="filesystem")
        self._boxes.kill(box)
        self._boxes.endings.note(box.id, _RESTS, box.log)

    @asynccontextmanager
    async def _copied(self, box: Box) -> AsyncIterator[Template]:
        """What `Shelf.copied` gives. Raises NoSuchBox, OSError."""
        try:
            async with self._shelf.copied(box) as template:
                yield template
        except BoxDead as error:
            raise NoSuchBox(self._boxes.why(box.id)) from error

    def _time_over(self, box: Box) -> None:
        if box.order.auto_pause:
            self._boxes.spawn(self._pause_in_time(box))
        else:
            self._boxes.end_in_time(box)

    async def _pause_in_time(self, box: Box) -> None:
        try:
            async with self._running(box.id):
                if box.ends_at <= time.time() + 0.05:  # nobody has given it more time meanwhile
                    await (self._hold(box) if box.order.pause_memory else self._rest(box, full=False))
        except (NoSuchBox, WrongState):
            return
        except OSError as error:
            self._boxes.kill(box, f"its time was over and it could not be paused ({error.strerror})")

    # ------------------------------------------------------------- going on

    async def resume(self, name: str, seconds: float, memory: bool = True, place: Place = nullcontext) -> Box:
        """Let a paused box go on for so many seconds; without `memory` it starts anew from its files. It takes a
        `place` among those that run: of many who ask at once only the first does.

        Raises NoSuchBox, WrongState when it runs, SandboxMissing and OSError when it cannot be made.
        """
        box = self._boxes.get(name)
        if box is not None:
            async with box.lock:
                if box.paused_at is None and not box.ended.is_set():
                    raise WrongState(f"sandbox '{name}' is already running")
                if not box.ended.is_set() and memory:
                    with place():
                        await self._release(box, seconds)
                    return box
                if not box.ended.is_set():
                    await self._rest(box, full=False)
            await box.gone.wait()
        return await self._rise(name, seconds, place)

    async def _release(self, box: Box, seconds: float) -> None:
        await self._go_on(box, time.time() + seconds)
        box.log.say("sandbox resumed", mode="full")
        if self._shelf.copies.pop(box.id, None):
            await self._shelf.save()

    async def _rise(self, name: str, seconds: float, place: Place) -> Box:
        lock = self._rising.setdefault(name, asyncio.Lock())
        async with lock:
            risen = self._boxes.get(name)
            if risen is not None:
                raise WrongState(f"sandbox '{name}' is already running")
            resting = self._resting.get(name)
            if resting is None:
                raise NoSuchBox(self._boxes.why(name))
            order = replace(self.read_order(resting.asked, resting.template), timeout=seconds)
            before = self._boxes.endings.find(name)
            with place(), self._shelf.pinned(order.template):
                box = await self._brought_up(order, Identity(name, self.token(name), resting.started_at))
            self._boxes.spawn(self._shelf.swept_after(box))
            if self._resting.pop(name, None) is None:
                self._boxes.kill(box, _KILLED)
                raise NoSuchBox(self._boxes.why(name))
        if before is not None:
            box.log.follow(before.log)
        box.log.say("sandbox resumed", mode="filesystem")
        await self._shelf.save()
        return box

    def sleeper(self, name: str) -> Identity | None:
        """The paused box of this id that a request wakes; None when there is none."""
        box = self._boxes.get(name)
        if box is not None:
            sleeps = box.paused_at is not None and box.order.auto_resume
            return Identity(box.id, box.token, box.started_at) if sleeps else None
        resting = self._resting.get(name)
        if resting is None or not resting.auto_resume:
            return None
        return Identity(resting.id, self.token(resting.id), resting.started_at)

    async def wake(self, name: str, place: Place) -> None:
        """Let a sleeper go on for as long as it was to live at first. Raises NoSuchBox, SandboxMissing, OSError."""
        found = self.find(name)
        asked = (found.order.asked if isinstance(found, Box) else found.asked).get("timeout")
        with suppress(WrongState):  # another request has woken it
            await self.resume(name, max(_WAKE_LEAST, float(asked or _WAKE_DEFAULT)), place=place)

    # ------------------------------------------------------------- copies

    async def snapshot(self, name: str, label: str = "", tag: str = DEFAULT_TAG) -> Snapshot:
        """Take a snapshot of a running box, which stands still meanwhile. Raises NoSuchBox, WrongState, OSError."""
        async with self._running(name) as box, self._taken(box) as template:
            taken = self.snapshots.add(template, box.id, label, tag)
            await self._shelf.save()
            box.log.say("snapshot taken", snapshot=taken.template.id)
        return taken

    async def fork(self, name: str, seconds: float, count: int) -> list[Box | Exception]:
        """Make boxes like a running one, which stands still while its files are copied; or why each was not made.

        Raises NoSuchBox, WrongState, OSError.
        """
        async with AsyncExitStack() as stack:
            async with self._running(name) as box:
                template = await stack.enter_async_context(self._taken(box))
            order = replace(box.order, template=template, timeout=seconds)
            made = await asyncio.gather(*(self.create(order) for _ in range(count)), return_exceptions=True)
        await self._shelf.sweep()
        return [each if isinstance(each, (Box, Exception)) else BoxDead(name) for each in made]

    @asynccontextmanager
    async def _taken(self, box: Box) -> AsyncIterator[Template]:
        async with AsyncExitStack() as stack:
            try:
                await asyncio.to_thread(box.freeze, True)
                template = await stack.enter_async_context(self._copied(box))
            except OSError as error:
                if box.ended.is_set():  # killed while it was being stopped
                    raise NoSuchBox(self._boxes.why(box.id)) from error
                raise
            finally:
                await asyncio.to_thread(box.freeze, False)
            yield template

    def uses(self, layer: Path) -> bool:
        """Whether a box or a snapshot needs a layer."""
        return self._shelf.uses(layer)

    async def forget(self, snapshot: str) -> bool:
        """Delete a snapshot; whether there was one. Boxes made of it go on."""
        gone = self.snapshots.delete(snapshot)
        if gone:
            await self._shelf.save()
        return gone


def _nothing(_template: Template) -> None:
    return


def _plain_order(asked: Mapping[str, Any], template: Template) -> Order:
    return Order(0.0, template=template, asked=asked)
