"""Two organizations through the same warm processes: nothing of one ever reaches the other."""

import uuid

import pytest

from local.client import ApiError

CANARIES = ("aardvark-7391", "bandicoot-4482")


@pytest.fixture(scope="module")
def organizations(stack):
    """Two members of two organizations, each with a document of the same subject and another secret."""
    clients, documents = [], []
    for canary in CANARIES:
        client = stack.new_member()
        text = f"The launch code of the observatory is {canary}. Keep the observatory's code safe."
        documents.append(client.upload(text.encode(), "launch.txt"))
        client.wait([documents[-1]])
        clients.append(client)
    yield clients, documents
    for client in clients:
        client.close()


def test_search_and_answers_stay_inside(organizations):
    clients, _ = organizations
    for _ in range(5):
        for own, client in enumerate(clients):
            for reply in (
                client.search("launch code of the observatory"),
                client.chat("What is the launch code of the observatory?"),
            ):
                text = str(reply)
                assert CANARIES[own] in text
                assert CANARIES[1 - own] not in text


def test_foreign_ids_look_like_missing_ones(organizations):
    clients, documents = organizations
    foreign, missing = documents[0], str(uuid.uuid4())
    errors = []
    for document_id in (foreign, missing):
        with pytest.raises(ApiError) as caught:
            clients[1].document(document_id)
        errors.append((caught.value.status, caught.value.code, str(caught.value).replace(document_id, "ID")))
        with pytest.raises(ApiError):
            clients[1].delete(document_id)
    assert errors[0] == errors[1]
    assert errors[0][0] == 404
    assert clients[0].document(foreign)["status"] == "completed"


def test_a_foreign_conversation_cannot_be_read_or_continued(organizations):
    clients, _ = organizations
    session = clients[0].chat("What is the launch code of the observatory?")["session_id"]
    with pytest.raises(ApiError) as caught:
        clients[1].chat("And what did I ask before?", session_id=session)
    assert caught.value.status == 404
    assert CANARIES[0] not in str(caught.value)


def test_a_filter_on_a_foreign_document_finds_nothing(organizations):
    clients, documents = organizations
    found = clients[1].search("launch code", filters={"document_ids": [documents[0]]})
    assert found["results"] == []
