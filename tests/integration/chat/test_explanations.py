"""`GET /chat/messages/{id}/explain`: what is recorded with an answer, and what is told of it later."""

import json
import re
from contextlib import aclosing
from dataclasses import replace
from types import SimpleNamespace

import pytest

from footnote.chat import ChatQuestion, Done, Token
from footnote.chat.explain import AUDIT, Explanations
from footnote.composition import Container
from footnote.models import FallbackGenerator
from footnote.platform.errors import ModelUnavailable
from footnote.platform.ids import new_id
from footnote.platform.settings import Settings
from footnote.stores.postgres.documents import PostgresDocumentStore
from footnote.stores.postgres.provenance import PostgresProvenanceStore
from footnote.stores.secrets.extension import StaticSecrets
from functions.chat.handler import app
from tests.support.chat import QUESTION, NoEmbedder, ScriptedGenerator, answer_of
from tests.support.corpus import FIRST_PAGE, Text, index
from tests.support.functions import FunctionClient
from tests.support.metering import FixedPrices
from tests.support.organizations import new_member, new_organization

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


@pytest.fixture
async def make_services(database, embedder, redis_server):
    """Makes a process's services, as it composes them."""
    made = []

    def make():
        redis = {"port": redis_server.port, "password_secret": "redis"}
        services = Container(Settings(environment="test", redis=redis))
        secrets = StaticSecrets({"redis": redis_server.password})
        services.__dict__ |= {"database": database, "embedder": embedder, "secrets": secrets}
        services.__dict__["prices"] = FixedPrices()
        made.append(services)
        return services

    yield make
    for services in made:
        await services.redis.close()


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
    assert [sentence["verdict"] for sentence in told["sentences"]] == ["supported"]
    assert told["sentences"][0]["text"] in answer.text
    assert told["order"] == sorted({passage["number"] for passage in told["passages"]})
    page = await explain(knowing, answer.message_id, more_headers=HTML)
    assert "sentences: 1 supported" in page
    assert told["search"]["text"] == QUESTION


async def test_every_candidate_is_shown_with_its_ranks_and_why_it_went(make_chat, knowing, explain):
    answer = await answer_of(make_chat(), knowing)
    told = await explain(knowing, answer.message_id)
    candidates = told["candidates"]
    assert [one["final_rank"] for one in candidates] == list(range(1, len(candidates) + 1))
    assert len(candidates) == told["search"]["total"] == 3
    best = candidates[0]
    assert (best["title"], best["is_cited"], best["lexical_rank"], best["dense_rank"]) == (
        "Farol",
        True,
        1,
        1,
    )
    assert all(one["reason"] and one["outcome"] for one in candidates)
    assert told["search"]["understood"]["type"] in {"factual", "keyword", "semantic", "complex"}
    assert all(decision["reason"] for decision in told["search"]["understood"]["decisions"])


async def test_a_repeated_answer_has_a_record_of_its_own_with_the_same_grounds(
    make_services, knowing, explain, module_database
):
    services = make_services()
    first = await services.chat.answer(knowing, ChatQuestion(QUESTION))
    second = await services.chat.answer(knowing, ChatQuestion(QUESTION))
    assert second.metadata.cached
    one, two = await explain(knowing, first.message_id), await explain(knowing, second.message_id)
    assert two["integrity"]["verified"]
    assert two["cache"]["answer"]["way"] == "exact"
    assert two["message_id"] != one["message_id"]
    for name in ("passages", "documents", "candidates", "models", "corpus_version"):
        assert two[name] == one[name], name
    assert two["search"]["repeated"]
    assert two["fallbacks"] == []


async def test_a_repeated_answer_tells_nothing_of_the_one_who_asked_first(
    make_services, knowing, explain, module_database
):
    colleague = new_member(module_database, knowing, knowing.role)
    services = make_services()
    secret = "Can you tell me when the lighthouse of Farol was built?"
    first = await services.chat.answer(knowing, ChatQuestion(secret))
    second = await services.chat.answer(colleague, ChatQuestion(QUESTION))
    assert second.metadata.cache.way == "semantic"
    plain = replace(colleague, permissions=colleague.permissions - {AUDIT})
    told = await explain(plain, second.message_id)
    assert told["candidates"]
    assert told["search"]["understood"] is None
    for mine in (secret, str(first.message_id), str(first.session_id), str(knowing.user_id)):
        assert mine not in json.dumps(told)
    page = await explain(plain, second.message_id, more_headers=HTML)
    assert secret not in page


async def test_an_interrupted_answer_has_its_record(make_chat, knowing, conversations, explain):
    chat = make_chat()
    async with aclosing(chat.orchestrator.stream(knowing, ChatQuestion(QUESTION))) as events:
        async for event in events:
            if isinstance(event, Token):
                break
    (session,) = await conversations.sessions(knowing, before=None, limit=5)
    _, answer = await conversations.messages(knowing, session.id, after=0, limit=5)
    told = await explain(knowing, answer.id)
    assert told["metadata"]["interrupted"]
    assert told["integrity"]["verified"]
    assert told["passages"]


async def test_an_abstained_answer_has_its_record(make_chat, knowing, explain):
    answer = await answer_of(make_chat(), knowing, "What is the boiling point of tungsten?")
    assert answer.metadata.abstained
    told = await explain(knowing, answer.message_id)
    assert told["metadata"]["abstained"]
    assert told["integrity"]["verified"]
    assert not any(passage["cited"] for passage in told["passages"])
    assert told["candidates"]


async def test_an_answer_without_documents_has_its_record(make_chat, knowing, explain):
    answer = await answer_of(make_chat(), knowing, "Hello", enable_rag=False)
    told = await explain(knowing, answer.message_id)
    assert (told["search"], told["passages"], told["documents"]) == (None, [], [])
    assert "No passage was given" in await explain(knowing, answer.message_id, more_headers=HTML)


async def test_a_failed_model_is_named_in_the_record(make_chat, knowing, explain):
    broken = ScriptedGenerator(ModelUnavailable("gone"), name="broken-model")
    chat = make_chat(lambda extractive: FallbackGenerator((broken, extractive)))
    answer = await answer_of(chat, knowing)
    told = await explain(knowing, answer.message_id)
    assert told["models"]["generation"] == {"planned": "broken-model", "used": "extractive"}
    (event,) = told["fallbacks"]
    assert event["stage"] == "generation"
    assert "broken-model was asked first, extractive answered." in event["reason"]


async def test_a_search_without_meaning_says_so(make_chat, knowing, explain):
    answer = await answer_of(make_chat(embedder=NoEmbedder()), knowing)
    told = await explain(knowing, answer.message_id)
    assert told["models"]["embedding"] is None
    assert told["search"]["strategy"] == "lexical"
    assert [event["stage"] for event in told["fallbacks"]] == ["search"]
    assert all(one["dense_rank"] is None for one in told["candidates"])


async def test_a_follow_up_tells_what_was_searched_for(make_chat, knowing, explain):
    chat = make_chat()
    first = await answer_of(chat, knowing)
    answer = await answer_of(chat, knowing, "Who is its keeper?", session_id=first.session_id)
    told = await explain(knowing, answer.message_id)
    assert told["question"] == "Who is its keeper?"
    assert told["search"]["depends"]
    assert told["search"]["reason"]
    assert "history" in told["timings_ms"]


async def test_a_streamed_answer_is_explained_like_any_other(make_chat, knowing, explain):
    done = None
    async for event in make_chat().orchestrator.stream(knowing, ChatQuestion(QUESTION)):
        if isinstance(event, Done):
            done = event.answer
            told = await explain(knowing, done.message_id)  # it is there before the client has read `done`
    assert told["answer"] == done.text


async def test_what_has_become_of_documents_is_told(
    make_chat, context, database, embedder, explain, superuser
):
    kept, changed, deleted = await index(
        database, embedder, context,
        Text("Kept", ["The harbour of Farol lies in the north of the island."]),
        Text("Changed", ["The lighthouse of Farol was built in 1912."]),
        Text("Deleted", ["The keeper of the lighthouse of Farol is Ines Duarte."]),
    )  # fmt: skip
    answer = await answer_of(
        make_chat(), context, "What is known of the lighthouse and the harbour of Farol?"
    )
    await PostgresDocumentStore(database).delete(context, deleted)
    # As a new version leaves it: the pointer switched, the old chunks purged.
    superuser.execute("UPDATE knowledge.documents SET active_version = 4 WHERE document_id = %s", (changed,))
    superuser.execute("DELETE FROM knowledge.chunks WHERE document_id = %s", (changed,))
    told = await explain(context, answer.message_id)
    documents = {one["document_id"]: one for one in told["documents"]}
    assert documents[str(kept)]["standing"] == "current"
    assert documents[str(changed)]["standing"] == "newer_version"
    assert documents[str(changed)]["note"] == "Answered from version 1, now version 4."
    assert documents[str(deleted)]["standing"] == "deleted"
    assert documents[str(deleted)]["current_version"] is None
    validity = {one["document_id"]: one["validity"] for one in told["passages"]}
    assert validity == {str(kept): "valid", str(changed): "outdated", str(deleted): "deleted"}
    assert told["integrity"]["verified"]
    page = await explain(context, answer.message_id, more_headers=HTML)
    assert "Answered from version 1, now version 4." in page


async def test_a_passage_changed_in_place_is_told(make_chat, knowing, explain, superuser):
    answer = await answer_of(make_chat(), knowing)
    superuser.execute(
        "UPDATE knowledge.chunks SET text = replace(text, '1912', '1913') WHERE organization_id = %s",
        (knowing.organization_id,),
    )
    told = await explain(knowing, answer.message_id)
    (cited,) = [passage for passage in told["passages"] if passage["cited"]]
    assert (cited["validity"], cited["text"]) == ("altered", None)
    assert "1912" in cited["cited"][0]["text"]


async def test_a_changed_answer_is_told(make_chat, knowing, explain, superuser):
    answer = await answer_of(make_chat(), knowing)
    superuser.execute(
        "UPDATE chat.messages SET message = replace(message, '1912', '1913') WHERE message_id = %s",
        (answer.message_id,),
    )
    told = await explain(knowing, answer.message_id)
    assert not told["integrity"]["verified"]
    page = await explain(knowing, answer.message_id, more_headers=HTML)
    assert told["integrity"]["problems"][0].split("'")[0] in page


async def test_explanations_are_the_members_own_and_the_auditors(
    make_chat, knowing, explain, module_database, conversations
):
    answer = await answer_of(make_chat(), knowing)
    member, admin = new_member(module_database, knowing), new_member(module_database, knowing, "admin")
    stranger = new_organization(module_database)
    assert (await explain(admin, answer.message_id))["asked_by"] == str(knowing.user_id)
    missing = await explain(member, new_id(), 404)
    for other in (member, stranger):
        refused = await explain(other, answer.message_id, 404)
        assert (refused["code"], refused["message"]) == ("NOT_FOUND", missing["message"])
    await conversations.delete(knowing, answer.session_id)
    for context in (knowing, admin):
        assert (await explain(context, answer.message_id, 404))["code"] == "NOT_FOUND"


async def test_answers_without_a_record_and_questions_say_what_they_are(
    make_chat, knowing, explain, superuser
):
    answer = await answer_of(make_chat(), knowing)
    superuser.execute("SET session_replication_role = replica")
    superuser.execute("DELETE FROM chat.provenance WHERE message_id = %s", (answer.message_id,))
    superuser.execute("SET session_replication_role = origin")
    assert "before records of provenance" in (await explain(knowing, answer.message_id, 404))["message"]
    (question_id,) = superuser.execute(
        "SELECT message_id FROM chat.messages WHERE session_id = %s AND actor = 'user'", (answer.session_id,)
    ).fetchone()
    assert "is a question" in (await explain(knowing, question_id, 404))["message"]


async def test_the_representation_is_negotiated(api, make_chat, knowing):
    path = f"/chat/messages/{(await answer_of(make_chat(), knowing)).message_id}/explain"
    for accept, query, kind in (
        ("*/*", "", "application/json"),
        ("application/json, text/html;q=0.5", "", "application/json"),
        ("text/html, application/json;q=0.5", "", "text/html; charset=utf-8"),
        ("text/html", "?format=json", "application/json"),
        ("application/json", "?format=html", "text/html; charset=utf-8"),
    ):
        response = await api.call(knowing, "GET", path + query, more_headers={"Accept": accept})
        assert response.headers["content-type"] == kind
    assert response.headers["cache-control"] == "no-store"
    refused = await api.call(knowing, "GET", path + "?format=pdf")
    assert refused.json()["code"] == "INVALID_REQUEST"


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>"


async def test_a_page_of_hostile_texts_holds_no_element_of_theirs(
    make_chat, context, database, embedder, explain
):
    text = f"The lighthouse {HOSTILE} was built in 1912."
    await index(database, embedder, context, Text(f"Title {HOSTILE}", [text]))
    answer = await answer_of(make_chat(), context, f"When was the lighthouse built? {HOSTILE}")
    page = await explain(context, answer.message_id, more_headers=HTML)
    known = {
        "a", "article", "blockquote", "body", "caption", "code", "dd", "div", "dl", "dt", "h1", "h2", "h3",
        "head", "html", "link", "main", "mark", "meta", "p", "rect", "section", "style", "svg", "table",
        "tbody", "td", "th", "thead", "title", "tr",
    }  # fmt: skip
    assert set(re.findall(r"<([a-zA-Z][\w-]*)", page)) <= known
    assert set(re.findall(r"<svg[^>]*>", page)) <= {'<svg width="100%" height="12" aria-hidden="true">'}
    assert not re.search(r"<[^>]*\son\w+=", page)
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4  # question, title, passage, candidate
