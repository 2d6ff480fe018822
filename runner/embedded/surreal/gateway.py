"""The gateway: SurrealDB's RPC over WebSocket, many clients, one engine.

A client's messages are answered one after the other, and its next one is read when the answer to the one before is on
its way: whoever sends faster than the engine works, or does not read, waits in its own connection and holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from runner.embedded.surreal import cbor
from runner.embedded.surreal.engine import Engine, EngineRefused
from runner.embedded.surreal.lives import Lives, Outlet, named, packed
from runner.embedded.surreal.sessions import Denied, Doorkeeper, Session, Sessions

#: How many connections there may be at a time.
MOST_CLIENTS = 256
#: Seconds between two looks whether there is a client.
_LOOK = 0.2
_ERROR, _NO_METHOD = -32000, -32601
_NOTHING = cbor.pack_array([])
#: NULL, and NONE as the protocol tags it.
_ABSENT = (cbor.NULL, b"\xc6" + cbor.NULL)
#: What the engine answers as it is, for whoever has signed in.
_PASSED = frozenset(
    {"query", "select", "create", "insert", "insert_relation", "update", "upsert", "merge", "patch", "delete", "relate",
     "run"}
)  # fmt: skip


class Gateway:
    """Serves connections until they end."""

    def __init__(self, engine: Engine, lives: Lives, doorkeeper: Doorkeeper, version: str) -> None:
        self._engine = engine
        self._lives = lives
        self._doorkeeper = doorkeeper
        self._version = version
        self._clients = 0

    async def unused(self) -> None:
        """Wait until nobody is connected."""
        while self._clients:  # noqa: ASYNC110 - clients come and go
            await asyncio.sleep(_LOOK)

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no WebSocket of the protocol's; None lets it in."""
        path = request.path.partition("?")[0]
        if path == "/health":
            return connection.respond(HTTPStatus.OK, "")
        if path == "/version":
            return connection.respond(HTTPStatus.OK, self._version)
        if path != "/rpc":
            return connection.respond(HTTPStatus.NOT_FOUND, "The protocol is served at /rpc.\n")
        if self._clients >= MOST_CLIENTS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"There are {MOST_CLIENTS} clients already.\n")
        return None

    async def serve(self, connection: ServerConnection) -> None:
        """One client, to its end."""
        outlet = Outlet(connection)
        sessions = Sessions(outlet.push)
        self._clients += 1
        try:
            async for message in connection:
                if isinstance(message, str):
                    await connection.close(1003, "only CBOR is spoken here")
                    return
                await connection.send(self.answer(sessions, message))
        except cbor.Malformed as error:
            await connection.close(1007, str(error))
        except ConnectionClosed:
            return
        finally:
            self._clients -= 1
            outlet.close()
            for session in sessions.all():
                self._end_lives(session)

    def answer(self, sessions: Sessions, message: bytes) -> bytes:
        """The answer to one message. Raises Malformed for what is none."""
        fields = cbor.fields(message)
        name = fields.get("id", cbor.NULL)
        try:
            return self._answered(sessions, message, fields)
        except (Denied, EngineRefused) as error:
            return _failed(name, _ERROR, str(error))
        except _NoMethod:
            return _failed(name, _NO_METHOD, "Method not found")

    def _answered(self, sessions: Sessions, message: bytes, fields: dict[str, bytes]) -> bytes:
        method = cbor.text(fields.get("method", cbor.NULL))
        key = fields.get("session", b"")
        key = b"" if key == cbor.NULL else key
        params = fields.get("params", _NOTHING)
        if method == "attach":
            self._detach(sessions, key)
            sessions.attach(key)
            return _done(fields)
        session = sessions.get(key)
        if session is None:
            raise Denied("There is no such session: attach it first")
        if method == "detach":
            self._detach(sessions, key)
            return _done(fields)
        own = _OWN.get(method)
        if own is not None:
            return _done(fields, own(self, session, cbor.items(params)))
        if method not in _PASSED or fields.get("txn", cbor.NULL) != cbor.NULL:
            raise _NoMethod
        _check_signed_in(session)
        try:
            return self._engine.execute(method, _passed(message, method, fields, session), session.place)
        finally:
            self._lives.wrote()  # or not: whoever looks will see

    def _detach(self, sessions: Sessions, key: bytes) -> None:
        session = sessions.detach(key)
        if session is not None:
            self._end_lives(session)

    def _end_lives(self, session: Session) -> None:
        for name in session.lives:
            with contextlib.suppress(EngineRefused):  # the next gateway ends what this one could not
                self._lives.end(name)
        session.lives.clear()

    # ------------------------------------------------------------ what the gateway answers itself

    def _ping(self, _: Session, __: list[bytes]) -> bytes:
        return cbor.NULL

    def _tell_version(self, _: Session, __: list[bytes]) -> bytes:
        return cbor.pack_text(self._version)

    def _sign_in(self, session: Session, params: list[bytes]) -> bytes:
        given = cbor.fields(params[0]) if params else {}
        session.signed_in = False
        token = self._doorkeeper.sign_in(
            {key: cbor.text(value) for key, value in given.items() if value not in _ABSENT}
        )
        session.signed_in = True
        return cbor.pack_text(token)

    def _sign_up(self, _: Session, __: list[bytes]) -> bytes:
        raise Denied("There was a problem with authentication")  # there are no users but the one

    def _authenticate(self, session: Session, params: list[bytes]) -> bytes:
        session.signed_in = False
        self._doorkeeper.check(cbor.text(params[0] if params else cbor.NULL))
        session.signed_in = True
        return cbor.NULL

    def _invalidate(self, session: Session, _: list[bytes]) -> bytes:
        session.signed_in = False
        self._end_lives(session)
        return cbor.NULL

    def _use(self, session: Session, params: list[bytes]) -> bytes:
        if len(params) != 2 or any(each[0] >> 5 not in (3, 6, 7) for each in params):
            raise Denied("Invalid params: a namespace and a database are wanted")
        session.place = cbor.pack_array(params)
        return cbor.NULL

    def _let(self, session: Session, params: list[bytes]) -> bytes:
        if len(params) != 2:
            raise Denied("Invalid params: a name and a value are wanted")
        session.variables[cbor.text(params[0])] = params[1]
        return cbor.NULL

    def _unset(self, session: Session, params: list[bytes]) -> bytes:
        if len(params) != 1:
            raise Denied("Invalid params: a name is wanted")
        session.variables.pop(cbor.text(params[0]), None)
        return cbor.NULL

    def _reset(self, session: Session, _: list[bytes]) -> bytes:
        session.signed_in, session.place = False, Session().place
        session.variables.clear()
        self._end_lives(session)
        return cbor.NULL

    def _live(self, session: Session, params: list[bytes]) -> bytes:
        _check_signed_in(session)
        name = self._lives.begin(session.place, params, session.notify)
        session.lives.add(name)
        return packed(name)

    def _kill(self, session: Session, params: list[bytes]) -> bytes:
        _check_signed_in(session)
        name = named(params[0] if params else cbor.NULL)
        if name not in session.lives:
            raise Denied(f"Can not execute KILL statement using id '{name}'")
        session.lives.discard(name)
        self._lives.end(name)
        return cbor.NULL


class _NoMethod(Exception):
    """The protocol has it, or not; the engine behind the gateway has not."""


_OWN: dict[str, Callable[[Gateway, Session, list[bytes]], bytes]] = {
    "ping": Gateway._ping,
    "info": Gateway._ping,  # of a root user there is no record
    "version": Gateway._tell_version,
    "signin": Gateway._sign_in,
    "signup": Gateway._sign_up,
    "authenticate": Gateway._authenticate,
    "invalidate": Gateway._invalidate,
    "use": Gateway._use,
    "let": Gateway._let,
    "unset": Gateway._unset,
    "reset": Gateway._reset,
    "live": Gateway._live,
    "kill": Gateway._kill,
}


def _check_signed_in(session: Session) -> None:
    if not session.signed_in:
        raise Denied("Anonymous access not allowed: Not enough permissions to perform this action")


def _passed(message: bytes, method: str, fields: dict[str, bytes], session: Session) -> bytes:
    """The message as the engine gets it: without the session's name, with the session's variables."""
    params = fields.get("params", _NOTHING)
    if method == "query" and session.variables:
        query, *given = cbor.items(params)
        values = cbor.fields(given[0]) if given and given[0] != cbor.NULL else {}
        params = cbor.pack_array([query, cbor.pack_map({**session.variables, **values})])
    elif fields.keys() == {"id", "method", "params"}:
        return message
    return cbor.pack_map({"id": fields.get("id", cbor.NULL), "method": fields["method"], "params": params})


def _done(fields: dict[str, bytes], result: bytes = cbor.NULL) -> bytes:
    return cbor.pack_map({"id": fields.get("id", cbor.NULL), "result": result})


def _failed(name: bytes, code: int, text: str) -> bytes:
    error = cbor.pack_map({"code": cbor.pack_int(code), "message": cbor.pack_text(text)})
    return cbor.pack_map({"id": name, "error": error})
