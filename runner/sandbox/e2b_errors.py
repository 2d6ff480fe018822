"""What the E2B SDK raises, and what it means here: one table by class, one by HTTP status.

Classes are written by name, so that this file does not load the SDK; a test goes red when the SDK has a class
that is not in the table. The most specific class decides. The SDK's plain SandboxException says little by
itself, so its `status_code` decides where it has one. Beware: AuthenticationException and
ServiceBusyException are no SandboxException, SandboxNotRunningException is a TimeoutException, and when
nothing listens the raw httpx.ConnectError comes through. Measured on e2b 2.63.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from runner.errors import (
    BoxDiskFull,
    BoxError,
    BoxGone,
    CredentialRefused,
    FileMissing,
    NoCapacity,
    ProviderBlocked,
    ProviderError,
    ProviderOffline,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    RunnerError,
    SessionTooLong,
)
from runner.sandbox.calls import one_line

TABLE: dict[str, type[BoxError]] = {
    "e2b.AuthenticationException": CredentialRefused,
    "e2b.RateLimitException": QuotaExhausted,
    "e2b.ServiceBusyException": NoCapacity,
    "e2b.SandboxNotRunningException": BoxGone,
    "e2b.SandboxNotFoundException": BoxGone,
    # The box runs, or nobody knows: either way this box is lost to us, and a new one may do.
    "e2b.SandboxUnreachableException": BoxGone,
    "e2b.GuestUnresponsiveException": BoxGone,
    "e2b.TimeoutException": ProviderOffline,
    "e2b.FileNotFoundException": FileMissing,
    "e2b.NotEnoughSpaceException": BoxDiskFull,
    "e2b.InvalidArgumentException": RequestRefused,
    "e2b.NotFoundException": RequestRefused,
    "e2b.TemplateException": RequestRefused,
    "e2b.SandboxException": RequestRefused,
    # Parts of the SDK that runner does not call; here so that nothing is ever untranslated.
    "e2b.BuildException": RequestRefused,
    "e2b.DockerfileSyntaxError": RequestRefused,
    "e2b.FileUploadException": RequestRefused,
    "e2b.GitAuthException": CredentialRefused,
    "e2b.GitUpstreamException": RequestRefused,
    "e2b.SecretException": RequestRefused,
    "e2b.SecretNotFoundException": RequestRefused,
    "e2b.VolumeException": RequestRefused,
    "e2b.VolumeNotFoundException": RequestRefused,
    "e2b.VolumePathNotFoundException": FileMissing,
    # Below the SDK: its HTTP and Connect libraries, whose errors it lets through.
    "httpx.InvalidURL": ProviderOffline,
    "httpx.HTTPError": ProviderOffline,
    "httpx.StreamError": ProviderOffline,
    "connectrpc.ConnectError": ProviderOffline,
    "pyqwest.ReadError": ProviderOffline,
    "pyqwest.WriteError": ProviderOffline,
    "pyqwest.StreamError": ProviderOffline,
    "builtins.OSError": ProviderOffline,
    # An answer that is not E2B's: another server listens there.
    "json.JSONDecodeError": ProviderOffline,
    "builtins.KeyError": ProviderOffline,
}

#: For a plain SandboxException with an HTTP status; another 5xx is ProviderOffline, another 4xx RequestRefused.
STATUS: dict[int, type[BoxError]] = {
    401: CredentialRefused,
    402: ProviderBlocked,
    403: ProviderBlocked,
    429: QuotaExhausted,
    503: NoCapacity,
    507: BoxDiskFull,
}

_HINTS: dict[type[BoxError], str] = {
    CredentialRefused: "Check E2B_API_KEY, or use the embedded endpoint: unset E2B_API_KEY and run again.",
    QuotaExhausted: "Free boxes that are no longer needed, run fewer at once, or let another provider take over.",
    ProviderBlocked: "Look at the account's billing page, or let another provider take over.",
    RateLimited: "Run fewer steps at once (--max-parallel), or tell the plan's rate: RUNNER_E2B_RATE.",
    SessionTooLong: "Give the step or the sandbox a shorter timeout, or take a larger plan.",
    NoCapacity: "Try again in a minute, or let another provider take over.",
    ProviderOffline: "Check the network and the endpoint's address.",
    BoxGone: "Give the sandbox a longer timeout, or look for what ended it.",
    BoxDiskFull: "Write less, or ask for a template with a larger disk.",
}
_LONGEST = 300
#: What the service says of a 429 for too many boxes; any other 429 is one for too many requests.
_CONCURRENT = re.compile(r"\bconcurren|\bmaximum number of", re.IGNORECASE)
#: What it says of a 400 for a time to live above the account's plan.
_TOO_LONG = re.compile(r"timeout cannot be greater than (\d+(?:\.\d+)?) (hour|minute|second)", re.IGNORECASE)
_SECONDS = {"hour": 3600.0, "minute": 60.0, "second": 1.0}


def meaning(exc: BaseException) -> type[BoxError] | None:
    """The runner's error class for what an SDK call raised; None when it is none of the SDK's."""
    if type(exc) is Exception:
        # The SDK raises the bare class when a stream or an answer ends before it should.
        return ProviderOffline
    for kind in type(exc).__mro__:
        name = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
        if name == "e2b.SandboxException":
            too_long = _TOO_LONG.search(str(exc))
            return SessionTooLong if too_long else _by_status(getattr(exc, "status_code", None))
        if name == "e2b.RateLimitException":
            return QuotaExhausted if _CONCURRENT.search(str(exc)) else RateLimited
        if name in TABLE:
            return TABLE[name]
    return None


def retry_after(exc: BaseException) -> float | None:
    """The seconds in the header `Retry-After` of the answer that an SDK error is about; None without one.

    The SDK keeps the answer's text only. The frame that raised the error still holds the answer, as `res`; where a
    later SDK names it otherwise, nothing is found and the caller takes a delay of its own.
    """
    trace, found = exc.__traceback__, None
    while trace is not None:
        headers = getattr(trace.tb_frame.f_locals.get("res"), "headers", None)
        said = str(headers.get("Retry-After", "")) if headers is not None else ""
        found = float(said) if said.isascii() and said.isdecimal() else found
        trace = trace.tb_next
    return found


def _details(error: BoxError, exc: BaseException) -> BoxError:
    """What the runner wants to know beside the class."""
    if isinstance(error, ProviderError):
        error.retry_after = retry_after(exc)
    if isinstance(error, SessionTooLong) and (said := _TOO_LONG.search(str(exc))):
        error.limit = float(said[1]) * _SECONDS[said[2].lower()]
    return error


@contextmanager
def translated(what: str, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Turn what the SDK raises inside into a BoxError that starts with `what`, free of the given secrets.

    The runner's own errors, cancellation and mistakes in the program pass through unchanged.
    """
    try:
        yield
    except RunnerError:
        raise
    except Exception as exc:
        error = meaning(exc)
        if error is None:
            raise
        made = error(f"{what}: {one_line(str(exc) or type(exc).__name__, secrets, _LONGEST)}", _HINTS.get(error, ""))
        raise _details(made, exc) from exc


def _by_status(status: int | None) -> type[BoxError]:
    if status is None:
        return RequestRefused
    return STATUS.get(status, ProviderOffline if status >= 500 else RequestRefused)
