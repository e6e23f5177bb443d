"""`POST /search/explain`: why a document was not found."""

import pytest

from footnote.knowledge import contextual_query
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
    told = await explain(organization, "Where do ships land?", library["boats.txt"])
    assert (told["verdict"]["cause"], told["verdict"]["rank"]) == ("found", 1)
    searched = await api.search.call(organization, "POST", "/search", {"query": "Where do ships land?"})
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
