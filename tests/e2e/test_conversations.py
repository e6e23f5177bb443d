"""Conversations over the public API: streams, history, deletion."""

import json

import httpx
import pytest


@pytest.fixture
def knowing(member):
    document_id = member.upload(
        b"The lighthouse of Farol was built in 1912. It is forty metres high. Its keeper is Ines Duarte.",
        "lighthouse.txt",
    )
    member.wait([document_id])
    return member


def _events(response):
    name, events = None, []
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            events.append((name, json.loads(line.removeprefix("data: "))))
    return events


def _stream(stack, client, message):
    headers = {"Authorization": f"Bearer {client.token}"}
    body = {"message": message, "stream": True}
    with httpx.stream("POST", f"{stack.url}/chat", json=body, headers=headers, timeout=60) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return _events(response)


def test_a_stream_ends_with_done_and_equals_the_stored_turn(stack, knowing):
    events = _stream(stack, knowing, "When was the lighthouse of Farol built?")
    names = [name for name, _ in events]
    assert names[0] == "retrieval"
    assert names[-1] == "done"
    assert {"token", "citation", "usage"} <= set(names)
    told = "".join(data["text"] for name, data in events if name == "token")
    done = events[-1][1]
    assert "1912" in told
    messages = knowing.messages(done["session_id"])["messages"]
    assert [message["actor"] for message in messages] == ["user", "assistant"]
    assert messages[1]["message"] == done["answer"]
    assert messages[1]["sources"] == done["sources"]


def test_history_is_listed_read_and_deleted(knowing):
    first = knowing.chat("When was the lighthouse of Farol built?")
    second = knowing.chat("Who is its keeper?", session_id=first["session_id"])
    assert "Duarte" in second["answer"]
    listed = knowing.sessions()["sessions"]
    assert [one["id"] for one in listed] == [first["session_id"]]
    messages = knowing.messages(first["session_id"])["messages"]
    assert [message["actor"] for message in messages] == ["user", "assistant"] * 2
    knowing.delete_session(first["session_id"])
    assert knowing.sessions()["sessions"] == []


def test_a_question_off_the_documents_is_refused(knowing):
    reply = knowing.chat("Which enzyme splits lactose in the small intestine?")
    assert reply["metadata"]["abstained"]
    assert reply["sources"] == []
    assert "documents do not say" in reply["answer"].lower()


def test_the_alias_answers_alike(stack, knowing):
    headers = {"Authorization": f"Bearer {knowing.token}"}
    body = {"message": "How high is the lighthouse?", "enable_rag": True}
    reply = httpx.post(f"{stack.url}/chat/message", json=body, headers=headers, timeout=60)
    assert reply.status_code == 200
    assert "forty" in reply.json()["answer"]
