"""One question's way through, on real stores and the real embedding model; generation models are scripted."""

import pytest

from footnote.chat import ChatQuestion, Citation, Done, Restart, Retrieval, Token, Usage
from footnote.chat.generators import NO_MODEL
from footnote.models import FallbackGenerator
from footnote.models import Usage as ModelUsage
from footnote.platform.errors import InvalidRequest, ModelUnavailable
from tests.support.chat import QUESTION, NoEmbedder, ScriptedGenerator, answer_of, events_of, finished, model
from tests.support.corpus import FIRST_PAGE, SECOND_PAGE


async def test_the_extractive_answer_is_cited_and_stored_before_done(make_chat, knowing, conversations):
    chat = make_chat()
    stored = None
    names = []
    async for event in chat.orchestrator.stream(knowing, ChatQuestion(QUESTION)):
        names.append(type(event))
        if isinstance(event, Done):
            stored = await conversations.messages(knowing, event.answer.session_id, after=0, limit=10)
            done = event.answer
    assert names[0] is Retrieval
    assert names[-2:] == [Usage, Done]
    assert {Token, Citation} <= set(names)
    assert done.text.startswith("The lighthouse of Farol was built in 1912 by Tomas Duarte. [")
    assert [message.text for message in stored] == [QUESTION, done.text]
    assert stored[1].sources == [source.as_json() for source in done.sources]
    assert stored[1].metadata == done.metadata.as_json()
    assert (stored[1].id, stored[1].position) == (done.message_id, 2)


async def test_a_source_says_exactly_what_it_rests_on(make_chat, knowing):
    done = await answer_of(make_chat(), knowing, "Where do ships land on the island?")
    source = done.as_json()["sources"][0]
    assert f"[{source['number']}]" in done.text
    assert source["title"] == "Farol"
    assert source["page"] == 2
    assert source["location"] == {"kind": "page", "from": 2, "to": 2, "label": None}
    document = f"{FIRST_PAGE}\n{SECOND_PAGE}"
    for evidence in source["evidence"]:
        assert document[evidence["start"] : evidence["end"]] == evidence["text"]
        assert evidence["text"] in done.text
        assert evidence["text"] in source["excerpt"]
    assert source["span"]["start"] == source["evidence"][0]["start"]
    assert 0 < source["relevance_score"] <= 1
    metadata = done.as_json()["metadata"]
    assert metadata["strategy"] == "hybrid"
    assert metadata["model_used"] == "extractive"
    assert metadata["passages_considered"] == 2  # the guide's two chunks are one passage
    assert metadata["tokens_used"] > 0
    assert not metadata["cached"]
    assert metadata["degraded"] is None


async def test_what_the_documents_do_not_say_is_refused_without_asking_a_model(make_chat, knowing, context):
    done = await answer_of(make_chat(), knowing, "Which enzyme splits lactose in the small intestine?")
    assert done.metadata.abstained
    assert done.sources == ()
    assert done.text.startswith("The documents do not say")


async def test_an_empty_organization_costs_no_model_call(make_chat, context):
    asked = ScriptedGenerator("The moon is made of cheese [1].", finished())
    done = await answer_of(make_chat(grounded=lambda extractive: asked), context)
    assert asked.requests == []
    assert done.metadata.abstained


async def test_a_models_citations_are_corrected_before_they_are_shown(make_chat, knowing):
    chat = make_chat(
        model(
            "The lighthouse of Farol was ", "built in 1912 [", "1]. ",
            "Submarines use silent propellers [2]. ", "The bakery opens at six [9].",
            finished(usage=ModelUsage(200, 30)),
        )
    )  # fmt: skip
    events = await events_of(chat, knowing)
    shown = "".join(event.text for event in events if isinstance(event, Token))
    done = events[-1].answer
    assert done.text == shown
    assert "propellers. The" in shown
    by_number = {source.number: source for source in done.sources}
    assert {source.title for source in done.sources} == {"Farol", "Bakery"}
    assert f"opens at six [{next(n for n, s in by_number.items() if s.title == 'Bakery')}]." in shown
    assert done.metadata.citations_removed == 1
    assert done.metadata.model_used == "scripted"
    assert done.metadata.tokens_used == 230
    assert Usage(200, 30) in events


def falling_back(*deltas):
    """A model with the extractive answerer behind it, as production composes them."""
    return lambda extractive: FallbackGenerator((ScriptedGenerator(*deltas), extractive))


async def test_a_model_that_fails_midway_is_replaced_and_the_client_told(make_chat, knowing):
    chat = make_chat(falling_back("The lighthouse was built in 1234 ", ModelUnavailable("down")))
    events = await events_of(chat, knowing)
    names = [type(event) for event in events]
    restarted = names.index(Restart)
    assert Token in names[:restarted]
    shown = "".join(event.text for event in events[restarted:] if isinstance(event, Token))
    done = events[-1].answer
    assert done.text == shown
    assert "1234" not in done.text
    assert "1912" in done.text
    assert done.metadata.degraded == "The generation model failed; another one answered."
    assert done.metadata.model_used == "extractive"


async def test_a_model_that_fails_at_once_is_replaced_silently_but_not_secretly(make_chat, knowing):
    events = await events_of(make_chat(falling_back(ModelUnavailable("down"))), knowing)
    assert Restart not in [type(event) for event in events]
    done = events[-1].answer
    assert "1912" in done.text
    assert done.metadata.model_used == "extractive"
    assert done.metadata.degraded == "The generation model failed; another one answered."


GROUNDED = "The lighthouse of Farol was built in 1912 [1]. "
INVENTED = "Submarines of the navy use silent propellers. "


async def test_what_each_sentence_rests_on_is_told_and_stored(make_chat, knowing, conversations):
    done = await answer_of(make_chat(model(GROUNDED, INVENTED, finished())), knowing)
    grounding = done.metadata.grounding
    assert (grounding.supported, grounding.unsupported) == (1, 1)
    assert [(done.text[one.start : one.end], one.verdict) for one in grounding.sentences] == [
        (GROUNDED.strip(), "supported"),
        (INVENTED.strip(), "unsupported"),
    ]
    assert done.metadata.answered == "full"
    _, stored = await conversations.messages(knowing, done.session_id, after=0, limit=2)
    assert stored.metadata["grounding"]["sentences"][1]["verdict"] == "unsupported"


async def test_what_nothing_supports_is_never_shown_where_it_is_to_be_dropped(make_chat, knowing):
    chat = make_chat(model(INVENTED, GROUNDED, INVENTED, finished()), unsupported="drop")
    events = await events_of(chat, knowing)
    shown = "".join(event.text for event in events if isinstance(event, Token))
    done = events[-1].answer
    assert done.text == shown.strip() == GROUNDED.strip()
    assert done.metadata.grounding.dropped == 2


@pytest.mark.parametrize("unsupported", ["mark", "drop"])
async def test_an_answer_without_any_support_gives_way_to_the_documents_own_words(
    make_chat, knowing, unsupported
):
    chat = make_chat(model(INVENTED, INVENTED, finished(usage=ModelUsage(200, 30))), unsupported=unsupported)
    events = await events_of(chat, knowing)
    restarts = [event for event in events if isinstance(event, Restart)]
    assert len(restarts) == (1 if unsupported == "mark" else 0)
    done = events[-1].answer
    assert "1912" in done.text
    assert "Submarines" not in done.text
    assert done.metadata.model_used == "extractive"
    assert done.metadata.degraded.startswith("No document supports what the generation model wrote")
    assert done.metadata.tokens_used > 230


async def test_an_answer_without_any_support_becomes_a_refusal_if_the_documents_say_nothing(
    make_chat, knowing
):
    asked = "Which enzyme splits lactose in the small intestine?"
    done = await answer_of(make_chat(model("Lactase splits it there. ", finished())), knowing, asked)
    assert done.metadata.abstained
    assert done.metadata.answered == "none"
    assert done.sources == ()


async def test_unsupported_sentences_can_be_kept_without_a_mark(make_chat, knowing):
    done = await answer_of(make_chat(model(INVENTED, finished()), unsupported="keep"), knowing)
    assert done.text == INVENTED.strip()
    assert done.metadata.grounding.unsupported == 1
    assert done.metadata.grounding.sentences == ()


async def test_a_model_that_admits_not_to_know_abstains(make_chat, knowing):
    done = await answer_of(make_chat(model("The documents do not say.", finished())), knowing)
    assert done.text == "The documents do not say."
    assert (done.metadata.abstained, done.metadata.answered) == (True, "none")


async def test_a_model_that_answers_a_part_and_says_so_is_told_as_partial(make_chat, knowing):
    said = "The documents do not say who painted it."
    done = await answer_of(make_chat(model(GROUNDED, said, finished())), knowing)
    assert (done.metadata.abstained, done.metadata.answered) == (False, "partial")


async def test_an_extractive_answer_to_a_part_says_so(make_chat, knowing):
    asked = "When was the lighthouse of Farol built and who painted the ceiling?"
    done = await answer_of(make_chat(), knowing, asked)
    assert "was built in 1912" in done.text
    assert done.text.endswith("this part of the question: “who painted the ceiling”.")
    assert (done.metadata.abstained, done.metadata.answered) == (False, "partial")
    assert [one.verdict for one in done.metadata.grounding.sentences][-1] == "exempt"


async def test_when_every_generator_fails_nothing_is_stored(make_chat, knowing, conversations):
    chat = make_chat(model("The light", ModelUnavailable("down")))
    with pytest.raises(ModelUnavailable):
        await events_of(chat, knowing)
    assert await conversations.sessions(knowing, before=None, limit=10) == []


async def test_without_the_embedding_model_the_answer_says_that_it_is_degraded(make_chat, knowing):
    done = await answer_of(make_chat(embedder=NoEmbedder()), knowing)
    assert "1912" in done.text
    assert done.metadata.strategy == "lexical"
    assert done.metadata.degraded


async def test_without_documents_and_without_a_model_nothing_is_invented(make_chat, knowing):
    done = await answer_of(make_chat(), knowing, enable_rag=False)
    assert done.text == NO_MODEL
    assert done.metadata.abstained
    assert done.metadata.strategy == "none"


async def test_a_model_answers_without_documents_if_asked_to(make_chat, knowing):
    free = ScriptedGenerator("Bread is made of flour [1].", finished())
    done = await answer_of(make_chat(free=free), knowing, enable_rag=False)
    assert done.text == "Bread is made of flour."
    assert free.requests[0].passages == ()
    assert done.sources == ()


@pytest.mark.parametrize("message", ["", "   \n", "x" * 2001])
async def test_a_message_that_is_none_is_refused(make_chat, knowing, message):
    with pytest.raises(InvalidRequest):
        await answer_of(make_chat(), knowing, message)
