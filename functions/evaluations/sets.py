"""HTTP of golden sets."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.http import Identity
from functions.evaluations.models import (
    IdempotencyKey,
    MessageRequest,
    QuestionBody,
    Questions,
    QuestionsRequest,
    SetBody,
    SetRequest,
    Sets,
    creation,
)

router = APIRouter(route_class=limited())


@router.post(
    "/sets",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"model": SetBody, "description": "It was made by this request before."}},
)
async def create_set(
    body: SetRequest, context: Identity, response: Response, key: IdempotencyKey = None
) -> SetBody:
    """Makes an empty golden set; an organization has at most 50."""
    require(context, "evaluation:write")
    golden, is_new = await container().golden_sets.create(
        context, body.name, body.description or "", creation(key, body)
    )
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return SetBody.of(golden)


@router.get("/sets")
async def list_sets(context: Identity) -> Sets:
    """All golden sets of the organization, newest first."""
    require(context, "evaluation:read")
    return Sets(sets=[SetBody.of(golden) for golden in await container().golden_set_store.sets(context)])


@router.get("/sets/{set_id}")
async def get_set(set_id: UUID, context: Identity) -> SetBody:
    """One golden set, without its questions."""
    require(context, "evaluation:read")
    return SetBody.of(await container().golden_set_store.get_set(context, set_id))


@router.delete("/sets/{set_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_set(set_id: UUID, context: Identity) -> None:
    """Deletes a golden set with its questions, runs and gates; what went live through it stays live."""
    require(context, "evaluation:write")
    await container().golden_set_store.delete_set(context, set_id)


@router.put("/sets/{set_id}/questions")
async def replace_questions(set_id: UUID, body: QuestionsRequest, context: Identity) -> SetBody:
    """Replaces all questions of a set: at most 1,000. Runs that wait or are running keep the old ones."""
    require(context, "evaluation:write")
    questions = [question.to_question(set_id) for question in body.questions]
    return SetBody.of(await container().golden_sets.replace_questions(context, set_id, questions))


@router.get("/sets/{set_id}/questions")
async def list_questions(
    set_id: UUID,
    context: Identity,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Questions:
    """The questions of a set, in their order."""
    require(context, "evaluation:read")
    found = await container().golden_set_store.questions(context, set_id, after=after, limit=limit + 1)
    page = found[:limit]
    return Questions(
        questions=[QuestionBody.of(question) for _, question in page],
        next_after=page[-1][0] if len(found) > limit else None,
    )


@router.post("/sets/{set_id}/questions/from-message", status_code=status.HTTP_201_CREATED)
async def add_from_message(set_id: UUID, body: MessageRequest, context: Identity) -> QuestionBody:
    """Makes a question of one's own conversation a golden one, by a verdict on its answer."""
    require(context, "evaluation:write")
    question = await container().golden_sets.add_from_message(
        context, set_id, body.message_id, body.verdict, body.answers, body.document_ids
    )
    return QuestionBody.of(question)
