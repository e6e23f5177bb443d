"""What knowledge needs of stores. Adapters are in `stores/`; one contract suite runs against each.

Every method takes the `OrganizationContext` and can reach nothing outside of it.
"""

from __future__ import annotations

from footnote.knowledge.ports.documents import Announced, DocumentStore, NewUpload
from footnote.knowledge.ports.ingestion import (
    DuplicateContent,
    Failure,
    IngestionJob,
    IngestionStore,
    KeyOwner,
    ObjectEvent,
    Progress,
    StagedVersion,
    Superseded,
)
from footnote.knowledge.ports.maintenance import Housekeeping, IndexRound, VectorIndexes
from footnote.knowledge.ports.objects import (
    ObjectGone,
    ObjectStore,
    ObjectTooLarge,
    StoredObject,
    UploadTicket,
)
from footnote.knowledge.ports.search import DenseQuery, LexicalQuery, SearchSnapshot, SearchStore

__all__ = [
    "Announced",
    "DenseQuery",
    "DocumentStore",
    "DuplicateContent",
    "Failure",
    "Housekeeping",
    "IndexRound",
    "IngestionJob",
    "IngestionStore",
    "KeyOwner",
    "LexicalQuery",
    "NewUpload",
    "ObjectEvent",
    "ObjectGone",
    "ObjectStore",
    "ObjectTooLarge",
    "Progress",
    "SearchSnapshot",
    "SearchStore",
    "StagedVersion",
    "StoredObject",
    "Superseded",
    "UploadTicket",
    "VectorIndexes",
]
