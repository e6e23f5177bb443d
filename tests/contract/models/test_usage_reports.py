"""What adapters report of the use of models, by servers that speak the protocols."""

import asyncio
import base64
import json
from array import array
from contextlib import aclosing

import pytest

from footnote.models import GenerationRequest, collecting_usage
from footnote.models.providers.http import HttpEmbedder, HttpReranker
from footnote.models.providers.openai import OpenAIGenerator
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable
from footnote.platform.ids import new_id
from footnote.platform.settings import EmbeddingSettings, GenerationSettings, RerankingSettings
from tests.support.wire import serving

REQUEST = GenerationRequest(OrganizationContext(new_id()), "When was it built?", ())


def chunk(text=None, finish=None, **more):
    delta = {} if text is None else {"content": text}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return f"data: {json.dumps({'choices': choices, **more})}\n\n".encode()


def counted(**usage):
    return f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode()


def speaking(*pieces, hangs=False):
    async def script(received, reply):
        await reply.head(200, content_type="text/event-stream")
        for piece in pieces:
            await reply.chunk(piece)
        if hangs:
            await reply.until_hung_up()
        else:
            await reply.end()

    return script


async def refusing(received, reply):
    await reply.whole(400, b"{}")


TOLD = [chunk("It was built "), chunk("in 1887."), chunk(finish="stop")]
END = b"data: [DONE]\n\n"


async def generated(*scripts, leave_after=None, **settings):
    """The units that one answer reports, as {kind: units}; it may fail, or be left after some deltas."""
    async with serving(*scripts) as wire:
        limits = {"timeout_s": 5.0, "first_token_timeout_s": 2.0, "connect_timeout_s": 0.5}
        model = OpenAIGenerator(
            GenerationSettings(base_url=f"{wire.url}/v1", model="qwen3", **(limits | settings))
        )
        with collecting_usage() as usage:
            try:
                async with aclosing(model.stream(REQUEST)) as deltas:
                    seen = 0
                    async for _ in deltas:
                        seen += 1
                        if seen == leave_after:
                            break
            except ModelUnavailable:
                pass
        await model.close()
        assert {name for _, name in usage.units()} <= {"qwen3"}
        sent = len(wire.requests[0].body) if wire.requests else 0
        return {kind: units for (kind, _), units in usage.units().items()}, sent


@pytest.mark.parametrize(
    ("details", "cached"),
    [
        ({}, None),
        ({"prompt_tokens_details": None}, None),
        ({"prompt_tokens_details": {"cached_tokens": 0}}, None),
        ({"prompt_tokens_details": {"cached_tokens": 128}}, 128),
        ({"prompt_tokens_details": {"cached_tokens": 999}}, 211),
    ],
)
async def test_tokens_are_those_that_the_server_counts(details, cached):
    usage = counted(prompt_tokens=211, completion_tokens=9, **details)
    units, _ = await generated(speaking(*TOLD, usage, END))
    expected = {"input_tokens": 211, "output_tokens": 9}
    assert units == (expected if cached is None else {**expected, "cached_tokens": cached})


async def test_a_server_that_does_not_count_is_estimated():
    units, sent = await generated(speaking(*TOLD, END))
    assert units == {"input_tokens": sent // 4, "output_tokens": -(-len("It was built in 1887.") // 4)}


async def test_an_answer_that_is_left_is_reported_as_far_as_it_came():
    units, sent = await generated(speaking(*TOLD[:1], hangs=True), leave_after=1)
    assert units == {"input_tokens": sent // 4, "output_tokens": -(-len("It was built ") // 4)}


async def test_reasoning_that_nobody_sees_is_written_as_well():
    units, _ = await generated(speaking(chunk("<think>" + "x" * 393), chunk("</think>Yes."), hangs=True),
                               leave_after=1)  # fmt: skip
    assert units["output_tokens"] == 103


async def test_an_answer_that_is_cancelled_before_its_first_word_has_read_its_prompt():
    reached = asyncio.Event()

    async def silent(received, reply):
        reached.set()
        await reply.until_hung_up()

    async with serving(silent) as wire:
        model = OpenAIGenerator(GenerationSettings(base_url=f"{wire.url}/v1", model="qwen3"))

        async def read():
            with collecting_usage() as usage:
                try:
                    async for _ in model.stream(REQUEST):
                        pass
                finally:
                    found.update(usage.units())

        found = {}
        task = asyncio.create_task(read())
        await asyncio.wait_for(reached.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await model.close()
        assert found == {("input_tokens", "qwen3"): len(wire.requests[0].body) // 4}


async def test_a_refusal_has_used_nothing():
    units, _ = await generated(refusing)
    assert units == {}


async def test_an_answer_that_breaks_off_has_used_what_was_written():
    units, sent = await generated(speaking(*TOLD[:2]))
    assert units == {"input_tokens": sent // 4, "output_tokens": 6}


async def test_only_a_server_of_ones_own_costs_by_the_time_it_takes():
    async def slow(received, reply):
        await asyncio.sleep(0.05)
        await speaking(*TOLD, counted(prompt_tokens=1, completion_tokens=1), END)(received, reply)

    units, _ = await generated(slow)
    assert "compute_ms" not in units
    units, _ = await generated(slow, self_hosted=True)
    assert units["compute_ms"] >= 50


def embedding(tokens):
    async def script(received, reply):
        wanted = received.json()
        count = len(wanted["inputs"])
        spans = sum(map(len, wanted.get("spans") or []))
        answer = {
            "model": "mini",
            "revision": "1",
            "dimension": 2,
            "vectors": base64.b64encode(array("f", [0.6, 0.8] * count).tobytes()).decode(),
            "span_vectors": base64.b64encode(array("f", [0.6, 0.8] * spans).tobytes()).decode(),
            "tokens": tokens[:count],
        }
        await reply.whole(200, json.dumps(answer).encode())

    return script


async def test_embedding_tokens_are_added_up_over_batches():
    async with serving(embedding([5, 7, 300])) as wire:
        embedder = HttpEmbedder(wire.url, EmbeddingSettings(batch_size=3, dimension=2))
        with collecting_usage() as usage:
            await embedder.embed_queries(["a", "b", "c", "d"])
            await embedder.embed_passages_with_sentences(["a b"], [[(0, 1)]])
        assert usage.units() == {("embedding_tokens", "mini"): 5 + 7 + 300 + 5 + 5}
        await embedder.close()


async def test_asking_which_model_answers_is_no_requests_use():
    async with serving(embedding([5])) as wire:
        embedder = HttpEmbedder(wire.url, EmbeddingSettings(batch_size=3, dimension=2))
        with collecting_usage() as usage:
            await embedder.model()
        assert usage.units() == {}
        await embedder.close()


async def test_each_request_to_the_reranker_is_a_call():
    async def script(received, reply):
        count = len(received.json()["passages"])
        answer = {"model": "cross", "revision": "1", "scores": [0.5] * count, "tokens": [3] * count}
        await reply.whole(200, json.dumps(answer).encode())

    async with serving(script) as wire:
        settings = RerankingSettings(endpoint_name="reranker", batch_size=2)
        reranker = HttpReranker(wire.url, settings)
        with collecting_usage() as usage:
            await reranker.score("q", ["a", "b", "c"])
            await reranker.score("q", [])
        assert usage.units() == {("rerank_calls", "cross"): 2}
        await reranker.close()
