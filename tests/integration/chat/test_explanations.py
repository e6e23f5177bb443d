"""`GET /chat/messages/{id}/explain`: what is recorded with an answer, and what is told of it later."""

import asyncio
import json
import re
from contextlib import aclosing
from types import SimpleNamespace

import psycopg
import pytest

from footnote.chat import ChatQuestion, Done, Token
from footnote.chat.explain import Explanations
from footnote.models import FallbackGenerator, GenerationDelta
from footnote.platform.errors import ModelUnavailable
from footnote.platform.ids import new_id
from footnote.stores.postgres.documents import PostgresDocumentStore
from footnote.stores.postgres.provenance import PostgresProvenanceStore
from functions.chat.handler import app
from tests.support.chat import ScriptedGenerator
from tests.support.corpus import FAROL, FIRST_PAGE, Text, index
from tests.support.functions import FunctionClient
from tests.support.organizations import new_member, new_organization

QUESTION = "When was the lighthouse of Farol built?"
HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def api(monkeypatch, database):
    services = SimpleNamespace(explanations=Explanations(PostgresProvenanceStore(database)))
    monkeypatch.setattr("functions.chat.routes.container", lambda: services)
    return FunctionClient(app)


@pytest.fixture
def explain(api):
    async def explain(context, message_id, status=200, **options):
        response = await api.call(context, "GET", f"/chat/messages/{message_id}/explain", **options)
        assert response.status_code == status, response.text
        return response.json() if "json" in response.headers["content-type"] else response.text

    return explain


async def answer_of(chat, context, message=QUESTION, **options):
    return await chat.orchestrator.answer(context, ChatQuestion(message, **options))


def finished(text="", **options):
    return GenerationDelta(text, finished=True, model="scripted", finish_reason="stop", **options)


async def test_an_answer_is_explained_from_its_record(make_chat, knowing, explain):
    answer = await answer_of(make_chat(), knowing)
    told = await explain(knowing, answer.message_id)
    assert (told["question"], told["answer"]) == (QUESTION, answer.text)
    assert told["metadata"] == json.loads(json.dumps(answer.metadata.as_json()))
    assert told["integrity"]["verified"], told["integrity"]["problems"]
    assert re.fullmatch("[0-9a-f]{64}", told["integrity"]["digest"])
    assert told["models"]["generation"] == {"planned": "extractive", "used": "extractive"}
    assert "MiniLM" in told["models"]["embedding"]["name"]
    assert told["timings_ms"]["total"] == answer.metadata.response_time_ms
    assert {"understand", "search", "context", "write"} <= set(told["timings_ms"])
    assert told["corpus_version"] > 0
    (cited,) = [passage for passage in told["passages"] if passage["cited"]]
    source = answer.sources[0]
    assert [(one["start"], one["end"], one["text"]) for one in cited["cited"]] == [
        (piece.start, piece.end, piece.text) for piece in source.evidence
    ]
    assert (cited["number"], cited["location"], cited["validity"]) == (source.number, "page 1", "valid")
    assert cited["text"] == FIRST_PAGE
    assert {document["standing"] for document in told["documents"]} == {"current"}
    assert told["search"]["text"] == QUESTION


async def test_every_candidate_is_shown_with_its_ranks_and_why_it_went(make_chat, knowing, explain):
    answer = await answer_of(make_chat(), knowing)
    told = await explain(knowing, answer.message_id)
    candidates = told["candidates"]
    assert [one["final_rank"] for one in candidates] == list(range(1, len(candidates) + 1))
    assert len(candidates) == told["search"]["total"] == 3
    best = candidates[0]
    assert (best["title"], best["is_cited"], best["lexical_rank"], best["dense_rank"]) == ("Farol", True, 1, 1)
    assert all(one["reason"] and one["outcome"] for one in candidates)
    assert told["search"]["understood"]["type"] in {"factual", "keyword", "semantic", "complex"}
    assert all(decision["reason"] for decision in told["search"]["understood"]["decisions"])
