"""The errors of `runner`, drawn as one tree. The docstring of each is its meaning.

::

    RunnerError                      exit 3  something in runner itself is wrong
    ├── UsageError                   exit 2  the command line asks for something that cannot be
    ├── SpecError                    exit 1  the spec has errors; carries its diagnostics
    ├── RunFailed                    exit 1  the run ended, and not in success
    ├── ExpressionFailed             exit 1  an expression cannot be evaluated with the values of this run
    ├── CommandFailed                exit 1  the command of a step ended with an exit code other than 0
    ├── OutputWrong                  exit 1  a step's outputs are not what it declares
    ├── FilesWrong                   exit 1  host files that a step wants in its box cannot be had
    ├── InputsWrong                  exit 1  what a step gives to another workflow does not fit its inputs
    ├── ItemsWrong                   exit 1  what a step runs for each of is no list, or a list too long
    ├── NeverHeld                    exit 1  a step was repeated as often as it may be, and its condition never held
    ├── NotApproved                  exit 1  somebody said no, or nobody said yes in time
    │   └── NotAnswered              nobody answered, and the spec has no answer for that
    ├── DeployRefused                exit 1  the Prefect server does not take what is deployed
    ├── IllegalMove                  exit 3  a state may not follow the one before it
    ├── Interrupted                  exit 130
    ├── JournalBroken                exit 1  the journal's hash chain does not hold
    ├── ServiceError                 exit 4  something runner needs is missing or unreachable
    │   ├── SandboxMissing           no way to make boxes on this machine (bubblewrap absent, …)
    │   ├── EngineUnavailable        the engine asked for cannot be had
    │   ├── AuditError               the audit log cannot serve
    │   │   ├── AuditOffline         nothing answers there: what is to be delivered waits
    │   │   └── AuditRefused         it answers and will not: its settings, the key or its rights
    │   └── StoreError               the state store cannot serve
    │       ├── StoreLocked          another process holds it
    │       ├── StoreNewer           written by a newer version of runner
    │       ├── StoreFull            no space left on the device
    │       ├── StoreUnserved        what served it has just ended
    │       ├── StoreUnanswered      a request went out and no answer came: its effect is not known
    │       └── StoreConflict        a compare-and-set lost: somebody else moved the record
    │           └── RunRelieved      another process goes on with the run of this one
    │               └── RunTaken     exit 2  and was quicker than this one
    └── BoxError                     exit 1  a box could not do what was asked
        ├── ProviderError            the provider's side failed: another provider may serve
        │   ├── QuotaExhausted       too many boxes at once
        │   │   └── RateLimited      too many requests in a while
        │   ├── ProviderBlocked      credits used up, team blocked
        │   ├── CredentialRefused    bad or missing key
        │   ├── NoCapacity           the provider has no room now
        │   └── ProviderOffline      nothing answers
        ├── BoxGone                  the box died, was killed or ran past its time
        │   ├── BoxCrashed           what held it ended by itself: another provider may serve
        │   └── FilesLost            and took the files of steps that had succeeded along
        ├── CommandTimeout           a command ran past its timeout; its process tree was killed
        ├── BudgetSpent              the sandbox's budget covers no more time in a box
        ├── RequestRefused           the provider says that the request itself is wrong
        │   └── SessionTooLong       a box may not live that long
        └── BoxFileError             a path in the box
            ├── FileMissing
            ├── IsADirectory
            ├── NotADirectory
            ├── FileExists
            └── BoxDiskFull
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class RunnerError(Exception):
    """The base of all errors that runner raises on purpose.

    `message` says what happened and where; `hint` says what to do, best as a command to run.
    Neither may contain a secret's value. `exit_code` is what the command line ends with.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RunnerError):
    """The command line asks for something that cannot be."""

    exit_code = 2


class SpecError(RunnerError):
    """The spec has errors; nothing was run. `diagnostics` holds every finding, sorted."""

    exit_code = 1

    def __init__(self, message: str, diagnostics: Sequence[object] = (), hint: str = "") -> None:
        super().__init__(message, hint)
        self.diagnostics = tuple(diagnostics)


class RunFailed(RunnerError):
    """The run ended, and not in success."""

    exit_code = 1


class ExpressionFailed(RunnerError):
    """An expression cannot be evaluated with the values of this run."""

    exit_code = 1


class CommandFailed(RunnerError):
    """The command of a step ended with an exit code other than 0."""

    exit_code = 1


class OutputWrong(RunnerError):
    """A declared output is missing, has the wrong type, or was never declared; or an artifact matches no file."""

    exit_code = 1


class FilesWrong(RunnerError):
    """Host files that a step wants in its box cannot be had."""

    exit_code = 1


class InputsWrong(RunnerError):
    """What a step gives to another workflow does not fit that workflow's inputs."""

    exit_code = 1


class ItemsWrong(RunnerError):
    """What a step is to run for each of is no list, or a list too long."""

    exit_code = 1


class NeverHeld(RunnerError):
    """A step was repeated as often as it may be, and the condition that ends it never held."""

    exit_code = 1


class NotApproved(RunnerError):
    """A person rejected what a step asked, or nobody answered in time and that means the same."""

    exit_code = 1


class NotAnswered(NotApproved):
    """Nobody answered what a step asked in time, and that fails it."""


class DeployRefused(RunnerError):
    """The Prefect server does not take what is to be deployed, or has something else in its place."""

    exit_code = 1


class IllegalMove(RunnerError):
    """A state machine was asked for a move that its table does not have: a bug in runner."""


class Interrupted(RunnerError):
    """The run was interrupted by the user; its boxes are freed."""

    exit_code = 130


class JournalBroken(RunnerError):
    """The journal's hash chain does not hold: an event was changed, lost or put in."""

    exit_code = 1


class ServiceError(RunnerError):
    """Something that runner needs is missing or unreachable."""

    exit_code = 4


class SandboxMissing(ServiceError):
    """No way to make boxes on this machine; the hint says what to install."""


class EngineUnavailable(ServiceError):
    """The engine asked for cannot be had; the hint says how to get it."""


class AuditError(ServiceError):
    """The audit log cannot serve. The journal in the state store has everything all the same."""


class AuditOffline(AuditError):
    """Nothing answers where the audit log should be, or not in time: the same call may be served later."""


class AuditRefused(AuditError):
    """The audit log answers and will not do it: the key, its rights, or how its collection was made."""


class StoreError(ServiceError):
    """The state store cannot serve."""


class StoreLocked(StoreError):
    """Another process holds the state store; the message says which."""


class StoreNewer(StoreError):
    """The state store was written by a newer version of runner."""


class StoreFull(StoreError):
    """No space left on the device that holds the state store."""


class StoreUnserved(StoreError):
    """Nothing serves the state any more, though something did when it was looked for."""


class StoreUnanswered(StoreError):
    """The request went out and no answer came: whether it had its effect has to be looked up."""


class StoreConflict(StoreError):
    """A compare-and-set lost: the record has another revision than expected."""


class RunRelieved(StoreConflict):
    """Another process goes on with the run of this one, which it took for dead: this one may do nothing more for it."""


class RunTaken(RunRelieved):
    """Two processes wanted to go on with one run, and another one was quicker: this one has done nothing."""

    exit_code = 2


class BoxError(RunnerError):
    """A box could not do what was asked.

    `settled` is set when the run's policies have had their say about it: nobody asks them again.
    """

    exit_code = 1
    settled = False


class ProviderError(BoxError):
    """The provider's side failed, not the step: another provider may serve.

    `retry_after` are the seconds after which the provider wants to be asked again, where it said so.
    """

    retry_after: float | None = None


class QuotaExhausted(ProviderError):
    """Too many boxes at once."""


class RateLimited(QuotaExhausted):
    """Too many requests in a while: the same request may be served a little later."""


class ProviderBlocked(ProviderError):
    """Credits used up, or the team is blocked."""


class CredentialRefused(ProviderError):
    """Bad or missing key."""


class NoCapacity(ProviderError):
    """The provider has no room now."""


class ProviderOffline(ProviderError):
    """Nothing answers where the provider should be."""


class BoxGone(BoxError):
    """The box died, was killed, or ran past its time to live."""


class BoxCrashed(BoxGone):
    """What held the box ended by itself, such as a browser or its tab: another provider may serve."""


class FilesLost(BoxGone):
    """A shared box died after steps had succeeded in it: their files are gone, so repeating is no help."""


class CommandTimeout(BoxError):
    """A command ran past its timeout; its whole process tree was killed."""


class BudgetSpent(BoxError):
    """The sandbox's budget covers no more time in a box."""


class RequestRefused(BoxError):
    """The provider says that the request itself is wrong (bad argument, above the plan)."""


class SessionTooLong(RequestRefused):
    """A box may not live as long as was asked for; `limit` is the most in seconds, where the provider said it."""

    limit: float | None = None


class BoxFileError(BoxError):
    """A path in the box cannot be used as asked; the message names the path."""


class FileMissing(BoxFileError):
    """No such file or folder in the box."""


class IsADirectory(BoxFileError):
    """A file was asked for, and the path is a folder."""


class NotADirectory(BoxFileError):
    """A folder was asked for, and the path is a file."""


class FileExists(BoxFileError):
    """The target exists already."""


class BoxDiskFull(BoxFileError):
    """No space left in the box."""
