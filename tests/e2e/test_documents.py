"""Every real document in, one question about each, the answer cited to the right file and place."""

from pathlib import Path

import pytest

from tests.e2e.questions import QUESTIONS, UNREADABLE

DOCUMENTS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "documents"
FORMATS = {".pdf", ".docx", ".pptx", ".xlsx", ".html", ".md", ".csv", ".eml", ".txt"}

pytestmark = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason="the real documents are not beside the checkout"
)


@pytest.fixture(scope="module")
def library(stack):
    """An organization with all documents in it; documents by file name."""
    with stack.new_member() as client:
        paths = [
            path
            for path in sorted(DOCUMENTS.iterdir())
            if path.suffix in FORMATS and path.name != "README.md"
        ]
        ids = {path.name: client.upload(path) for path in paths}
        documents = client.wait(ids.values(), timeout_s=240)
        yield client, {name: documents[document_id] for name, document_id in ids.items()}


def test_every_readable_file_is_completed(library):
    _, documents = library
    wrong = {
        name: (document["status"], document.get("failure"))
        for name, document in documents.items()
        if name not in UNREADABLE and document["status"] != "completed"
    }
    assert not wrong
    assert all(documents[name]["chunk_count"] > 0 for name in documents if name not in UNREADABLE)


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_an_unreadable_file_says_why(library, name):
    document = library[1][name]
    assert document["status"] in {"failed", "quarantined"}
    assert UNREADABLE[name] in document["failure"]["reason"].lower()


@pytest.mark.parametrize("expected", QUESTIONS, ids=lambda one: f"{one.files[0]}: {one.question[:40]}")
def test_a_question_is_answered_with_a_citation_to_its_place(library, expected):
    client, documents = library
    reply = client.chat(expected.question)
    assert reply["sources"], reply["answer"]
    right = {documents[name]["id"]: name for name in expected.files}
    cited = [source for source in reply["sources"] if source["document_id"] in right]
    assert cited, (reply["answer"], [source["filename"] for source in reply["sources"]])
    said = " ".join([reply["answer"], *(source["excerpt"] for source in cited)])
    assert all(word in said for word in expected.words), said
    if expected.place is not None:
        assert any(
            source["location"]["from"] <= expected.place <= source["location"]["to"] for source in cited
        ), [source["location"] for source in cited]


def test_a_deleted_document_answers_no_more(stack):
    with stack.new_member() as client:
        document_id = client.upload(b"The quokka sanctuary opens at seven in the morning.", "quokka.txt")
        client.wait([document_id])
        assert client.chat("When does the quokka sanctuary open?")["sources"]
        client.delete(document_id)
        reply = client.chat("When does the quokka sanctuary open?")
        assert reply["metadata"]["abstained"]
        assert not reply["sources"]
        assert not client.search("quokka sanctuary")["results"]


def test_the_same_bytes_twice_are_one_document(member):
    content = b"Wombat burrows may be thirty metres long and several metres deep."
    first = member.upload(content, "wombat.txt")
    member.wait([first])
    second = member.upload(content, "copy-of-wombat.txt")
    assert second == first
    assert len(member.documents()["documents"]) == 1
