"""Where answers come from: the record that is stored with each, and how it is checked."""

from footnote.chat.provenance.canonical import canonical, plain, sha256
from footnote.chat.provenance.models import (
    RECORD_SCHEMA,
    Grounds,
    ProvenanceRecord,
    StoredAnswer,
    SuppliedPassage,
)
from footnote.chat.provenance.ports import CurrentState, DocumentState, PassageState, Place, ProvenanceStore
from footnote.chat.provenance.verification import verify

__all__ = [
    "RECORD_SCHEMA",
    "CurrentState",
    "DocumentState",
    "Grounds",
    "PassageState",
    "Place",
    "ProvenanceRecord",
    "ProvenanceStore",
    "StoredAnswer",
    "SuppliedPassage",
    "canonical",
    "plain",
    "sha256",
    "verify",
]
