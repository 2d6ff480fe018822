"""What a check is, and the few words that checks are written in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from runner.errors import RunnerError
from runner.run.ports import Box, BoxRequest, Command, CommandResult, Sandbox


class ConformanceFailed(AssertionError):
    """A provider does not behave as the port says."""


@dataclass(frozen=True, slots=True)
class Lab:
    """Where a check works. `open` gives a new Sandbox object each time, all on the same provider and account."""

    open: Callable[[], Sandbox]

    @asynccontextmanager
    async def sandbox(self) -> AsyncIterator[Sandbox]:
        """A Sandbox object, closed at the end."""
        sandbox = self.open()
        try:
            yield sandbox
        finally:
            await sandbox.close()

    @asynccontextmanager
    async def box(self, request: BoxRequest | None = None) -> AsyncIterator[Box]:
        """A fresh box, freed at the end."""
        async with self.sandbox() as sandbox:
            box = await sandbox.create(request or BoxRequest(timeout=300))
            try:
                yield box
            finally:
                await box.kill()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that every provider does alike. `wound` says in a sentence why the check exists.

    `known` maps a provider's name to the reason for which it is known to fail.
    """

    name: str
    wound: str
    run: Callable[[Lab], Awaitable[None]]
    known: Mapping[str, str] = field(default_factory=dict)


#: Why checks whose processes are made by setsid and found in /proc say nothing of WebContainers.
NO_FAMILY = {
    "webcontainer": "a browser has neither setsid nor /proc, by which this check makes its processes and finds them;"
    " tests/integration/test_sandbox_webcontainer.py has a family of Node's processes instead"
}


def on_box(body: Callable[[Box], Awaitable[None]]) -> Callable[[Lab], Awaitable[None]]:
    """A check that needs one fresh box and nothing else."""

    async def run(lab: Lab) -> None:
        async with lab.box() as box:
            await body(box)

    return run


def expect(condition: bool, what: str) -> None:
    """Fail with `what` unless the condition holds."""
    if not condition:
        raise ConformanceFailed(what)


def same(got: object, want: object, what: str = "value") -> None:
    """Fail unless both are equal; long values are cut in the message."""
    if got != want:
        raise ConformanceFailed(f"{what}: got {got!r:.300}, expected {want!r:.300}")


@contextmanager
def refused(*errors: type[RunnerError]) -> Iterator[None]:
    """Fail unless the block raises one of the errors."""
    names = " or ".join(error.__name__ for error in errors)
    try:
        yield
    except errors:
        return
    except RunnerError as exc:
        raise ConformanceFailed(f"expected {names}, got {type(exc).__name__}: {exc}") from exc
    raise ConformanceFailed(f"expected {names}, and nothing was raised")


async def sh(box: Box, text: str) -> CommandResult:
    """Run a command that has to succeed."""
    result = await box.run(Command(text, timeout=45))
    expect(result.exit_code == 0, f"{text!r:.200} ended with {result.exit_code}: {result.stderr:.300}")
    return result
