"""The one error of the control plane."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """A request that gets an error body; `status`, `message` and `error_code` (a word for programs, often empty) are
    E2B's `Error` schema, `fields` are headers.
    """

    def __init__(
        self, status: int, message: str, fields: Mapping[str, str] | None = None, *, error_code: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_code = error_code
        self.fields = dict(fields or {})

    def body(self) -> dict[str, object]:
        """The error as the wire has it."""
        return {
            "code": self.status,
            "message": self.message,
            **({"error_code": self.error_code} if self.error_code else {}),
        }
