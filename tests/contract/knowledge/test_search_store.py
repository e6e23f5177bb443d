"""What every `SearchStore` promises."""

import math
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from footnote.knowledge import SearchFilters
from footnote.knowledge.documents import Announcement
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from footnote.models import EmbeddingModel
from footnote.platform.errors import TenantLeak
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.search import PostgresSearchStore
from tests.support.ingestion import MODEL, World, word_vector
from tests.support.organizations import open_database

ANYTHING = SearchFilters()
WORDS = [
    "otter", "heron", "newt", "badger", "vole", "marten",
    "stoat", "lynx", "ibex", "chamois", "marmot", "pika",
]  # fmt: skip


def lexical(text, language="en"):
    return LexicalQuery(text, language)


def dense(text, model=MODEL):
    return DenseQuery(word_vector(text), model)


async def candidates(
    world, organization, *, words=None, vector=None, filters=ANYTHING, limit=100, store=None
):
    async with (store or world.search).snapshot(organization) as snapshot:
        found = await snapshot.candidates(words, vector, filters, limit)
        passages = await snapshot.passages([candidate.chunk_id for candidate in found])
    return {passages[candidate.chunk_id].filename: candidate for candidate in found}


def ranking(found, rank):
    ranked = [(getattr(candidate, rank), name) for name, candidate in found.items()]
    return [name for place, name in sorted(item for item in ranked if item[0] is not None)]


@pytest.fixture
async def corpus(world, organization):
    """Forty random documents of few words, by file name."""
    rng = random.Random(7)
    texts = {
        f"{number}.txt": " ".join(rng.choices(WORDS, weights=range(1, 13), k=rng.randint(3, 30)))
        for number in range(40)
    }
    for name, text in texts.items():
        await world.drop(organization, name, text)
    return texts


def reference_bm25(texts, query, k1=1.2, b=0.75):
    """BM25 as in the textbook, over the words that are indexed: title (the name's stem) and text."""
    words = {name: [name.removesuffix(".txt"), *text.split()] for name, text in texts.items()}
    average = sum(map(len, words.values())) / len(words)
    scores = {}
    for name, document in words.items():
        counts = Counter(document)
        scores[name] = 0.0
        for term in set(query.split()):
            df = sum(term in other for other in words.values())
            idf = math.log(1 + (len(words) - df + 0.5) / (df + 0.5))
            tf = counts[term]
            scores[name] += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(document) / average))
    return scores


async def test_bm25_is_that_of_the_textbook(world, organization, corpus):
    found = await candidates(world, organization, words=lexical("otter pika ibex"))
    expected = {name: score for name, score in reference_bm25(corpus, "otter pika ibex").items() if score > 0}
    assert {name: candidate.bm25 for name, candidate in found.items()} == pytest.approx(expected, rel=1e-6)
    assert ranking(found, "lexical_rank") == sorted(expected, key=lambda name: -expected[name])
    assert all(candidate.cosine is None and candidate.dense_rank is None for candidate in found.values())


async def test_cut_posting_lists_change_nothing_in_the_scores(world, organization, corpus):
    """Candidates come from the heads of the lists; their scores are exact nevertheless."""
    short = PostgresSearchStore(
        world.database, RetrievalSettings(champions_per_term=8, rescored=12, candidates=5)
    )
    found = await candidates(world, organization, words=lexical("otter pika ibex lynx"), limit=5, store=short)
    expected = reference_bm25(corpus, "otter pika ibex lynx")
    assert len(found) == 5
    assert {name: candidate.bm25 for name, candidate in found.items()} == pytest.approx(
        {name: expected[name] for name in found}, rel=1e-6
    )


async def test_the_dense_leg_is_exact(world, organization, corpus):
    found = await candidates(world, organization, vector=dense("otter pika"), limit=10)
    query = word_vector("otter pika")
    stems = {name: f"{name.removesuffix('.txt')}\n{text}" for name, text in corpus.items()}
    expected = {
        name: sum(a * b for a, b in zip(query, word_vector(text), strict=True))
        for name, text in stems.items()
    }
    best = sorted(expected, key=lambda name: -expected[name])[:10]
    assert {name: candidate.cosine for name, candidate in found.items()} == pytest.approx(
        {name: expected[name] for name in found}, abs=2e-3
    )
    # Half precision may swap neighbours, never more.
    assert min(expected[name] for name in found) >= expected[best[-1]] - 2e-3
    assert sorted(candidate.dense_rank for candidate in found.values()) == list(range(1, 11))


async def test_each_leg_is_completed_with_the_scores_of_the_other(world, organization, corpus):
    alone_lexical = await candidates(world, organization, words=lexical("ibex"))
    alone_dense = await candidates(world, organization, vector=dense("marmot"))
    both = await candidates(world, organization, words=lexical("ibex"), vector=dense("marmot"), limit=6)
    assert len(both) > 6
    for name, candidate in both.items():
        bm25 = alone_lexical[name].bm25 if name in alone_lexical else 0.0
        assert candidate.bm25 == pytest.approx(bm25)
        assert candidate.cosine == pytest.approx(alone_dense[name].cosine)
    assert len(ranking(both, "lexical_rank")) == len(ranking(both, "dense_rank")) == 6


async def test_a_text_of_unknown_words_has_no_lexical_hits(world, organization, corpus):
    assert await candidates(world, organization, words=lexical("zebra")) == {}
    assert await candidates(world, organization, words=lexical("?!")) == {}
    assert len(await candidates(world, organization, words=lexical("zebra"), vector=dense("zebra"))) == 40


async def test_an_empty_organization_finds_nothing(world, organization):
    assert await candidates(world, organization, words=lexical("otter"), vector=dense("otter")) == {}
    async with world.search.snapshot(organization) as snapshot:
        assert await snapshot.corpus_version() == 0


async def test_another_organization_finds_nothing(world, organization, stranger, corpus):
    assert await candidates(world, stranger, words=lexical("otter"), vector=dense("otter")) == {}
    async with world.search.snapshot(organization) as snapshot:
        ids = [
            candidate.chunk_id for candidate in await snapshot.candidates(lexical("otter"), None, ANYTHING, 9)
        ]
    async with world.search.snapshot(stranger) as snapshot:
        assert await snapshot.passages(ids) == {}


async def test_only_vectors_of_the_same_model_are_compared(world, organization, corpus):
    other = EmbeddingModel(MODEL.name, "another revision", MODEL.dimension)
    assert await candidates(world, organization, vector=dense("otter", other)) == {}
    wider = DenseQuery([1.0, 0.0], EmbeddingModel("two", "1", 2))
    assert await candidates(world, organization, vector=wider) == {}


async def announce(world, organization, name, **described):
    document, ticket = await world.documents.announce(organization, Announcement(name, **described))
    event = world.bucket.put(ticket.url.removeprefix("memory://"), f"Otters, says {name}.".encode())
    await world.ingestion.ingest(event)
    return document.id


async def test_filters_apply_before_anything_is_ranked(world, organization, module_database):
    ids = {
        "plain.txt": await announce(world, organization, "plain.txt"),
        "law.txt": await announce(world, organization, "law.txt", category="law", tags=("old", "final")),
        "new.txt": await announce(world, organization, "new.txt", category="law", tags=("final",)),
    }
    await world.drop(organization, "dropped.txt", "Otters, dropped.")
    last_year = datetime.now(UTC) - timedelta(days=365)
    with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE knowledge.documents SET created_at = %s WHERE document_id = %s",
            (last_year, ids["law.txt"]),
        )
    month_ago = datetime.now(UTC) - timedelta(days=30)
    expected = {
        SearchFilters(): {"plain.txt", "law.txt", "new.txt", "dropped.txt"},
        SearchFilters(category="law"): {"law.txt", "new.txt"},
        SearchFilters(category="Law"): set(),
        SearchFilters(tags=("final",)): {"law.txt", "new.txt"},
        SearchFilters(tags=("final", "old")): {"law.txt"},
        SearchFilters(source="s3"): {"dropped.txt"},
        SearchFilters(source="upload", category="law"): {"law.txt", "new.txt"},
        SearchFilters(date_from=month_ago): {"plain.txt", "new.txt", "dropped.txt"},
        SearchFilters(date_to=month_ago): {"law.txt"},
        SearchFilters(date_from=last_year, date_to=last_year): {"law.txt"},
        SearchFilters(document_ids=(ids["plain.txt"], ids["new.txt"])): {"plain.txt", "new.txt"},
    }
    for filters, names in expected.items():
        # One place only: a filter that came after the ranking would leave it empty.
        for limit in (100, max(len(names), 1)):
            by_words = await candidates(
                world, organization, words=lexical("otters"), filters=filters, limit=limit
            )
            by_vector = await candidates(
                world, organization, vector=dense("otters"), filters=filters, limit=limit
            )
            assert set(by_words) == set(by_vector) == names, filters


async def test_filters_of_others_documents_reveal_nothing(world, organization, stranger):
    document_id = await announce(world, organization, "mine.txt")
    filters = SearchFilters(document_ids=(document_id,))
    assert await candidates(world, stranger, words=lexical("otters"), filters=filters) == {}
    assert await candidates(world, stranger, vector=dense("otters"), filters=filters) == {}


async def test_the_corpus_version_tells_every_change(world, organization):
    async def version():
        async with world.search.snapshot(organization) as snapshot:
            return await snapshot.corpus_version()

    seen = [await version()]
    await world.drop(organization, "a.txt", "First.")
    seen.append(await version())
    await world.drop(organization, "a.txt", "Second.")
    seen.append(await version())
    await world.drop(organization, "b.txt", "Second.")  # a duplicate changes nothing that is searched
    assert await version() == seen[-1]
    await world.documents.delete(organization, (await world.listed(organization))["a.txt"].id)
    seen.append(await version())
    assert seen == sorted(set(seen))


async def test_a_snapshot_does_not_see_what_comes_later(world, organization, module_database):
    await world.drop(organization, "a.txt", "Otters before.")
    database = open_database(module_database)
    writer = World(database, bucket=world.bucket)
    async with world.search.snapshot(organization) as snapshot:
        before = await snapshot.candidates(lexical("otters"), dense("otters"), ANYTHING, 10)
        await writer.drop(organization, "a.txt", "Otters after.")
        after = await snapshot.candidates(lexical("otters"), dense("otters"), ANYTHING, 10)
        assert after == before
        passages = await snapshot.passages([candidate.chunk_id for candidate in after])
        assert [passage.text for passage in passages.values()] == ["Otters before."]
    assert await writer.found(organization, "otters") == ["Otters after."]
    await database.close()


LANGUAGES = [
    ("de", "Die Häuser am Hafen wurden von den Fischern gebaut.", "Wer baute das Haus im Hafen?"),
    ("fr", "Les chevaux de la ferme mangent de l'herbe fraîche.", "Quel cheval mange dans les fermes ?"),
    ("ru", "Корабли приходят в северную гавань зимой.", "Когда корабль приходит в гавани?"),
    ("ja", "北の港は冬のあいだも凍らない。船は毎日着く。", "冬に凍らない港はどこですか"),
    ("zh", "北方港口冬季不结冰，船只每天到达。", "哪个港口冬季不结冰？"),
    ("ko", "북쪽 항구는 겨울에도 얼지 않는다.", "겨울에 얼지 않는 항구"),
    ("th", "ท่าเรือทางเหนือไม่เป็นน้ำแข็งในฤดูหนาว", "ท่าเรือใดไม่เป็นน้ำแข็ง"),
    ("ar", "السفن تصل إلى الميناء الشمالي في الشتاء.", "متى تصل السفينة إلى الموانئ الشمالية؟"),
]


@pytest.mark.parametrize(("language", "text", "question"), LANGUAGES, ids=[item[0] for item in LANGUAGES])
async def test_words_are_found_in_other_languages(world, organization, language, text, question):
    await world.drop(organization, "decoy.txt", "Completely different words of English.")
    await world.drop(organization, "target.txt", text)
    found = await candidates(world, organization, words=lexical(question, language))
    assert set(found) == {"target.txt"}


async def test_accents_and_letter_case_do_not_matter(world, organization):
    await world.drop(organization, "cv.txt", "Her RÉSUMÉ mentions Ångström units.")
    for query in ("resume", "Résumé", "angstrom", "ÅNGSTRÖM"):
        assert await candidates(world, organization, words=lexical(query)), query


async def test_the_title_counts(world, organization):
    await announce(world, organization, "a.txt", title="Quarterly figures")
    assert await candidates(world, organization, words=lexical("quarterly"))


async def test_markup_hides_nothing(world, organization):
    await world.drop(
        organization, "code.txt", "Use <script>List<Widget></script> & call gadget.spin() via I/O."
    )
    for query in ("widget", "script", "spin", "gadget", "O"):
        assert await candidates(world, organization, words=lexical(query)), query


async def test_analysis_gives_terms_and_their_rarity(world, organization, corpus):
    texts = ["Which otters and pikas?", "The otter sleeps.", "", "42"]
    analysed = await world.search.analyze(organization, texts, "en")
    assert analysed.terms == ({"otter", "pika"}, {"otter", "sleep"}, frozenset(), {"42"})
    containing = sum("otter" in text.split() for text in corpus.values())
    assert analysed.idf["otter"] == pytest.approx(math.log(1 + (40 - containing + 0.5) / (containing + 0.5)))
    unknown = await world.search.analyze(organization, ["unheard of"], "en")
    assert unknown.idf == {"unheard": pytest.approx(math.log(1 + 40.5 / 0.5))}
    assert (await world.search.analyze(organization, [], "en")).terms == ()


async def test_analysis_of_another_language_has_both_forms(world, organization):
    analysed = await world.search.analyze(organization, ["Häuser", "dem Hause"], "de")
    assert "haus" in analysed.terms[0]
    assert "haus" in analysed.terms[1]


async def test_a_row_of_another_organization_stops_the_answer(world, organization, stranger):
    """The last line of defence, should policy and filter ever fail at once."""
    await world.drop(organization, "a.txt", "Otters.")
    async with world.search.snapshot(organization) as snapshot:
        (candidate,) = await snapshot.candidates(lexical("otters"), None, ANYTHING, 10)
        genuine = snapshot._rows

        async def leaking(statement, values):
            rows = await genuine(statement, values)
            return [{**row, "organization_id": stranger.organization_id} for row in rows]

        snapshot._rows = leaking
        with pytest.raises(TenantLeak):
            await snapshot.passages([candidate.chunk_id])


async def test_a_context_without_member_searches_as_well(world, organization):
    await world.drop(organization, "a.txt", "Otters.")
    assert await candidates(world, replace(organization, user_id=None), words=lexical("otters"))
