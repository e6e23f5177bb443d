"""What every `SearchStore` promises about phrases, exclusions, and words of titles and file names."""

import pytest

from footnote.knowledge import SearchFilters
from footnote.knowledge.models import TextConstraints
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from tests.support.ingestion import MODEL, word_vector
from tests.support.organizations import new_organization

ANYTHING = SearchFilters()
TEXTS = {
    "harbour rules.txt": "Ships wait outside the northern harbour. The harbour master opens at six.",
    "Crew_List-2024.csv.txt": "The master of the ship and the harbours he knows. Six people wait.",
    "menu.txt": "The kitchen of the harbour opens at seven; the menu changes daily.",
    "hafen.txt": "Die Häuser am Hafen wurden von den Fischern gebaut und sind im Winter nicht bewohnt.",
    "zwei.txt": "Am Hafen steht kein Haus mehr. Die Fischer haben es im Winter verlassen und nicht ersetzt.",
}
RULES, CREW, MENU, HAFEN, HAUS = TEXTS


@pytest.fixture
async def harbour(world, organization):
    for name, text in TEXTS.items():
        await world.drop(organization, name, text)
    return organization


async def found(
    world, organization, words="harbour ship winter", *, filters=ANYTHING, limit=100, **constraints
):
    """File names by leg; both legs must agree as long as every document has one of the words."""
    chosen = TextConstraints(**constraints)
    query, vector = LexicalQuery(words, "en"), DenseQuery(word_vector(words), MODEL)
    names = []
    async with world.search.snapshot(organization) as snapshot:
        for legs in ((query, None), (None, vector), (query, vector)):
            candidates = await snapshot.candidates(*legs, filters, limit, constraints=chosen)
            passages = await snapshot.passages([candidate.chunk_id for candidate in candidates])
            names.append({passages[candidate.chunk_id].filename for candidate in candidates})
    by_words, by_vector, by_both = names
    assert by_both == by_words | by_vector
    return by_words, by_vector


CASES = {
    "a phrase": ({"phrases": ("harbour master",)}, {RULES}),
    "by its stems": ({"phrases": ("Harbours Masters",)}, {RULES}),
    "in its order": ({"phrases": ("master harbour",)}, set()),
    "with its common words": ({"phrases": ("the master of the ship",)}, {CREW}),
    "which hold their places": ({"phrases": ("master ship",)}, set()),
    "across punctuation": ({"phrases": ("opens at seven the menu",)}, {MENU}),
    "one word": ({"phrases": ("master",)}, {RULES, CREW}),
    "several": ({"phrases": ("harbour", "wait")}, {RULES, CREW}),
    "from the title into the text": ({"phrases": ("harbour rules ships",)}, {RULES}),
    "unknown words": ({"phrases": ("harbour xylophone",)}, set()),
    "only common words": ({"phrases": ("of the",)}, {RULES, CREW, MENU}),
    "without a word": ({"excluded": ("master",)}, {MENU, HAFEN, HAUS}),
    "without a phrase": ({"excluded": ("harbour master",)}, {CREW, MENU, HAFEN, HAUS}),
    "without its stem": ({"excluded": ("harbours", "winters")}, set()),
    "with and without": ({"phrases": ("harbour",), "excluded": ("kitchen",)}, {RULES, CREW}),
    "a word of the title": ({"title": ("rule",)}, {RULES}),
    "words of the title": ({"title": ("rules", "harbour")}, {RULES}),
    "a word of the text alone": ({"title": ("kitchen",)}, set()),
    "a part of the file's name": ({"filename": ("LIST-20",)}, {CREW}),
    "parts of it": ({"filename": ("crew", ".txt")}, {CREW}),
    "a part that is no pattern": ({"filename": ("cre%",)}, set()),
    "an underscore that is none": ({"filename": ("w_l",)}, {CREW}),
    "everything at once": (
        {"phrases": ("harbour",), "excluded": ("six",), "title": ("menu",), "filename": ("menu",)},
        {MENU},
    ),
    "a German phrase": ({"phrases": ("Haus am Hafen",)}, {HAFEN}),
    "a German word": ({"excluded": ("Haus",)}, {RULES, CREW, MENU}),
    "with its German common words": ({"phrases": ("Winter nicht bewohnt",)}, {HAFEN}),
    "quotes and operators": ({"phrases": ("master's & (ship) | !<->",)}, set()),
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
async def test_constraints_hold_in_both_legs(world, harbour, case):
    constraints, expected = CASES[case]
    by_words, by_vector = await found(world, harbour, **constraints)
    assert by_vector == expected
    assert by_words == expected


async def test_constraints_come_before_the_ranking(world, harbour):
    phrases = {
        "northern harbour": RULES,
        "master of the ship": CREW,
        "menu changes": MENU,
        "Winter verlassen": HAUS,
    }
    for phrase, name in phrases.items():
        for limit in (1, 2):
            by_words, by_vector = await found(world, harbour, limit=limit, phrases=(phrase,))
            assert by_vector == by_words == {name}


async def test_filters_and_constraints_hold_together(world, harbour):
    ids = {name: document.id for name, document in (await world.listed(harbour)).items()}
    some = SearchFilters(document_ids=(ids[RULES], ids[MENU]))
    assert (await found(world, harbour, filters=some, phrases=("harbour",)))[1] == {RULES, MENU}
    assert (await found(world, harbour, filters=some, excluded=("master",)))[1] == {MENU}
    assert (await found(world, harbour, filters=some, phrases=("winter",)))[1] == set()


async def test_languages_are_filtered_by_the_chunk(world, harbour):
    for limit in (1, 3, 100):
        by_words, by_vector = await found(world, harbour, limit=limit, filters=SearchFilters(language="de"))
        assert by_vector <= {HAFEN, HAUS}
        assert len(by_vector) == len(by_words) == min(limit, 2)
    german = SearchFilters(language="de")
    assert (await found(world, harbour, filters=german, phrases=("Haus am Hafen",)))[1] == {HAFEN}
    assert (await found(world, harbour, filters=german, phrases=("harbour master",)))[1] == set()
    assert (await found(world, harbour, filters=SearchFilters(language="fr")))[1] == set()


async def test_constraints_of_others_find_nothing(world, harbour, module_database):
    stranger = new_organization(module_database)
    await world.drop(stranger, "mine.txt", "A harbour of my own.")
    by_words, by_vector = await found(world, stranger, phrases=("harbour",))
    assert by_words == by_vector == {"mine.txt"}
    assert await found(world, stranger, phrases=("harbour master",)) == (set(), set())


@pytest.mark.parametrize("limit", [1, 5, 12, 100])
async def test_no_chunk_is_missed_however_rare_or_common_the_phrase(world, organization, limit):
    """Rare phrases and common ones are searched in different ways; none gives fewer chunks than there are."""
    for number in range(40):
        kind = "blue otter" if number % 2 else "otter blue"
        extra = "golden heron" if number % 13 == 0 else "heron golden"
        await world.drop(organization, f"{number}.txt", f"Number {number}: {kind} and {extra}.")
    for phrase, count in {"blue otter": 20, "golden heron": 4, "otter": 40}.items():
        for words in ("otter", "heron number 13", "unrelated 13"):
            by_words, by_vector = await found(world, organization, words, limit=limit, phrases=(phrase,))
            assert len(by_vector) == min(limit, count)
            if words == "otter":
                assert len(by_words) == min(limit, count)
    by_words, by_vector = await found(world, organization, "otter", limit=limit, excluded=("blue otter",))
    assert len(by_words) == len(by_vector) == min(limit, 20)
