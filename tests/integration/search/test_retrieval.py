"""The retriever on real stores: stages, settings, depth, operators, traces."""

import pytest

from footnote.knowledge import FeatureRanker, Outcome, SearchFilters, load_ensemble
from footnote.knowledge.retrieval import (
    EMBEDDING_UNAVAILABLE,
    PHRASE_NOT_FOUND,
    RERANKER_UNAVAILABLE,
    Retriever,
)
from footnote.models import EmbeddingModel
from footnote.platform.clock import SystemClock
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RetrievalSettings
from tests.support.ingestion import World
from tests.support.organizations import new_organization, open_database

LEAVE = "Employees have thirty days of leave in a year. They agree on it with the manager of their team."
TEXTS = {
    "leave.txt": LEAVE,
    "leave_copy.txt": LEAVE + " Thanks.",
    "travel.txt": "Travel is booked by the office. Employees travel by train where they can.",
    "bakery.txt": "The bakery opens at six. It sells bread made of rye to employees and guests.",
}


@pytest.fixture(scope="module")
async def world(module_database):
    database = open_database(module_database)
    yield World(database)
    await database.close()


@pytest.fixture(scope="module")
async def organization(module_database, world):
    context = new_organization(module_database)
    for name, text in TEXTS.items():
        await world.drop(context, name, text)
    return context


class Scores:
    """A reranker that likes what it is told to."""

    name = "told"

    def __init__(self, word):
        self.word = word
        self.asked = []

    async def score(self, query, passages):
        if self.word is None:
            raise ModelUnavailable("down")
        self.asked.append((query, list(passages)))
        return [float(self.word in passage) for passage in passages]


def retriever(world, *, reranker=None, ranker=None, **changes):
    settings = RetrievalSettings(**changes)
    return Retriever(world.search, world.embedder, settings, SystemClock(), ranker=ranker, reranker=reranker)


def names(found):
    return [one.passage.filename for one in found.passages]


async def test_the_learned_ranker_ranks_and_says_so(world, organization):
    search = retriever(world, ranker=FeatureRanker(load_ensemble()))
    found = await search.retrieve(organization, "How many days of leave do employees have?", limit=3)
    assert names(found)[0] in {"leave.txt", "leave_copy.txt"}
    assert found.trace.reranker.startswith("features-")
    assert {one.rerank_rank for one in found.trace.candidates} == {1, 2, 3, 4}
    assert {"embed", "search", "passages", "evidence", "rank", "join"} <= set(found.timings_ms)
    assert all(one.sentences for one in found.passages)


async def test_copies_are_dropped_and_accounted_for(world, organization):
    found = await retriever(world).retrieve(organization, "days of leave")
    assert len({"leave.txt", "leave_copy.txt"} & set(names(found))) == 1
    dropped = [one for one in found.trace.candidates if one.outcome is Outcome.NEAR_DUPLICATE]
    assert len(dropped) == 1
    assert "Says the same" in dropped[0].reason
    both = await retriever(world, near_duplicates=None).retrieve(organization, "days of leave")
    assert {"leave.txt", "leave_copy.txt"} <= set(names(both))
    asked_for_four = await retriever(world).retrieve(organization, "days of leave", limit=4)
    assert len(names(asked_for_four)) == 4


async def test_a_cross_encoder_is_asked_with_title_and_text_and_blended(world, organization):
    told = Scores("rye")
    found = await retriever(world, reranker=told).retrieve(organization, "days of leave", limit=3)
    assert names(found)[0] == "bakery.txt"
    assert found.trace.reranker == "told"
    ((query, passages),) = told.asked
    assert query == "days of leave"
    assert any(passage.startswith("leave\nEmployees have") for passage in passages)
    off = await retriever(world, reranker=told, rerank="off").retrieve(organization, "days of leave", limit=3)
    assert off.trace.reranker is None
    assert names(off)[0] != "bakery.txt"


async def test_without_the_cross_encoder_the_learned_ranker_goes_on(world, organization):
    search = retriever(world, reranker=Scores(None), ranker=FeatureRanker(load_ensemble()))
    found = await search.retrieve(organization, "days of leave", limit=3)
    assert found.degraded == RERANKER_UNAVAILABLE
    assert found.trace.reranker.startswith("features-")


async def test_without_the_embedding_model_words_go_on(world, organization):
    world.embedder.is_down = True
    try:
        found = await retriever(world, ranker=FeatureRanker(load_ensemble())).retrieve(organization, "leave")
        with pytest.raises(ModelUnavailable):
            await retriever(world).retrieve(organization, "leave", strategy="vector")
    finally:
        world.embedder.is_down = False
    assert (found.strategy, found.degraded) == ("lexical", EMBEDDING_UNAVAILABLE)
    assert "leave.txt" in names(found) or "leave_copy.txt" in names(found)


async def test_while_vectors_are_made_anew_words_decide(world, organization, monkeypatch):
    async def other():
        return EmbeddingModel("hashing", "2", 384)

    monkeypatch.setattr(world.embedder, "model", other)
    found = await retriever(world, ranker=FeatureRanker(load_ensemble())).retrieve(
        organization, "days of leave"
    )
    assert names(found)[0] in {"leave.txt", "leave_copy.txt"}
    assert found.trace.reranker is None
    assert {one.sentences for one in found.passages} == {()}


async def test_operators_confine_both_legs(world, organization):
    search = retriever(world, near_duplicates=None)
    found = await search.retrieve(organization, 'employees -"days of leave"', limit=10)
    assert set(names(found)) == {"travel.txt", "bakery.txt"}
    found = await search.retrieve(organization, '"bread made of rye"', limit=10)
    assert names(found) == ["bakery.txt"]
    found = await search.retrieve(organization, "employees title:travel", limit=10)
    assert names(found) == ["travel.txt"]


async def test_a_remembered_wording_within_a_question_is_not_required_to_the_letter(world, organization):
    search = retriever(world)
    found = await search.retrieve(organization, 'Who wrote "thirty two days of leave" for all employees?')
    assert found.degraded == PHRASE_NOT_FOUND
    assert names(found)[0] in {"leave.txt", "leave_copy.txt"}
    strict = await search.retrieve(organization, '"thirty two days of leave"')
    assert (strict.passages, strict.degraded) == ((), None)


async def test_filters_of_request_and_query_hold_together(world, organization):
    search = retriever(world)
    category = SearchFilters(category="none")
    found = await search.retrieve(organization, "employees category:other", filters=category, limit=10)
    assert found.passages == ()
    assert found.trace.filters.category == "none"
    assert any(decision.aspect == "filter" for decision in found.trace.analysis.decisions)


async def test_depth_follows_the_question_unless_it_is_given(world, organization):
    search = retriever(world, near_duplicates=None)
    few = await search.retrieve(organization, "employees leave")
    many = await search.retrieve(
        organization,
        "Compare the rules for leave with those for travel, and say why they differ for employees.",
    )
    assert few.trace.analysis.depth == len(few.passages) == 3
    assert many.trace.analysis.depth >= 10
    assert len(many.passages) == 4
    assert len((await search.retrieve(organization, "employees leave", limit=1)).passages) == 1


async def test_neighbours_follow_the_passage_they_stand_next_to(module_database, world):
    context = new_organization(module_database)
    chapters = [f"Chapter {n}\n\n" + f"Rule {n} is about topic{n}. " * 40 for n in range(4)]
    await world.drop(context, "book.txt", "\n\n".join(chapters))
    found = await retriever(world, neighbours=1, near_duplicates=None).retrieve(context, "topic2", limit=1)
    first, *others = found.passages
    assert first.neighbour_of is None
    assert others
    assert {one.neighbour_of for one in others} == {first.passage.chunk_id}
    assert {abs(one.passage.ordinal - first.passage.ordinal) for one in others} == {1}
