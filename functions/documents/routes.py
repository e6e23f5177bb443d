"""HTTP of documents."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from footnote.billing import Asked, Bounds, KeptResponse
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.composition.paid import charged, json_response
from footnote.identity import require
from footnote.knowledge import DocumentStatus
from footnote.platform.cursors import decode_cursor, encode_cursor
from footnote.platform.http import Identity
from footnote.platform.idempotency import Paid
from footnote.quota import Meter
from functions.documents.models import AnnouncedDocument, DocumentBody, DocumentPage, DocumentRequest, Upload

router = APIRouter(prefix="/documents", tags=["Documents"], route_class=limited())


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=AnnouncedDocument,
    responses={200: {"model": AnnouncedDocument, "description": "The bytes are known already."}},
)
async def announce_document(body: DocumentRequest, paid: Paid) -> Response:
    """Announces a document; the answer holds a presigned URL to upload it to.

    A call is charged. That there is room for the document is looked at now, to say early where there is none;
    it is taken when the document has been read.
    """
    require(paid.context, "documents:write")
    services = container()
    asked = Asked("documents", body.model_dump(mode="json"), paid.key)
    room = {Meter.DOCUMENTS: 1, Meter.STORAGE_BYTES: body.size_bytes or 0}

    async def announce() -> KeptResponse:
        document, ticket = await services.documents.announce(paid.context, body.to_announcement())
        upload = Upload.of(ticket) if ticket else None
        answer = AnnouncedDocument(document=DocumentBody.of(document), upload=upload)
        code = status.HTTP_201_CREATED if ticket else status.HTTP_200_OK
        return KeptResponse(code, answer.model_dump_json(by_alias=True))

    bounds = Bounds({Meter.API_CALLS: 1, **room}, {})
    return json_response(*await charged(services.charges, paid.context, asked, bounds, announce))


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
