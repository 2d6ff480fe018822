"""The only file that knows the SurrealDB SDK: its engine in this process, and its client of a server.

What has to be right here, each measured with 2.0.0 (engine 2.3.10):

- Record ids given as text are spliced into the query: we bind `RecordID` objects.
- `query()` hides the errors of all statements but the first: `query_raw` alone is used, and `answers.py` reads it.
- The asynchronous handle can abort the interpreter at exit: only the blocking ones are used, in one thread.
- Over a network the client waits for ever: it is given a socket with a deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from runner.errors import RunnerError, StoreError
from runner.store.failure import translated
from runner.store.process import without_repair_notes
from runner.store.rows import key_text

if TYPE_CHECKING:
    from surrealdb import BlockingWsSurrealConnection, RecordID

_MISSING = ("the surrealdb package is missing", "pip install 'runner[surreal]'")


class Handle(Protocol):
    """What both the engine and the client of a server answer."""

    def query_raw(self, query: str, params: dict[str, Any]) -> dict[str, Any]:
        """The whole answer: {"result": [{"status", "result"}, …]}, or {"error"}."""
        ...

    def use(self, namespace: str, database: str) -> None:
        """Work in this database from now on."""
        ...


class Lost(Exception):
    """The connection to a server broke, or nothing came in time. `sent`: the request may have had its effect."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@contextmanager
def vendor(where: Path | str) -> Iterator[None]:
    """The one place where the engine's exceptions become ours; its panic is a BaseException."""
    try:
        yield
    except RunnerError:
        raise
    except BaseException as error:
        raise translated(where, str(error)) from error


def rid(table: str, identifier: str | list[str | int]) -> RecordID:
    """The id of a record, to be bound."""
    from surrealdb import RecordID

    if isinstance(identifier, str):
        return RecordID(table, key_text(identifier))
    return RecordID(table, [key_text(part) if isinstance(part, str) else part for part in identifier])


def embedded(path: Path) -> Handle:
    """The engine on the folder `path`, in this process. Only the end of the object frees the files: its `close` does
    nothing. Raises StoreError.
    """
    try:
        from surrealdb import BlockingEmbeddedSurrealConnection
    except ImportError as error:
        raise StoreError(*_MISSING) from error
    with vendor(path), without_repair_notes():
        handle = BlockingEmbeddedSurrealConnection(f"surrealkv://{path}")
        handle.connect()
        return handle


def executor(handle: Handle) -> Callable[[bytes], bytes]:
    """What takes a message of the protocol, and gives the answer, as the engine of this handle does. What it refuses
    altogether it raises as RuntimeError.
    """
    execute: Callable[[bytes], bytes] = handle._db.execute  # type: ignore[attr-defined]
    return execute


class Link:
    """A client of the server at `url` that has signed in; `seconds` hold for each message.

    Raises Lost while nothing answers, StoreError when the server will not, like every method.
    """

    def __init__(self, url: str, user: str, password: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._sent = False
        with self._network():
            self._handle = self._connected()
        try:
            self._sign_in(user, password)
        except BaseException:
            self.close()
            raise

    def _connected(self) -> BlockingWsSurrealConnection:
        try:
            from surrealdb import BlockingWsSurrealConnection
            from websockets import Subprotocol
            from websockets.sync.client import connect
        except ImportError as error:
            raise StoreError(*_MISSING) from error
        self._socket = connect(
            self._url,
            subprotocols=[Subprotocol("cbor")],
            compression=None,
            proxy=None if on_this_machine(self._url) else True,
            max_size=None,
            open_timeout=self._seconds,
        )
        handle = BlockingWsSurrealConnection(self._url)
        handle.socket = cast("Any", self)  # what it sends and receives goes through us
        return handle

    def _sign_in(self, user: str, password: str) -> None:
        from surrealdb.errors import SurrealError, UnexpectedResponseError

        with self._network():
            try:
                if user:
                    self._handle.signin({"username": user, "password": password})
                self.version = self._handle.version()
            except UnexpectedResponseError:
                raise  # of the wire, not of the user
            except SurrealError as error:
                raise StoreError(
                    f"the state server at {self._url} does not accept the user {user!r}: {_first(str(error))}",
                    "Set RUNNER_STATE_USER and RUNNER_STATE_PASSWORD to what the server was started with.",
                ) from error

    @contextmanager
    def _network(self) -> Iterator[None]:
        from surrealdb.errors import UnexpectedResponseError
        from websockets.exceptions import WebSocketException

        try:
            yield
        # The SDK's client takes the next message for its answer: after one too many, this connection is of no use.
        except (OSError, EOFError, KeyError, WebSocketException, UnexpectedResponseError) as error:
            raise Lost(_first(str(error)) or type(error).__name__, sent=self._sent) from error

    def query_raw(self, query: str, params: dict[str, Any]) -> dict[str, Any]:
        """See Handle."""
        self._sent = False
        with self._network():
            return self._handle.query_raw(query, params)

    def use(self, namespace: str, database: str) -> None:
        """See Handle."""
        with self._network():
            self._handle.use(namespace, database)

    def close(self) -> None:
        """Drop the connection; the other side may be gone, so nobody waits for it."""
        self._socket.close_socket()

    # What the SDK's client asks of its socket.

    def send(self, data: bytes) -> None:
        """Send one message."""
        self._sent = True
        self._socket.send(data)

    def recv(self) -> str | bytes:
        """Wait for one message. Raises TimeoutError."""
        return self._socket.recv(timeout=self._seconds)


def on_this_machine(url: str) -> bool:
    """Whether the address names loopback."""
    return (urlsplit(url).hostname or "") in ("localhost", "127.0.0.1", "::1")


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]
