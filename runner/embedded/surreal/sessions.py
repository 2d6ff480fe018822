"""Who a client is and where it works: signing in, tokens, namespace, database, variables."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import field
from uuid import UUID

from runner.embedded.surreal import cbor
from runner.records import dataclass

#: Seconds for which a token signs in.
TOKEN_LIFE = 3600
_CREDENTIALS = frozenset({"user", "pass", "username", "password"})
_NOWHERE = cbor.pack_array([cbor.NULL, cbor.NULL])


class Denied(Exception):
    """The client may not; the message is the answer."""


@dataclass(slots=True)
class Session:
    """What one session of a connection has said; `place` and `variables` as the items that came. `notify` takes a
    message to its client, and `lives` are the live queries that tell it something.
    """

    signed_in: bool = False
    place: bytes = _NOWHERE
    variables: dict[str, bytes] = field(default_factory=dict)
    notify: Callable[[bytes], None] = field(default=lambda _: None, repr=False)
    lives: set[UUID] = field(default_factory=set)


class Sessions:
    """The sessions of one connection, by their names as items; the one that is there from the beginning has none.
    `notify` takes messages to the connection.
    """

    def __init__(self, notify: Callable[[bytes], None]) -> None:
        self._notify = notify
        self._found: dict[bytes, Session] = {}
        self.attach(b"")

    def attach(self, key: bytes) -> None:
        """Begin a session."""
        self._found[key] = Session(notify=self._notify)

    def detach(self, key: bytes) -> Session | None:
        """End a session; what it was."""
        return self._found.pop(key, None)

    def get(self, key: bytes) -> Session | None:
        """The session of that name."""
        return self._found.get(key)

    def all(self) -> list[Session]:
        """All that are there."""
        return list(self._found.values())


class Doorkeeper:
    """Lets in who knows the password, or holds a token that it gave out. Tokens end with the process."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._key = secrets.token_bytes(32)

    def sign_in(self, given: dict[str, str]) -> str:
        """A token for these credentials. Raises Denied."""
        user = given.get("user", given.get("username", ""))
        password = given.get("pass", given.get("password", ""))
        right = hmac.compare_digest(user.encode(), self._user.encode())
        right &= hmac.compare_digest(password.encode(), self._password.encode())
        # Whoever names a namespace is one of its own users, and there are none.
        if not right or any(value for name, value in given.items() if name not in _CREDENTIALS):
            raise Denied("There was a problem with authentication")
        now = int(time.time())
        head = _part(b'{"typ":"JWT","alg":"HS256"}')
        body = _part(json.dumps({"iat": now, "exp": now + TOKEN_LIFE, "ID": self._user}).encode())
        return f"{head}.{body}.{self._signature(f'{head}.{body}')}"

    def check(self, token: str) -> None:
        """Whether the token is one of ours and holds. Raises Denied."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise Denied("There was a problem with authentication")
        body = signed.partition(".")[2]
        if json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"] < time.time():
            raise Denied("The token has expired")

    def _signature(self, signed: str) -> str:
        return _part(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
