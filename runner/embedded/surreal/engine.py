"""The engine behind the gateway: messages in, answers out, in order; nothing is acknowledged that is not on the disk.

Its calls hold the interpreter, so a thread of its own would gain nothing: it works where the connections are served.
"""

from __future__ import annotations

from runner.embedded.surreal import cbor
from runner.errors import StoreError
from runner.store.embedded import EmbeddedEngine
from runner.store.failure import of_the_disk

#: Methods that can write.
_WRITES = frozenset(
    {"query", "create", "insert", "insert_relation", "update", "upsert", "merge", "patch", "delete", "relate", "run"}
)


class EngineRefused(Exception):
    """The engine will not; the message is the answer."""


class Engine:
    """One folder. `execute` works in the namespace and database that come with each message."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._place = b""

    def execute(self, method: str, message: bytes, place: bytes) -> bytes:
        """The answer of the engine to this message, `id` and all. Raises EngineRefused, Malformed."""
        try:
            if place != self._place:
                self._use(place)
            if method not in _WRITES:
                return self._engine.execute(message)
            self._engine.before_write()
            answer = self._engine.execute(message)
            if b"ERR" in answer and any(of_the_disk(text) for text in failures(answer)):
                self._drop()  # what this handle shows may not be on the disk
                return answer
            self._engine.written()
        except StoreError as error:
            self._place = b""
            raise EngineRefused(f"IO error: {error.message}") from error
        except RuntimeError as error:
            if of_the_disk(str(error)):
                self._drop()
            raise EngineRefused(str(error)) from error
        except BaseException as error:
            if isinstance(error, Exception | KeyboardInterrupt | SystemExit):
                raise
            self._drop()  # a panic of the engine
            raise EngineRefused("IO error: the engine failed and was opened anew") from error
        return answer

    def _use(self, place: bytes) -> None:
        self._place = b""
        message = {"id": cbor.pack_text("use"), "method": cbor.pack_text("use"), "params": place}
        self._engine.execute(cbor.pack_map(message))
        self._place = place

    def _drop(self) -> None:
        self._place = b""
        self._engine.drop()


def failures(answer: bytes) -> list[str]:
    """What the statements that failed say. Raises Malformed."""
    result = cbor.fields(answer).get("result", b"\x80")
    if result[0] >> 5 != 4:
        return []
    rows = [cbor.fields(each) for each in cbor.items(result) if each[0] >> 5 == 5]
    failed = [each["result"] for each in rows if each.get("status") == cbor.pack_text("ERR") and "result" in each]
    return [cbor.text(each) for each in failed if each[0] >> 5 == 3]
