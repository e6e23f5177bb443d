"""Why a document was not made searchable, in words for whoever put it there."""

from __future__ import annotations

from footnote.knowledge.models import DocumentStatus
from footnote.knowledge.parsing import Unreadable
from footnote.knowledge.ports import Failure
from footnote.quota import Denial, Denied, Meter

_MB = 2**20

EXHAUSTED = Failure(
    DocumentStatus.QUARANTINED,
    "too_many_attempts",
    "Reading the document was tried several times and never came to an end. It is not tried again.",
)
GONE = Failure(
    DocumentStatus.FAILED,
    "object_gone",
    "The file was removed before it was read. Upload it again.",
    retryable=True,
)
DEPENDENCY = Failure(
    DocumentStatus.FAILED,
    "service_unavailable",
    "A service that is needed for reading was not available, several times. Upload the file again later.",
    retryable=True,
)
DEFECT = Failure(
    DocumentStatus.FAILED,
    "internal_error",
    "Reading the document failed for a reason that lies with Footnote. It has been reported.",
    retryable=True,
)


def unreadable(error: Unreadable) -> Failure:
    """The file cannot be read."""
    status = DocumentStatus.QUARANTINED if error.quarantine else DocumentStatus.FAILED
    return Failure(status, error.code, error.reason)


def too_large(limit: int) -> Failure:
    """The file has more than `limit` bytes."""
    reason = f"The file is larger than {limit // _MB} MB, the most a document may have. Split it up."
    return Failure(DocumentStatus.FAILED, "oversized", reason)


def refused(denied: Denied) -> Failure:
    """A limit of the organization, a member or the platform does not allow the document."""
    denial = denied.denials[0]
    if denial.meter is not Meter.COST:
        return Failure(
            DocumentStatus.FAILED, "quota_exceeded", _over_quota(denial, denied.plan), retryable=True
        )
    if denial.scope == "platform":
        reason = "The service cannot take on new documents right now. Upload the file again later."
        return Failure(DocumentStatus.FAILED, "platform_budget_exceeded", reason, retryable=True)
    whose = "your own budget" if denial.scope == "member" else "the organization's budget"
    reason = (
        f"The month's spending has reached {whose}. An owner of the organization can raise it; then upload"
        " the file again."
    )
    return Failure(DocumentStatus.FAILED, "budget_exceeded", reason, retryable=True)


def _over_quota(denial: Denial, plan: str) -> str:
    taken = (denial.used or 0) + (denial.reserved or 0)
    if denial.meter is Meter.STORAGE_BYTES:
        return (
            f"The plan {plan} holds {_size(denial.limit)} of documents; {_size(taken)} are in use and this"
            f" file needs {_size(denial.requested)} more. Delete documents or choose a larger plan, then"
            " upload it again."
        )
    if denial.meter is Meter.DOCUMENTS:
        return (
            f"The plan {plan} holds {denial.limit} documents, and {taken} are there. Delete some or choose a"
            " larger plan, then upload the file again."
        )
    resets = f" It begins anew at {denial.reset_at:%Y-%m-%d %H:%M} UTC." if denial.reset_at else ""
    name = denial.meter.value.replace("_", " ")
    return (
        f"The plan {plan} has {denial.limit} {name}, of which {taken} are used; this file needs"
        f" {denial.requested}.{resets} Choose a larger plan or wait, then upload it again."
    )


def _size(units: int | None) -> str:
    size = units or 0
    return f"{size / _MB:,.1f} MB" if size >= _MB else f"{size:,} bytes"
