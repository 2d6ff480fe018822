"""The services beside a run that are killed: each comes back in the same place, as a supervisor would see to."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from runner.errors import StoreLocked
from tests.chaos.judge import Fault, Made
from tests.chaos.place import Place
from tests.chaos.processes import Process, descendants, until
from tests.chaos.schedule import Victim
from tests.chaos.witness import Witness

#: Seconds in which a service has to serve.
_START = 60.0
#: Seconds in which what dead commands left at a service has to be gone.
_LEASE = 20.0


class Alone:
    """Nothing runs beside the run: it has its own endpoint, and holds its store itself."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def start(self) -> None:
        """Serve, in the place where it served before if it was killed."""

    def kill(self) -> bool:
        """kill -9; False when there was nobody to kill."""
        return False

    def settle(self) -> list[Fault]:
        """Let the service finish what it has to do, and look at what it has."""
        return []

    def told(self) -> Counter[Made]:
        """The attempts of which it was told from within their boxes."""
        return Counter()

    def end(self) -> None:
        """Stop it in order."""


class Gateway(Alone):
    """`runner endpoint surreal`: its port and password are those before, so that its clients come back. A run that
    began while it was dead holds the folder itself, and needs none.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._process: Process | None = None

    def start(self) -> None:
        process = self._process = self._place.runner("endpoint", "surreal", "--json")
        until(lambda: bool(process.told()) or process.code is not None, _START)
        if process.code != StoreLocked.exit_code:
            _started(process, "gateway")

    def kill(self) -> bool:
        return self._process is not None and self._process.kill()

    def end(self) -> None:
        if self._process is not None:
            self._process.end()


class Edge(Alone):
    """`runner endpoint e2b`, from whose boxes a witness outside all of them can be reached."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._process: Process | None = None
        self._witness = Witness()
        self._words = {"WITNESS": self._witness.url}

    def start(self) -> None:
        self._place.words.update(self._words)
        url = self._place.more.get("E2B_API_URL", "")
        port = url.rpartition(":")[2] or "0"
        words = ("--port", port, "--folder", "edge", "--keep", "--egress", "--allow-private", "--json")
        self._process = _started(self._place.command("endpoint", "e2b", *words), "edge")
        self._place.more.update({name: str(value) for name, value in self._process.told()[0].items()})

    def kill(self) -> bool:
        return self._process is not None and self._process.kill()

    def settle(self) -> list[Fault]:
        until(lambda: not self._boxes(), _LEASE)
        return [Fault("orphan", f"box {box} is left at the endpoint") for box in self._boxes()]

    def told(self) -> Counter[Made]:
        return Counter(self._witness.told)

    def end(self) -> None:
        if self._process is not None:
            self._process.end()
        self._witness.close()

    def _boxes(self) -> list[str]:
        more = self._place.more
        ask = urllib.request.Request(f"{more['E2B_API_URL']}/sandboxes", headers={"X-API-Key": more["E2B_API_KEY"]})
        with urllib.request.urlopen(ask, timeout=10) as answer:
            return [str(each["sandboxID"]) for each in json.load(answer)]


class Weaviate(Alone):
    """A Weaviate to which every event is shipped."""

    def __init__(self, place: Place) -> None:
        # It is the tests' own server: where there is none on this machine, the import tells.
        from tests.integration.audit.conftest import Server

        super().__init__(place)
        folder = place.folder / "weaviate"
        folder.mkdir()
        self._server = Server(folder)

    def start(self) -> None:
        self._server.start()
        if "RUNNER_AUDIT_URL" not in self._place.more:
            self._place.more.update(self._server.environ())

    def kill(self) -> bool:
        was_there = self._server.process is not None
        self._server.kill()
        return was_there

    def settle(self) -> list[Fault]:
        shipped = self._place.runner("audit", "ship")
        if shipped.wait(60) != 0:
            return [Fault("lost", f"what was acknowledged cannot be shipped: {shipped.lines}")]
        verified = self._place.runner("audit", "verify", "--json")
        verified.wait(60)
        verdicts = json.loads("".join(verified.lines) or "[]")
        wrong = [each for each in verdicts if not each["ok"] or each["audit"] is None or each["audit"]["waiting"]]
        return [Fault("lost", f"Weaviate differs from the journal: {each}") for each in wrong or verdicts[:0]]

    def end(self) -> None:
        self._server.kill()


class Browser(Alone):
    """The browser that all WebContainers of a person share, and the process that keeps it: killed in turns."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._killed = 0

    def kill(self) -> bool:
        mark = "--remote-debugging" if self._killed % 2 == 0 else "webcontainer.supervisor"
        for pid, line in sorted(descendants().items()):
            if mark in line and "--type=" not in line:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self._killed += 1
                    return True
        return False

    def end(self) -> None:
        """As a logout does: the keeper would wait half a minute for the next client."""
        for pid, line in descendants().items():
            if "webcontainer.supervisor" in line:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)


_MADE: Mapping[Victim, Callable[[Place], Alone]] = {
    "runner": Alone,
    "gateway": Gateway,
    "edge": Edge,
    "weaviate": Weaviate,
    "browser": Browser,
}


def _started(process: Process, what: str) -> Process:
    """Wait until a service has told where it serves. Raises RuntimeError."""
    if not until(lambda: bool(process.told()) or process.code is not None, _START) or not process.told():
        process.kill()
        raise RuntimeError(f"the {what} did not start: {json.dumps(process.lines)}")
    return process


@contextmanager
def beside(service: Victim, place: Place) -> Iterator[Alone]:
    """What runs beside the runs of a round, for as long as the block lasts."""
    found = _MADE[service](place)
    found.start()
    try:
        yield found
    finally:
        found.end()
