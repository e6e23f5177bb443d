"""The chat completions client against a server that speaks the protocol, well and badly."""

import asyncio
import json
import time
from uuid import uuid4

import pytest

from footnote.models import GenerationRequest, PromptPassage, Usage
from footnote.models.providers.openai import OpenAIGenerator
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable, ServiceUnavailable
from footnote.platform.settings import GenerationSettings
from tests.support.wire import serving

PASSAGE = PromptPassage(number=1, title="Guide", text="The observatory was built in 1887.", score=0.83)


def request(**changes):
    wanted = {
        "context": OrganizationContext(uuid4()),
        "question": "When was it built?",
        "passages": (PASSAGE,),
    }
    return GenerationRequest(**(wanted | changes))


def generator(url, api_key=None, **settings):
    limits = {"timeout_s": 5.0, "first_token_timeout_s": 2.0, "connect_timeout_s": 0.5}
    return OpenAIGenerator(
        GenerationSettings(base_url=f"{url}/v1", model="qwen3", **(limits | settings)), api_key
    )


def event(text=None, finish=None, **more):
    delta = {} if text is None else {"content": text}
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 211, "completion_tokens": 9}}\n\n'
DONE = b"data: [DONE]\n\n"
ANSWER = [event("It was built "), event("in 1887 [1]."), event(finish="stop"), USAGE, DONE]


def answering(*pieces, status=200):
    async def script(received, reply):
        await reply.head(status, content_type="text/event-stream")
        for piece in pieces:
            await reply.chunk(piece)
        await reply.end()

    return script


def refusing(status, body=b'{"error": {"message": "no"}}'):
    async def script(received, reply):
        await reply.whole(status, body)

    return script


async def cutting(received, reply):
    reply.cut()


async def collect(model, wanted=None):
    return [delta async for delta in model.stream(wanted or request())]


async def answer_of(*scripts, **settings):
    async with serving(*scripts) as wire:
        model = generator(wire.url, **settings)
        try:
            return await collect(model), wire
        finally:
            await model.close()


async def failure_of(*scripts, **settings):
    """The requests that were made and the deltas before the failure."""
    async with serving(*scripts) as wire:
        model = generator(wire.url, **settings)
        deltas = []

        async def read():
            async for delta in model.stream(request()):
                deltas.append(delta)

        with pytest.raises(ModelUnavailable) as failure:
            await read()
        await model.close()
        assert "1887" not in failure.value.message
        return wire, deltas


async def test_streams_an_answer():
    deltas, wire = await answer_of(answering(*ANSWER))
    assert [delta.text for delta in deltas] == ["It was built ", "in 1887 [1].", ""]
    last = deltas[-1]
    assert (last.finished, last.model, last.finish_reason, last.abstained) == (True, "qwen3", "stop", False)
    assert last.usage == Usage(211, 9)
    assert [delta.finished for delta in deltas] == [False, False, True]
    assert len(wire.requests) == 1


async def test_asks_as_the_protocol_says():
    _, wire = await answer_of(
        answering(*ANSWER), extra_body={"chat_template_kwargs": {"enable_thinking": False}}
    )
    sent = wire.requests[0]
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert "authorization" not in sent.headers
    body = sent.json()
    assert body["model"] == "qwen3"
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["stop"] == ["\nUser:", "\nHuman:", "<|endoftext|>", "```"]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert (body["max_tokens"], body["temperature"], body["top_p"]) == (512, 0.7, 0.9)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize(("asked", "sent"), [(-1.0, 0.0), (0.3, 0.3), (2.0, 1.0)])
async def test_clamps_the_temperature(asked, sent):
    async with serving(answering(*ANSWER)) as wire:
        await collect(generator(wire.url), request(temperature=asked, max_tokens=0))
    assert (wire.requests[0].json()["temperature"], wire.requests[0].json()["max_tokens"]) == (sent, 1)


async def test_signs_in_with_the_key():
    async def key():
        return "the key"

    async with serving(answering(*ANSWER)) as wire:
        await collect(generator(wire.url, key))
    assert wire.requests[0].headers["authorization"] == "Bearer the key"


async def test_a_key_that_cannot_be_read_is_an_unavailable_model():
    async def key():
        raise ServiceUnavailable("no secrets")

    async with serving(answering(*ANSWER)) as wire:
        with pytest.raises(ModelUnavailable):
            await collect(generator(wire.url, key))
    assert wire.requests == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_pieces_may_be_cut_anywhere(size):
    stream = b"".join([event("Zürich\u2028 \u0085 – "), event("山 🚀"), event(finish="length"), USAGE, DONE])
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    deltas, _ = await answer_of(answering(*pieces))
    assert "".join(delta.text for delta in deltas) == "Zürich\u2028 \u0085 – 山 🚀"
    assert deltas[-1].finish_reason == "length"


async def test_other_line_ends_comments_and_fields():
    stream = b": keep-alive\r\n\r\nevent: x\r\nid: 1\r\n" + event("Yes.", finish="stop").replace(
        b"\n", b"\r\n"
    )
    deltas, _ = await answer_of(answering(stream + DONE.replace(b"\n", b"\r")))
    assert "".join(delta.text for delta in deltas) == "Yes."


async def test_usage_is_estimated_where_the_server_does_not_count():
    deltas, wire = await answer_of(answering(event("x" * 400, finish="stop"), DONE))
    assert deltas[-1].usage == Usage(len(wire.requests[0].body) // 4, 100)


async def test_the_end_without_done_is_enough_when_the_model_finished():
    deltas, _ = await answer_of(answering(event("Yes.", finish="stop")))
    assert deltas[-1].finished


async def test_reasoning_is_not_an_answer():
    thinking = [
        event("<thi"),
        event("nk>\nThe user asks"),
        event(" about 1887.</th"),
        event("ink>\n\nIn 1887 [1]."),
    ]
    deltas, _ = await answer_of(answering(*thinking, event(finish="stop"), DONE))
    assert "".join(delta.text for delta in deltas) == "In 1887 [1]."


async def test_the_agreed_words_are_an_abstention():
    deltas, _ = await answer_of(answering(event("The documents "), event("do not say.", finish="stop"), DONE))
    assert deltas[-1].abstained


async def test_the_connection_serves_the_next_answer():
    async with serving(answering(*ANSWER)) as wire:
        model = generator(wire.url)
        for _ in range(3):
            await collect(model)
        await model.close()
    assert (len(wire.requests), wire.connections) == (3, 1)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_passing_error_is_tried_once_more(status):
    deltas, wire = await answer_of(refusing(status), answering(*ANSWER))
    assert deltas[-1].finished
    assert len(wire.requests) == 2


async def test_a_lost_connection_is_tried_once_more():
    deltas, wire = await answer_of(cutting, answering(*ANSWER))
    assert deltas[-1].finished
    assert len(wire.requests) == 2


@pytest.mark.parametrize("script", [refusing(500), refusing(429), cutting])
async def test_not_more_than_once_more(script):
    wire, deltas = await failure_of(script, script, answering(*ANSWER))
    assert (len(wire.requests), deltas) == (2, [])


@pytest.mark.parametrize("status", [400, 401, 404, 422, 302])
async def test_a_refusal_is_not_repeated(status):
    wire, _ = await failure_of(refusing(status), answering(*ANSWER))
    assert len(wire.requests) == 1


async def test_nobody_listens():
    async with serving(answering(*ANSWER)) as wire:
        pass
    with pytest.raises(ModelUnavailable):
        await collect(generator(wire.url))


async def test_broken_in_the_middle_is_never_repeated():
    async def breaking(received, reply):
        await reply.head()
        await reply.chunk(event("It was built "))
        await asyncio.sleep(0.05)
        reply.cut()

    wire, deltas = await failure_of(breaking, answering(*ANSWER))
    assert [delta.text for delta in deltas] == ["It was built "]
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "pieces",
    [
        [event("It was built ")],  # ends without a reason
        [b"data: {not json\n\n"],
        [b"data: [1, 2]\n\n"],
        [b'data: {"choices": "none"}\n\n'],
        [b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'],
        [b'data: {"choices": [], "usage": {"prompt_tokens": "many"}}\n\n', *ANSWER],
        [b"data: \xff\xfe\n\n"],
        [b"data: " + b"x" * (1024 * 1024 + 1)],
        [event(finish="stop"), DONE],  # an empty answer
        [event("<think>for ever", finish="length"), DONE],  # reasoning used up all tokens
        [DONE],
        [],
    ],
)
async def test_what_is_not_an_answer_is_a_failure(pieces):
    wire, deltas = await failure_of(answering(*pieces))
    assert not any(delta.finished for delta in deltas)
    assert len(wire.requests) == 1


async def test_a_slow_first_text_ends_at_its_own_limit():
    async def slow(received, reply):
        await reply.head()
        await reply.chunk(b": thinking\n\n")
        await reply.until_hung_up()

    started = time.monotonic()
    wire, deltas = await failure_of(slow, first_token_timeout_s=0.3)
    assert 0.25 < time.monotonic() - started < 1.5
    assert deltas == []
    assert len(wire.requests) == 1


async def test_a_slow_answer_ends_at_the_whole_limit():
    async def dripping(received, reply):
        await reply.head()
        for _ in range(200):
            await reply.chunk(event("word "))
            await asyncio.sleep(0.05)

    started = time.monotonic()
    _, deltas = await failure_of(dripping, timeout_s=0.5, first_token_timeout_s=0.3)
    assert 0.45 < time.monotonic() - started < 2.0
    assert len(deltas) >= 3


async def test_the_callers_deadline_holds_too():
    async def silent(received, reply):
        await reply.until_hung_up()

    async with serving(silent) as wire:
        started = time.monotonic()
        with pytest.raises(ModelUnavailable):
            await collect(generator(wire.url), request(timeout_s=0.2))
        assert time.monotonic() - started < 1.0


async def test_a_slow_reader_does_not_use_up_the_time():
    deltas = []
    async with serving(answering(*ANSWER)) as wire:
        model = generator(wire.url, first_token_timeout_s=0.2)
        async for delta in model.stream(request()):
            deltas.append(delta)
            await asyncio.sleep(0.3)
        await model.close()
    assert deltas[-1].finished


async def test_leaving_closes_the_connection():
    async def endless(received, reply):
        await reply.head()
        await reply.chunk(event("It was built "))
        await reply.until_hung_up()

    async with serving(endless) as wire:
        model = generator(wire.url)
        stream = model.stream(request())
        assert (await anext(stream)).text == "It was built "
        await stream.aclose()
        async with asyncio.timeout(2):
            await wire.hung_up.wait()


async def test_a_cancelled_task_closes_the_connection():
    async def silent(received, reply):
        await reply.until_hung_up()

    async with serving(silent) as wire:
        task = asyncio.ensure_future(collect(generator(wire.url)))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            await wire.hung_up.wait()


def test_a_model_without_an_address_is_refused():
    with pytest.raises(ValueError, match="base_url"):
        OpenAIGenerator(GenerationSettings())
