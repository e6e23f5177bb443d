"""What has become of a document and of a passage since an answer was given, in words."""

from __future__ import annotations

from footnote.chat.explain.models import Standing, Validity
from footnote.chat.provenance import DocumentState, PassageState


def document_standing(version: int, now: DocumentState | None) -> tuple[Standing, str]:
    """Where the document stands against the version that was read.

    Args:
        version: The version that was read.
        now: The document as it is, or `None` if nothing is left of it.
    """
    if now is None:
        return "gone", f"Answered from version {version}; nothing of the document is left."
    if now.deleted_at is not None:
        return "deleted", f"Answered from version {version}; deleted on {now.deleted_at:%Y-%m-%d}."
    if now.active_version is None:
        return "not_searched", f"Answered from version {version}; no version of it is searched now."
    if now.active_version != version:
        return "newer_version", f"Answered from version {version}, now version {now.active_version}."
    return "current", f"Answered from version {version}, which is the current one."


def passage_validity(
    version: int, sha256: str, now: PassageState | None, document: DocumentState | None
) -> tuple[Validity, str]:
    """Whether a passage still says what was cited.

    Args:
        version: The document's version that it was read in.
        sha256: Of its text then.
        now: The same chunk as it is, or `None` if the state is not known.
        document: Its document as it is.
    """
    if document is None or document.deleted_at is not None:
        return "deleted", "The document was deleted; the citation can no longer be followed."
    if now is None:
        return "unknown", "Nothing is known of the passage."
    if now.sha256 is not None and now.sha256 != sha256:
        return "altered", "The stored passage is not the one that was read: its text was changed in place."
    if now.stands:
        return _standing(version, document)
    if document.active_version is None:
        return "outdated", "No version of the document is searched now."
    return "outdated", f"The passage is not in version {document.active_version} as it was read."


def _standing(version: int, document: DocumentState) -> tuple[Validity, str]:
    if document.active_version == version:
        return "valid", "The passage stands unchanged in the document's current version."
    return "moved", f"The passage stands unchanged in version {document.active_version} too."
