"""Vectors of sentences: stored with their chunks, gone with them, compared by every `SearchSnapshot`."""

import struct
from dataclasses import replace

import psycopg
import pytest

from footnote.knowledge import SearchFilters, sentence_spans
from footnote.knowledge.chunking import chunk
from footnote.knowledge.ports import DenseQuery
from footnote.models import EmbeddingModel, PassageVectors
from footnote.platform.errors import TenantLeak
from footnote.stores.postgres.housekeeping import PostgresHousekeeping
from tests.support.ingestion import MODEL, word_vector
from tests.support.organizations import open_database

TEXT = (
    "The ferry leaves at nine.\n\nThe otter sleeps until noon. Nobody wakes it.\n\n"
    "A heron stands in the reeds."
)


@pytest.fixture
def rows(module_database):
    connection = psycopg.connect(module_database.superuser_dsn, autocommit=True)
    yield lambda statement, *values: connection.execute(statement, values or None).fetchall()
    connection.close()


def stored(rows, organization):
    """Texts of the sentences that have vectors, by chunk."""
    found = rows(
        "SELECT c.text, s.starts, s.ends FROM knowledge.chunk_sentences s"
        " JOIN knowledge.chunks c USING (organization_id, chunk_id)"
        " WHERE organization_id = %s ORDER BY c.document_id, c.version, c.ordinal",
        organization.organization_id,
    )
    return [
        [text[start:end] for start, end in zip(starts, ends, strict=True)] for text, starts, ends in found
    ]


async def chunk_ids(world, organization):
    async with world.search.snapshot(organization) as snapshot:
        query = DenseQuery(word_vector("anything"), MODEL)
        found = await snapshot.candidates(None, query, SearchFilters(), 1000)
    return sorted(candidate.chunk_id for candidate in found)


async def cosines(world, organization, chunks, *questions, model=MODEL):
    async with world.search.snapshot(organization) as snapshot:
        return await snapshot.sentence_cosines(
            chunks, [DenseQuery(word_vector(question), model) for question in questions]
        )


def dot(one, other):
    return sum(a * b for a, b in zip(word_vector(one), word_vector(other), strict=True))


async def test_every_sentence_is_stored(world, organization, rows):
    await world.drop(organization, "a.txt", TEXT)
    assert stored(rows, organization) == [[TEXT[start:end] for start, end in sentence_spans(TEXT)]]


async def test_a_long_document_is_stored_in_parts_with_all_of_its_sentences(world, organization, rows):
    text = "\n\n".join(
        " ".join(f"Sentence {part} of paragraph {number} is about rivers." for part in range(20))
        for number in range(80)
    )
    await world.drop(organization, "long.txt", text)
    chunks = rows(
        "SELECT text FROM knowledge.chunks WHERE organization_id = %s ORDER BY ordinal",
        organization.organization_id,
    )
    assert len(chunks) > 64
    expected = [[chunk[start:end] for start, end in sentence_spans(chunk)] for (chunk,) in chunks]
    assert stored(rows, organization) == expected


async def test_each_sentence_is_compared_with_each_vector(world, organization):
    await world.drop(organization, "a.txt", TEXT)
    await world.drop(organization, "b.txt", "A marmot whistles. The otter listens.")
    chunks = await chunk_ids(world, organization)
    questions = ("when does the otter sleep", "the heron in the reeds")
    found = await cosines(world, organization, chunks, *questions)
    async with world.search.snapshot(organization) as snapshot:
        passages = await snapshot.passages(chunks)
    assert set(found) == set(chunks)
    for chunk_id, scores in found.items():
        text = passages[chunk_id].text
        assert [(score.start, score.end) for score in scores] == sentence_spans(text)
        for score in scores:
            expected = [dot(text[score.start : score.end], question) for question in questions]
            assert score.cosines == pytest.approx(expected, abs=2e-3)
    alone = await cosines(world, organization, chunks[:1], questions[1])
    assert [score.cosines for score in alone[chunks[0]]] == [score.cosines[1:] for score in found[chunks[0]]]


async def test_without_chunks_or_vectors_there_is_nothing_to_compare(world, organization):
    await world.drop(organization, "a.txt", TEXT)
    assert await cosines(world, organization, [], "otter") == {}
    assert await cosines(world, organization, await chunk_ids(world, organization)) == {}


async def test_only_vectors_of_the_same_model_are_compared(world, organization):
    await world.drop(organization, "a.txt", TEXT)
    chunks = await chunk_ids(world, organization)
    other = replace(MODEL, revision="another")
    assert await cosines(world, organization, chunks, "otter", model=other) == {}
    wider = DenseQuery([1.0, 0.0], EmbeddingModel("two", "1", 2))
    async with world.search.snapshot(organization) as snapshot:
        assert await snapshot.sentence_cosines(chunks, [wider]) == {}
        with pytest.raises(ValueError, match="one model"):
            await snapshot.sentence_cosines(chunks, [wider, DenseQuery(word_vector("a"), MODEL)])


async def test_chunks_that_were_stored_without_are_absent(world, organization, rows):
    await world.drop(organization, "a.txt", TEXT)
    await world.drop(organization, "b.txt", "The otter swims.")
    chunks = await chunk_ids(world, organization)
    rows("DELETE FROM knowledge.chunk_sentences WHERE chunk_id = %s RETURNING chunk_id", chunks[0])
    assert list(await cosines(world, organization, chunks, "otter")) == chunks[1:]


async def test_a_document_may_be_stored_without(world, organization, rows):
    def bare(parsed, settings):
        return [replace(draft, sentences=()) for draft in chunk(parsed, settings)]

    event = world.bucket.put(world.key(organization, "a.txt"), TEXT.encode())
    await world.make_ingestion(chunk=bare).ingest(event)
    assert await world.found(organization, "otter") == [TEXT]
    assert stored(rows, organization) == []


async def test_numbers_are_rounded_to_half_precision_and_nothing_else(world, organization, rows):
    await world.drop(organization, "a.txt", TEXT)
    (whole, sentences), *others = rows(
        "SELECT v.embedding::real[], ARRAY(SELECT x::real[] FROM unnest(s.vectors) x)::real[]"
        " FROM knowledge.chunk_vectors v JOIN knowledge.chunk_sentences s USING (organization_id, chunk_id)"
        " WHERE organization_id = %s",
        organization.organization_id,
    )
    assert others == []
    texts = [f"a\n{TEXT}", *(TEXT[start:end] for start, end in sentence_spans(TEXT))]
    halves = struct.Struct(f"{MODEL.dimension}e")
    for text, kept in zip(texts, [whole, *sentences], strict=True):
        assert kept == pytest.approx(halves.unpack(halves.pack(*word_vector(text))), rel=1e-6)


async def test_anothers_sentences_do_not_exist(world, organization, stranger):
    await world.drop(organization, "a.txt", TEXT)
    chunks = await chunk_ids(world, organization)
    assert await cosines(world, stranger, chunks, "otter") == {}
    async with world.search.snapshot(organization) as snapshot:
        genuine = snapshot._rows

        async def leaking(statement, values):
            rows = await genuine(statement, values)
            return [{**row, "organization_id": stranger.organization_id} for row in rows]

        snapshot._rows = leaking
        with pytest.raises(TenantLeak):
            await snapshot.sentence_cosines(chunks, [DenseQuery(word_vector("otter"), MODEL)])


async def test_a_new_version_has_its_own_and_the_old_ones_go_with_it(
    world, organization, rows, module_database
):
    await world.drop(organization, "a.txt", "The first text. It was short.")
    before = await chunk_ids(world, organization)
    await world.drop(organization, "a.txt", "The second text.")
    assert stored(rows, organization) == [["The first text.", "It was short."], ["The second text."]]
    after = await chunk_ids(world, organization)
    assert not set(before) & set(after)
    jobs = open_database(module_database, role="footnote_jobs")
    await PostgresHousekeeping(jobs).purge_versions(-1, 100)
    assert stored(rows, organization) == [["The second text."]]
    await world.documents.delete(organization, (await world.listed(organization))["a.txt"].id)
    await PostgresHousekeeping(jobs).purge_documents(-1, 100)
    await jobs.close()
    assert stored(rows, organization) == []


async def test_sentences_without_their_vectors_are_never_stored(world, organization):
    """Spans and vectors go together: an embedder that gives too few of them stops the document."""

    class Forgetful:
        async def model(self):
            return MODEL

        async def embed_passages_with_sentences(self, texts, spans):
            return [PassageVectors(word_vector(text), [word_vector("one")]) for text in texts]

    event = world.bucket.put(world.key(organization, "a.txt"), TEXT.encode())
    with pytest.raises(ValueError, match="has 4 sentences and 1 vectors"):
        await world.make_ingestion(embedder=Forgetful()).ingest(event)
    assert await world.found(organization, "otter") == []
