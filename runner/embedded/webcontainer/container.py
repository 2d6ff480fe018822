"""The containers that a pair of servers knows."""

from __future__ import annotations

from runner.embedded.webcontainer.files import Files
from runner.embedded.webcontainer.names import new_token
from runner.embedded.webcontainer.settings import Policy
from runner.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """One container: `token` names its engine, `policy` says what it may do, `files` are under way."""

    token: str
    policy: Policy
    files: Files


class Containers:
    """All that live, by the token of their engine and by the secret of their page."""

    def __init__(self) -> None:
        self._by_token: dict[str, Container] = {}
        self._by_secret: dict[str, Container] = {}

    def add(self, policy: Policy) -> Container:
        """A new one, with names that nobody can guess."""
        made = Container(new_token(), policy, Files())
        self._by_token[made.token] = made
        self._by_secret[made.files.secret] = made
        return made

    def remove(self, container: Container) -> None:
        """Forget one. Nothing of it is served from here on."""
        self._by_token.pop(container.token, None)
        self._by_secret.pop(container.files.secret, None)
        container.files.close()

    def of_token(self, token: str) -> Container | None:
        """The one whose engine has that name."""
        return self._by_token.get(token)

    def of_secret(self, secret: str) -> Container | None:
        """The one whose page has that secret."""
        return self._by_secret.get(secret)

    def close(self) -> None:
        """Forget all."""
        for each in list(self._by_token.values()):
            self.remove(each)
