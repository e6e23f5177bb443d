"""The embedding container over HTTP: SageMaker's contract, limits, errors, order of service."""

import asyncio
import base64
import json
import signal
import time

import httpx
import numpy as np
import pytest

from footnote.knowledge import sentence_spans
from footnote.models.providers.http import HttpEmbedder
from footnote.platform.settings import EmbeddingSettings
from functions.embedding.model.manifest import read_manifest
from tests.support.container import check_refusal, check_routes, running_container

PASSAGE = "The observatory on the hill was built in 1887 and renovated twice since. " * 12


@pytest.fixture
async def client(container):
    async with httpx.AsyncClient(base_url=container.url, timeout=60, trust_env=False) as opened:
        yield opened


def unpack(answer):
    numbers = np.frombuffer(base64.b64decode(answer["vectors"]), dtype="<f4")
    return numbers.reshape(answer["count"], answer["dimension"])


async def embed(client, *texts, **more):
    response = await client.post("/invocations", json={"inputs": list(texts), **more})
    assert response.status_code == 200, response.text
    return response.json()


async def test_ping_names_the_model(client, model_directory):
    response = await client.get("/ping")
    manifest = read_manifest(model_directory)
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "model": "sentence-transformers/all-MiniLM-L6-v2",
        "revision": manifest.revision,
        "dimension": 384,
        "window": 256,
        "precision": "int8",
    }


async def test_vectors_have_unit_length_and_mean_something(client):
    answer = await embed(
        client, "The cat sat on the mat.", "A feline rested on a rug.", "Rates stayed unchanged."
    )
    vectors = unpack(answer)
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.5 > 0.2 > far


async def test_the_answer_names_its_model_and_counts(client):
    ping = (await client.get("/ping")).json()
    answer = await embed(client, "one", "", PASSAGE * 2, kind="passage")
    assert [answer[key] for key in ("model", "revision", "dimension", "count")] == [
        ping["model"], ping["revision"], 384, 3,
    ]  # fmt: skip
    assert answer["tokens"][:2] == [3, 2]
    assert answer["tokens"][2] > 256
    assert answer["truncated"] == [2]


async def test_json_and_base64_hold_the_same(client):
    packed = unpack(await embed(client, "one", "two"))
    plain = (await embed(client, "one", "two", encoding="json"))["vectors"]
    np.testing.assert_array_equal(np.array(plain, dtype=np.float32), packed)


STORY = "Ada moved to Farol in 1998. She keeps the lighthouse. The harbour is free of ice."
SENTENCES = sentence_spans(STORY)


def unpack_spans(answer):
    """The spans' vectors, one matrix a text."""
    rows = np.frombuffer(base64.b64decode(answer["span_vectors"]), dtype="<f4").reshape(-1, 384)
    return np.split(rows, np.cumsum(answer["span_counts"])[:-1])


async def test_spans_get_vectors_of_their_own(client):
    answer = await embed(client, STORY, "", "One.", spans=[SENTENCES, [], [(0, 4), (0, 3), (3, 4)]])
    assert answer["span_counts"] == [3, 0, 3]
    story, nothing, one = unpack_spans(answer)
    assert (len(story), len(nothing), len(one)) == (3, 0, 3)
    np.testing.assert_allclose(np.linalg.norm(np.vstack([story, one]), axis=1), 1.0, atol=1e-6)
    asked = unpack(await embed(client, "Who keeps the lighthouse of Farol?", "Is there ice?"))
    assert (story @ asked.T).argmax(axis=0).tolist() == [1, 2]
    assert one[0].tobytes() != one[1].tobytes() != one[2].tobytes()


async def test_a_span_has_read_what_stands_around_it(client):
    texts = ["The lighthouse is old. Ada painted it.", "The bakery is old. Ada painted it."]
    answer = await embed(client, *texts, spans=[sentence_spans(text)[1:] for text in texts])
    (lighthouse,), (bakery,) = unpack_spans(answer)
    towers, bread = unpack(await embed(client, "a lighthouse", "a bakery"))
    assert lighthouse @ towers > bakery @ towers + 0.1
    assert bakery @ bread > lighthouse @ bread + 0.1


async def test_spans_change_no_vector_of_a_text(client):
    plain = await embed(client, STORY, PASSAGE * 2)
    with_spans = await embed(client, STORY, PASSAGE * 2, spans=[SENTENCES, [(0, 10)]])
    assert {name: with_spans[name] for name in plain} == plain
    assert set(with_spans) - set(plain) == {"span_vectors", "span_counts"}


async def test_a_vector_of_a_span_never_depends_on_its_neighbours(client):
    alone = await embed(client, STORY, spans=[SENTENCES])
    among = await embed(client, PASSAGE, STORY, "x", spans=[[(0, 5)], SENTENCES, []])
    assert unpack_spans(among)[1].tobytes() == base64.b64decode(alone["span_vectors"])
    one = await embed(client, STORY, spans=[SENTENCES[1:2]])
    assert unpack_spans(one)[0][0].tobytes() == unpack_spans(alone)[0][1].tobytes()


async def test_a_span_that_the_model_does_not_see_has_the_vector_of_its_text(client):
    long = "observatory " * 300
    texts = [long, "a \u200b b"]
    answer = await embed(client, *texts, spans=[[(0, 11), (12 * 290, 12 * 290 + 11)], [(2, 3)]])
    seen, unseen = unpack_spans(answer)[0]
    whole, other = unpack(answer)
    np.testing.assert_array_equal(unseen, whole)
    assert abs(seen - whole).max() > 1e-3
    np.testing.assert_array_equal(unpack_spans(answer)[1][0], other)
    assert answer["truncated"] == [0]


async def test_spans_count_characters_and_not_bytes(client):
    text = "🚀🚀 Ünïcödé før alle. The ferry leaves at nine."
    at = text.index("The")
    answer = await embed(client, text, spans=[[(0, at - 1), (at, len(text))]])
    ferry = unpack(await embed(client, "When does the ferry leave?"))[0]
    assert (unpack_spans(answer)[0] @ ferry).argmax() == 1


async def test_json_and_base64_hold_the_same_of_spans(client):
    packed = np.vstack(unpack_spans(await embed(client, STORY, "b", spans=[SENTENCES, [(0, 1)]])))
    plain = await embed(client, STORY, "b", spans=[SENTENCES, [(0, 1)]], encoding="json")
    np.testing.assert_array_equal(np.array(plain["span_vectors"], dtype=np.float32), packed)
    none = await embed(client, "a", spans=[[]], encoding="json")
    assert (none["span_vectors"], none["span_counts"]) == ([], [0])


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([], "0 lists for 2 texts"),
        ([[]], "1 lists for 2 texts"),
        ([[], [], []], "3 lists for 2 texts"),
        ([[(0, 6)], []], "spans.0.0: [0, 6] is no range of its text, which has 5 characters"),
        ([[], [(0, 1), (1, 1)]], "spans.1.1"),
        ([[], [(2, 1)]], "spans.1.0"),
        ([[(-1, 2)], []], "spans.0.0"),
        ([[(2, 3), (0, 1)], []], "spans.0.1"),
        ([[(0, 1, 2)], []], "spans.0.0"),
        ([["ab"], []], "spans.0.0"),
        ([[(0, 1)] * 65, []], "65 in all texts; a request may have 64"),
    ],
)
async def test_wrong_spans_are_told_what_is_wrong(client, spans, says):
    body = {"inputs": ["first", "second"], "spans": spans}
    response = await client.post("/invocations", json=body)
    assert (response.status_code, response.json()["type"]) == (400, "ValidationError")
    assert says in response.json()["message"]


@pytest.mark.parametrize("kind", ["query", "passage"])
async def test_a_vector_never_depends_on_its_neighbours(client, kind):
    alone = (await embed(client, PASSAGE, kind=kind))["vectors"]
    for neighbours in (["a"], ["b", PASSAGE[::-1]], ["x " * 300] * 5):
        among = await embed(client, *neighbours, PASSAGE, *neighbours, kind=kind)
        assert unpack(among)[len(neighbours)].tobytes() == base64.b64decode(alone)
    several = await asyncio.gather(*(embed(client, PASSAGE, kind=kind) for _ in range(8)))
    assert {answer["vectors"] for answer in several} == {alone}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "body"),
        (b"{", 400, "body"),
        (b"[]", 400, "body"),
        (b'{"inputs": []}', 400, "inputs"),
        (b'{"inputs": "text"}', 400, "inputs"),
        (b'{"inputs": [1]}', 400, "inputs.0"),
        (b'{"inputs": ["a", null]}', 400, "inputs.1"),
        (b'{"inputs": ["a"], "kind": "document"}', 400, "kind"),
        (b'{"inputs": ["a"], "encoding": "xml"}', 400, "encoding"),
        (b'{"inputs": ["a"], "input": ["b"]}', 400, "input"),
        (b'{"inputs": ["\\ud800"]}', 400, ""),
        (b'{"inputs": ["\xff"]}', 400, ""),
        (json.dumps({"inputs": ["a"] * 17}).encode(), 400, "17 texts; a request may have 16"),
        (json.dumps({"inputs": ["a", "b" * 5001]}).encode(), 400, "inputs.1: 5001 characters"),
        (json.dumps({"inputs": ["a" * 70_000]}).encode(), 413, "65536 bytes"),
    ],
)
async def test_wrong_requests_are_told_what_is_wrong(client, body, status, says):
    response = await client.post("/invocations", content=body, headers={"Content-Type": "application/json"})
    check_refusal(response, status, says)


async def test_other_media_types_methods_and_paths(client):
    await check_routes(client)


async def test_a_wrong_request_never_repeats_the_text(client):
    secret = "the merger is called Nightingale"
    response = await client.post("/invocations", json={"inputs": [secret], "kind": secret})
    assert response.status_code == 400
    assert secret not in response.text


async def test_a_text_may_hold_anything(client):
    texts = ["", " ", "\x00", "a\x00b", "\u200b", "🚀" * 50, "\n" * 100, "x" * 5000]
    vectors = unpack(await embed(client, *texts))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[2])


async def test_queries_pass_a_queue_of_passages(client):
    """All passages that wait take far longer than the query that comes after them."""
    ingestion = [asyncio.ensure_future(embed(client, *[PASSAGE * 4] * 10)) for _ in range(10)]
    await asyncio.sleep(0.2)
    started = time.monotonic()
    for _ in range(3):
        await embed(client, "When was it built?", kind="query")
    query_s = (time.monotonic() - started) / 3
    assert not any(task.done() for task in ingestion[5:])
    await asyncio.gather(*ingestion)
    assert query_s < (time.monotonic() - started) / 4


async def test_a_small_batch_does_not_wait_for_large_ones(client):
    large = [asyncio.ensure_future(embed(client, *[PASSAGE * 4] * 16)) for _ in range(4)]
    await asyncio.sleep(0.1)
    await embed(client, PASSAGE)
    assert not any(task.done() for task in large)
    await asyncio.gather(*large)


async def test_nobody_computes_for_a_client_that_left(client, container):
    async with httpx.AsyncClient(base_url=container.url, trust_env=False) as leaving:
        tasks = [asyncio.ensure_future(embed(leaving, *[PASSAGE * 4] * 16)) for _ in range(12)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    started = time.monotonic()
    await embed(client, *[PASSAGE * 4] * 2)
    assert time.monotonic() - started < 1.0  # 192 such passages take longer than that


async def test_more_than_may_wait_is_turned_away(model_directory, tmp_path):
    with running_container(model_directory, tmp_path / "log", EMBEDDING_MAX_WAITING="8") as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=60, trust_env=False) as client:
            body = {"inputs": [PASSAGE] * 9}
            response = await client.post("/invocations", json=body)
            assert (response.status_code, response.json()["type"]) == (503, "ThrottlingException")
            assert response.headers["retry-after"] == "1"
            await embed(client, *[PASSAGE] * 8)


async def test_the_products_client_understands_the_container(container):
    embedder = HttpEmbedder(container.url, EmbeddingSettings(batch_size=4))
    texts = [f"text number {number}" for number in range(10)]
    one_by_one = [(await embedder.embed_queries([text]))[0] for text in texts]
    assert await embedder.embed_passages(texts) == one_by_one
    model = await embedder.model()
    assert (model.name, model.dimension) == ("sentence-transformers/all-MiniLM-L6-v2", 384)
    await embedder.close()


async def test_the_products_client_gets_passages_with_their_sentences(container):
    embedder = HttpEmbedder(container.url, EmbeddingSettings(batch_size=4))
    texts = [f"Text number {number}. It is short." for number in range(10)]
    spans = [[(0, 14), (15, 27)] if number % 3 else [] for number in range(10)]
    found = await embedder.embed_passages_with_sentences(texts, spans)
    assert [one.vector for one in found] == await embedder.embed_passages(texts)
    assert [len(one.sentences) for one in found] == [len(of_text) for of_text in spans]
    (alone,) = await embedder.embed_passages_with_sentences(texts[4:5], spans[4:5])
    assert found[4] == alone
    assert await embedder.embed_passages_with_sentences([], []) == []
    await embedder.close()


async def test_running_requests_are_answered_before_it_stops(model_directory, tmp_path):
    with running_container(model_directory, tmp_path / "log") as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=60, trust_env=False) as client:
            task = asyncio.ensure_future(embed(client, *[PASSAGE * 4] * 60))
            await asyncio.sleep(0.2)
            running.process.send_signal(signal.SIGTERM)
            assert (await task)["count"] == 60
        assert running.process.wait(timeout=30) in (0, -signal.SIGTERM)


def test_without_a_model_it_says_how_to_build_one(tmp_path):
    with (
        pytest.raises(RuntimeError, match=r"functions\.embedding\.build --output"),
        running_container(tmp_path / "nothing", tmp_path / "log"),
    ):
        pass
