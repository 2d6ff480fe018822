"""What the Weaviate SDK raises and a Weaviate server answers, in our words. Known by name: no SDK is imported here."""

from __future__ import annotations

import re

from runner.errors import AuditError, AuditOffline, AuditRefused

#: What a server says of an object for its own state rather than for the object's.
ITS_STATE = re.compile(
    r"read-?only|disk|memory|deadline|timed? ?out|unavailable|leader|connect|shut|not ready|not active|"
    r"could not find class|class not found|not found in schema|tenant",
    re.I,
)
#: What it says for the rights of the key.
FORBIDDEN = re.compile(r"forbidden|insufficient permission|unauthorized", re.I)
#: What says that a message was larger than a server takes.
TOO_LARGE = re.compile(r"RESOURCE_EXHAUSTED|larger than max|\b413\b")
_CODE = re.compile(r"StatusCode\.([A-Z_]+)")
_CODES_OF_THEGONE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "INTERNAL"})
#: The SDK's exceptions by name: a key that is refused, a server that is gone, and what neither is.
KEYS = frozenset({"AuthenticationFailedError", "InsufficientPermissionsError", "MissingScopeError"})
GONE = frozenset(
    {
        "WeaviateClosedClientError",
        "WeaviateConnectionError",
        "WeaviateGRPCUnavailableError",
        "WeaviateRetryError",
        "WeaviateStartUpError",
        "WeaviateTimeoutError",
        "ResponseCannotBeDecodedError",
        "EmptyResponseError",
    }
)
OTHERS = frozenset(
    {
        "AdditionalPropertiesError",
        "BackupCanceledError",
        "BackupFailedError",
        "ExportCanceledError",
        "ExportFailedError",
        "InvalidDataModelError",
        "ObjectAlreadyExistsError",
        "SchemaValidationError",
        "UnexpectedStatusCodeError",
        "WeaviateAddInvalidPropertyError",
        "WeaviateAgentsNotInstalledError",
        "WeaviateBatchError",
        "WeaviateBatchFailedToReestablishStreamError",
        "WeaviateBatchSendError",
        "WeaviateBatchStreamError",
        "WeaviateBatchValidationError",
        "WeaviateDeleteManyError",
        "WeaviateEmbeddedInvalidVersionError",
        "WeaviateInsertInvalidPropertyError",
        "WeaviateInsertManyAllFailedError",
        "WeaviateInvalidInputError",
        "WeaviateProtobufIncompatibility",
        "WeaviateQueryError",
        "WeaviateTenantGetError",
        "WeaviateUnsupportedFeatureError",
    }
)


def first_line(text: str) -> str:
    """The beginning of a text that may go on for pages."""
    return (text.strip().splitlines() or ["no reason given"])[0][:300]


def refused_key(name: str) -> AuditRefused:
    """The error for a key that is unknown or may not do what was asked."""
    return AuditRefused(
        f"{name} refuses the key, or the key has no right to do this",
        "Set RUNNER_AUDIT_API_KEY to a key that may read and write the collection.",
    )


def gone(name: str) -> AuditOffline:
    """The error for a server that nobody answers for."""
    return AuditOffline(f"{name} does not answer", "See that the server runs, and RUNNER_AUDIT_URL, RUNNER_AUDIT_GRPC.")


def translated(name: str, error: Exception) -> AuditError:
    """The error for what the SDK raised; `name` is the audit log's."""
    kind, status = type(error).__name__, getattr(error, "status_code", None)
    code = _CODE.search(str(error))
    if isinstance(error, TimeoutError):
        return AuditOffline(f"{name} did not answer in time")
    if status in (401, 403) or kind in KEYS or (code and code[1] in ("UNAUTHENTICATED", "PERMISSION_DENIED")):
        return refused_key(name)
    if (
        kind in GONE
        or (code and code[1] in _CODES_OF_THEGONE)
        or (status is not None and (status >= 500 or status == 429))
    ):
        return gone(name)
    if status is None and code is None and kind not in OTHERS:
        return AuditOffline(f"{name} failed: {kind}")
    details = re.search(r'details = "(.*?)"', str(error))
    return AuditRefused(f"{name} refused: {first_line(details[1] if details else str(error))}")
