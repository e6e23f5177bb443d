"""What ranking asks of every `SearchSnapshot`: places of words, likeness of chunks, neighbours."""

import math

import pytest

from footnote.knowledge import SearchFilters
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from tests.support.ingestion import MODEL, word_vector

TEXTS = {
    "otter.txt": "The otter sleeps. An old otter swims at night beside the heron.",
    "heron.txt": "A heron waits.",
    "rye.txt": "Bread of rye.",
}


@pytest.fixture
async def chunks(world, organization):
    """Chunk ids by file name."""
    for name, text in TEXTS.items():
        await world.drop(organization, name, text)
    return await chunks_of(world, organization)


async def chunks_of(world, organization):
    query = DenseQuery(word_vector("anything"), MODEL)
    async with world.search.snapshot(organization) as snapshot:
        found = await snapshot.candidates(None, query, SearchFilters(), 1000)
        passages = await snapshot.passages([one.chunk_id for one in found])
    return {passage.filename: chunk_id for chunk_id, passage in passages.items()}


async def evidence(world, organization, query, chunk_ids, leaders=()):
    async with world.search.snapshot(organization) as snapshot:
        return await snapshot.evidence(LexicalQuery(query, "en"), chunk_ids, leaders)


async def test_terms_come_in_the_query_s_order_with_their_rarity(world, organization, chunks):
    found = await evidence(world, organization, "old herons and unicorns, old otters", list(chunks.values()))
    assert [(term.term, term.positions) for term in found.terms] == [
        ("old", (1, 5)), ("heron", (2,)), ("unicorn", (4,)), ("otter", (6,)),
    ]  # fmt: skip
    rarity = {term.term: term.idf for term in found.terms}
    assert rarity["heron"] == pytest.approx(math.log(1 + (3 - 2 + 0.5) / 2.5))
    assert rarity["unicorn"] == pytest.approx(math.log(1 + 3.5 / 0.5))


async def test_places_are_those_in_title_and_text(world, organization, chunks):
    found = await evidence(world, organization, "otter heron", [chunks["otter.txt"], chunks["rye.txt"]])
    # otter (the title) the otter sleeps an old otter swims at night beside the heron
    assert found.chunks[chunks["otter.txt"]].positions == {0: [1, 3, 7], 1: [13]}
    assert found.chunks[chunks["rye.txt"]].positions == {}
    assert found.chunks[chunks["otter.txt"]].length == 9


async def test_words_of_two_languages_are_not_counted_twice(world, organization):
    text = "Der Leuchtturm steht in Hamburg. Der alte Leuchtturm hat einen Garten am Ufer."
    await world.drop(organization, "turm.txt", text)
    (chunk,) = (await chunks_of(world, organization)).values()
    async with world.search.snapshot(organization) as snapshot:
        found = await snapshot.evidence(LexicalQuery("Leuchtturm in Hamburg", "de"), [chunk], ())
    positions = {found.terms[number].term: places for number, places in found.chunks[chunk].positions.items()}
    assert len(positions["leuchtturm"]) == 2
    assert len(positions["hamburg"]) == 1
    assert {len(term.positions) for term in found.terms} == {1}


async def test_leaders_are_compared_in_their_order(world, organization, chunks):
    leaders = [chunks["heron.txt"], chunks["otter.txt"]]
    found = await evidence(world, organization, "otter", list(chunks.values()), leaders)
    vectors = {name: word_vector(f"{name.removesuffix('.txt')}\n{text}") for name, text in TEXTS.items()}
    for name, chunk_id in chunks.items():
        expected = [
            sum(a * b for a, b in zip(vectors[name], vectors[other], strict=True))
            for other in ("heron.txt", "otter.txt")
        ]
        assert found.chunks[chunk_id].leaders == pytest.approx(expected, abs=2e-3)


async def test_a_query_without_words_has_no_terms(world, organization, chunks):
    found = await evidence(world, organization, "the of and", list(chunks.values()))
    assert found.terms == ()
    assert all(chunk.positions == {} for chunk in found.chunks.values())


async def test_nobody_sees_another_organization_s_chunks(world, organization, stranger, chunks):
    found = await evidence(world, stranger, "otter", list(chunks.values()), list(chunks.values()))
    assert found.chunks == {}
    async with world.search.snapshot(stranger) as snapshot:
        assert await snapshot.neighbours(list(chunks.values()), 5) == []


async def test_neighbours_are_chunks_of_the_same_version_nearby(world, organization):
    pages = [
        f"Chapter {number}\n\n" + f"Fact {number} about otters is told here. " * 30 for number in range(6)
    ]
    await world.drop(organization, "book.txt", "\n\n".join(pages))
    await world.drop(organization, "other.txt", "Another document about otters.")
    query = DenseQuery(word_vector("otters"), MODEL)
    async with world.search.snapshot(organization) as snapshot:
        found = await snapshot.candidates(None, query, SearchFilters(), 1000)
        passages = await snapshot.passages([one.chunk_id for one in found])
        book = {p.ordinal: chunk for chunk, p in passages.items() if p.filename == "book.txt"}
        pairs = await snapshot.neighbours([book[2]], 1)
        assert {other for _, other in pairs} == {book[1], book[3]}
        assert {other for _, other in await snapshot.neighbours([book[0]], 2)} == {book[1], book[2]}
