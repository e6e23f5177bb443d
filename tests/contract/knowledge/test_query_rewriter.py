"""Follow-ups worded anew by a model behind a real connection."""

import json
from uuid import uuid4

import pytest

from footnote.knowledge import ModelQueryRewriter
from footnote.models import Turn
from footnote.models.providers.openai import OpenAIGenerator
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import GenerationSettings
from tests.support.wire import serving

HISTORY = (
    Turn("user", "When was the lighthouse of Farol built?"),
    Turn("assistant", "It was built in 1912 [1]."),
)
DONE = b"data: [DONE]\n\n"


def _event(text=None, finish=None):
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


def _answering(*texts):
    async def script(received, reply):
        await reply.head(200, content_type="text/event-stream")
        for piece in (*map(_event, texts), _event(finish="stop"), DONE):
            await reply.chunk(piece)
        await reply.end()

    return script


async def _silent(received, reply):
    await reply.head(200, content_type="text/event-stream")
    await reply.until_hung_up()


async def _refusing(received, reply):
    await reply.whole(400, b'{"error": {"message": "no"}}')


async def _rewritten(script):
    async with serving(script) as wire:
        model = OpenAIGenerator(GenerationSettings(base_url=f"{wire.url}/v1", model="qwen3"))
        try:
            rewriter = ModelQueryRewriter(model, timeout_s=0.5)
            return await rewriter.rewrite(OrganizationContext(uuid4()), "Who is its keeper?", HISTORY), wire
        finally:
            await model.close()


async def test_the_model_is_shown_the_conversation_and_asked_for_a_question():
    text, wire = await _rewritten(
        _answering("Who is the keeper of ", "the lighthouse of Farol?", "\nI hope this helps.")
    )
    assert text == "Who is the keeper of the lighthouse of Farol?"
    (received,) = wire.requests
    body = received.json()
    assert body["temperature"] == 0
    assert body["max_tokens"] <= 200
    system, user = body["messages"]
    assert "conversation" in system["content"]
    assert user["content"].splitlines()[:3] == [
        "User: When was the lighthouse of Farol built?",
        "Assistant: It was built in 1912.",
        "User: Who is its keeper?",
    ]


@pytest.mark.parametrize("script", [_silent, _refusing, _answering("<think>Hm.</think>")])
async def test_without_a_wording_in_time_there_is_none(script):
    text, _ = await _rewritten(script)
    assert text is None


async def test_reasoning_and_a_label_are_left_out():
    text, _ = await _rewritten(
        _answering("<think>It is the lighthouse.</think>", 'Query: "Who keeps the lighthouse?"')
    )
    assert text == "Who keeps the lighthouse?"
