"""HTTP of documents."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.knowledge import DocumentStatus
from footnote.platform.cursors import decode_cursor, encode_cursor
from footnote.platform.http import Identity
from functions.documents.models import AnnouncedDocument, DocumentBody, DocumentPage, DocumentRequest, Upload

router = APIRouter(prefix="/documents", tags=["Documents"], dependencies=[limited()])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"model": AnnouncedDocument, "description": "The bytes are known already."}},
)
async def announce_document(
    body: DocumentRequest, context: Identity, response: Response
) -> AnnouncedDocument:
    """Announces a document; the answer holds a presigned URL to upload it to."""
    require(context, "documents:write")
    document, ticket = await container().documents.announce(context, body.to_announcement())
    if ticket is None:
        response.status_code = status.HTTP_200_OK
    return AnnouncedDocument(document=DocumentBody.of(document), upload=Upload.of(ticket) if ticket else None)


@router.get("")
async def list_documents(
    context: Identity,
    status: Annotated[DocumentStatus | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> DocumentPage:
    """The organization's documents, newest first; duplicates only where they are asked for."""
    require(context, "documents:read")
    before = decode_cursor(cursor) if cursor else None
    found, more = await container().documents.page(context, status=status, before=before, limit=limit)
    next_cursor = encode_cursor(found[-1].created_at, found[-1].id) if more else None
    return DocumentPage(documents=[DocumentBody.of(document) for document in found], next_cursor=next_cursor)


@router.get("/{document_id}")
async def get_document(document_id: UUID, context: Identity) -> DocumentBody:
    """One document: how far it is, and why it failed if it did."""
    require(context, "documents:read")
    return DocumentBody.of(await container().documents.get(context, document_id))


@router.delete("/{document_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_document(document_id: UUID, context: Identity) -> None:
    """Deletes a document; it answers no question from this moment on."""
    require(context, "documents:delete")
    await container().documents.delete(context, document_id)
