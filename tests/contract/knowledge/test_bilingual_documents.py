"""A document in two languages: each chunk is stored, and searched, in its own."""

import pytest

from footnote.knowledge import SearchFilters
from footnote.knowledge.filters import TextConstraints
from footnote.knowledge.ports import LexicalQuery

ENGLISH = (
    "The workshop repairs bicycles of every make. Members bring them in the morning and fetch them when "
    "the mechanics have finished. Repairs that take longer than a day are announced on the board. "
)
GERMAN = (
    "Die Werkstatt verleiht außerdem Lastenräder. Mitglieder buchen sie für ganze Wochenenden und bringen "
    "die Räder am Montag zurück. Schäden an den Häusern der Nachbarn übernimmt die Versicherung nicht. "
)
ANYTHING = TextConstraints()


@pytest.fixture
async def found(world, organization):
    """Passages of a document whose first half is English and whose second half is German, by language."""
    await world.drop(
        organization, "workshop.md", f"# Bicycles\n\n{ENGLISH * 4}\n\n# Fahrräder\n\n{GERMAN * 4}\n"
    )

    async def search(words, language, constraints=ANYTHING):
        async with world.search.snapshot(organization) as snapshot:
            candidates = await snapshot.candidates(
                LexicalQuery(words, language), None, SearchFilters(), 100, constraints=constraints
            )
            passages = await snapshot.passages([one.chunk_id for one in candidates])
        return {passage.language for passage in passages.values()}

    return search


async def test_each_chunk_has_its_own_language(found):
    assert await found("workshop werkstatt", "und") == {"en", "de"}


@pytest.mark.parametrize(
    ("words", "language", "expected"),
    [
        ("Haus", "de", {"de"}),  # the stem of "Häusern" in German, and in no other language
        ("repairing", "en", {"en"}),
        ("Wochenende", "de", {"de"}),
    ],
)
async def test_each_chunk_is_stemmed_in_its_own_language(found, words, language, expected):
    assert await found(words, language) == expected


async def test_a_phrase_is_found_in_the_language_of_its_chunk(found):
    constraints = TextConstraints(phrases=("Häuser der Nachbarn",))
    assert await found("Werkstatt Mitglied workshop", "de", constraints) == {"de"}
