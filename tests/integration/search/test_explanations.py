"""`POST /search/explain`: why a document was not found."""

from dataclasses import replace

import pytest

from footnote.platform.ids import new_id
from tests.support.organizations import new_organization

HTML = {"Accept": "text/html"}


@pytest.fixture
def explain(api):
    async def explain(context, query, document_id, status=200, **body):
        response = await api.search.call(
            context, "POST", "/search/explain", {"query": query, "document_id": str(document_id), **body}
        )
        assert response.status_code == status, response.text
        return response.json()

    return explain


@pytest.fixture
async def library(world, organization):
    """Ids by file name."""
    texts = {
        "boats.txt": "Ships land at the northern harbour. The southern harbour belongs to the fishermen.",
        "bread.txt": "The bakery opens at six in the morning and sells bread made of rye.",
        "copy.txt": "Ships land at the northern harbour. The southern harbour belongs to the fishermen too.",
        "empty.txt": "",
    }
    for name, text in texts.items():
        await world.drop(organization, name, text)
    return {name: one.id for name, one in (await world.listed(organization)).items()}


async def test_a_found_document_is_told_with_its_rank_and_exact_scores(api, organization, library, explain):
    query = "When does the bakery open?"
    told = await explain(organization, query, library["bread.txt"])
    assert (told["verdict"]["cause"], told["verdict"]["rank"]) == ("found", 1)
    searched = await api.search.call(organization, "POST", "/search", {"query": query})
    result = searched.json()["results"][0]
    chunk = told["chunks"][0]["standing"]
    assert chunk["chunk_id"] == result["chunk_id"]
    assert chunk["bm25"] == pytest.approx(result["scores"]["bm25"])
    assert chunk["cosine"] == pytest.approx(result["scores"]["cosine"])
    assert (chunk["lexical_rank"], chunk["dense_rank"]) == (
        result["scores"]["lexical_rank"],
        result["scores"]["dense_rank"],
    )
    assert told["corpus_chunks"] == 3


async def test_an_answer_rests_on_one_of_two_copies_and_the_other_says_so(organization, library, explain):
    both = [
        await explain(organization, "Where do ships land?", library[name], limit=None)
        for name in ("boats.txt", "copy.txt")
    ]
    verdicts = {told["verdict"]["cause"]: told for told in both}
    assert set(verdicts) == {"found", "near_duplicate"}
    dropped = verdicts["near_duplicate"]
    assert dropped["chunks"][0]["candidate"]["outcome"] == "near_duplicate"
    assert dropped["chunks"][0]["candidate"]["reason"] in dropped["verdict"]["words"]


@pytest.mark.parametrize(
    ("query", "body", "cause", "words"),
    [
        ("ships", {"filters": {"category": "manuals"}}, "filtered_out", "category = manuals"),
        ("ships", {"filters": {"tags": ["a", "b"], "source": "s3"}}, "filtered_out", "tags = a, b."),
        ("ships -fishermen", {}, "excluded", "fishermen"),
        ('ships "southern ships"', {}, "excluded", "southern ships"),
        ("ships filename:bread", {}, "excluded", "bread"),
    ],
)
async def test_conditions_that_shut_a_document_out_are_named(
    organization, library, explain, query, body, cause, words
):
    told = await explain(organization, query, library["boats.txt"], **body)
    assert told["verdict"]["cause"] == cause
    assert words in told["verdict"]["words"]
    assert told["chunks"][0]["standing"]["bm25"] > 0
    assert told["chunks"][0]["standing"]["lexical_rank"] is None


async def test_passages_that_fulfil_every_condition_but_not_all_at_once_are_told_so(
    world, organization, explain
):
    filler = "It goes on with many other words about nothing in particular, one after the other. " * 30
    text = f"Apples are red.\n\n{filler}\n\nPears are green."
    await world.drop(organization, "fruit.txt", text)
    document = (await world.listed(organization))["fruit.txt"]
    assert document.chunk_count > 1
    told = await explain(organization, '"apples are red" "pears are green"', document.id)
    assert told["verdict"]["cause"] == "excluded"
    assert "no passage fits all" in told["verdict"]["words"]
    assert [check["chunks"] > 0 for check in told["checks"]] == [True, True]


async def test_documents_that_cannot_be_searched_are_told_first(world, organization, library, explain):
    gone = library["bread.txt"]
    await world.documents.delete(organization, gone)
    failed = await explain(organization, "bread", library["empty.txt"], filters={"category": "x"})
    assert failed["verdict"]["cause"] == "failed"
    assert "empty" in failed["verdict"]["words"].lower()
    deleted = await explain(organization, "bread", gone, filters={"category": "x"})
    assert (deleted["verdict"]["cause"], deleted["chunks"]) == ("deleted", [])
    unknown = await explain(organization, "bread", new_id())
    assert (unknown["verdict"]["cause"], unknown["document"]) == ("not_there", None)


async def test_an_announced_document_is_not_processed_yet(api, organization, explain):
    announced = await api.documents.call(organization, "POST", "/documents", {"filename": "late.txt"})
    told = await explain(organization, "late", announced.json()["document"]["id"])
    assert told["verdict"]["cause"] == "not_processed"


async def test_another_organizations_document_is_not_there(module_database, organization, library, explain):
    stranger = new_organization(module_database)
    theirs = await explain(stranger, "Where do ships land?", library["boats.txt"])
    nobodys = await explain(stranger, "Where do ships land?", new_id())
    for told in (theirs, nobodys):
        told.pop("document_id")
    assert theirs == nobodys


async def test_ranks_beyond_the_candidates_are_exact(world, organization, explain, api):
    """The nearest hundred are looked at; the one behind them has the rank that a full search gives it."""
    for number in range(100):
        await world.drop(
            organization, f"ship-{number}.txt", f"Ships {'sail ' * (number % 7)} number {number}."
        )
    await world.drop(
        organization, "far.txt", "Nothing to see in this file, which tells of gardens and of roses."
    )
    far = (await world.listed(organization))["far.txt"].id
    told = await explain(organization, "ships sail", far)
    assert told["corpus_chunks"] == 101
    assert told["verdict"]["cause"] in {"no_common_word", "below_candidates", "below_cut", "below_limit"}
    chunk = told["chunks"][0]["standing"]
    assert (chunk["bm25"], chunk["lexical_rank"], chunk["dense_rank"]) == (0.0, None, 101)


@pytest.mark.parametrize(
    ("strategy", "absent"), [("lexical", ("cosine", "dense_rank")), ("vector", ("bm25", "lexical_rank"))]
)
async def test_a_leg_that_did_not_run_has_no_figures(organization, library, explain, strategy, absent):
    told = await explain(organization, "ships", library["bread.txt"], strategy=strategy)
    chunk = told["chunks"][0]["standing"]
    assert [chunk[name] for name in absent] == [None, None]
    assert told["searched"]["strategy"] == strategy


async def test_a_follow_up_is_explained_as_it_was_searched(organization, library, explain):
    history = [
        {"actor": "user", "text": "Who owns the southern harbour?"},
        {"actor": "assistant", "text": "The southern harbour belongs to the fishermen."},
    ]
    told = await explain(organization, "And who lands there?", library["boats.txt"], history=history)
    assert told["searched"]["message"] == "And who lands there?"
    assert told["verdict"]["cause"] == "found"


async def test_the_page_says_the_same_and_escapes_everything(world, api, organization):
    hostile = '<script>alert(1)</script> "><img src=x onerror=alert(2)> ships & boats'
    announced = await api.documents.call(
        organization,
        "POST",
        "/documents",
        {"filename": "a.txt", "title": "<b onmouseover=alert(3)>Title</b>"},
    )
    key = announced.json()["upload"]["url"].removeprefix("memory://")
    await world.ingestion.ingest(world.bucket.put(key, hostile.encode()))
    body = {"query": "ships <script>alert(4)</script>", "document_id": announced.json()["document"]["id"]}
    page = await api.search.call(organization, "POST", "/search/explain", body, more_headers=HTML)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "<b " not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "The document was found" in page.text
    data = await api.search.call(organization, "POST", "/search/explain?format=json", body, more_headers=HTML)
    assert data.json()["verdict"]["words"] in page.text


async def test_searching_is_a_permission(api, organization, library):
    nobody = replace(organization, permissions=frozenset())
    body = {"query": "ships", "document_id": str(library["boats.txt"])}
    response = await api.search.call(nobody, "POST", "/search/explain", body)
    assert response.json()["code"] == "NOT_PERMITTED"
