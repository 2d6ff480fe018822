"""The one error of the control plane."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """A request that gets an error body; `status` and `message` are E2B's `Error` schema, `fields` are headers."""

    def __init__(self, status: int, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = dict(fields or {})
