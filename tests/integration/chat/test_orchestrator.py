"""One question's way through, on real stores and the real embedding model; generation models are scripted."""

import asyncio
from contextlib import aclosing

import pytest

from footnote.chat import ChatQuestion, Citation, Done, Restart, Retrieval, Token, Usage
from footnote.chat.generators import NO_MODEL
from footnote.models import FallbackGenerator, GenerationDelta
from footnote.models import Usage as ModelUsage
from footnote.platform.errors import InvalidRequest, ModelUnavailable, NotFound, ServiceUnavailable
from footnote.platform.ids import new_id
from tests.support.chat import NoEmbedder, ScriptedGenerator
from tests.support.corpus import FIRST_PAGE, SECOND_PAGE, Text, index
from tests.support.organizations import new_member, new_organization

QUESTION = "When was the lighthouse of Farol built?"


async def events_of(chat, context, message=QUESTION, **options):
    return [event async for event in chat.orchestrator.stream(context, ChatQuestion(message, **options))]


async def answer_of(chat, context, message=QUESTION, **options):
    return await chat.orchestrator.answer(context, ChatQuestion(message, **options))


def finished(text="", **options):
    return GenerationDelta(text, finished=True, model="scripted", finish_reason="stop", **options)


def model(*deltas):
    return lambda extractive: ScriptedGenerator(*deltas)


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


async def test_a_turn_that_cannot_be_stored_is_no_answer(make_chat, knowing, conversations):
    class Failing:
        def __getattr__(self, name):
            return getattr(conversations, name)

        async def append_turn(self, context, turn):
            raise ServiceUnavailable("The database cannot be reached right now.")

    stream = make_chat(conversations=Failing()).orchestrator.stream(knowing, ChatQuestion(QUESTION))
    events = []

    async def collect():
        async for event in stream:
            events.append(event)

    with pytest.raises(ServiceUnavailable):
        await collect()
    assert any(isinstance(event, Token) for event in events)
    assert not any(isinstance(event, Done) for event in events)


async def test_a_session_deleted_meanwhile_takes_no_turn(make_chat, knowing, conversations):
    chat = make_chat()
    first = await answer_of(chat, knowing)

    async def delete():
        await conversations.delete(knowing, first.session_id)

    deleting = make_chat(model("It was ", delete, "built in 1912 [1].", finished()))
    with pytest.raises(NotFound):
        await answer_of(deleting, knowing, session_id=first.session_id)


async def test_a_follow_up_is_understood_from_the_session(make_chat, knowing):
    chat = make_chat()
    first = await answer_of(chat, knowing)
    second = await answer_of(chat, knowing, "Who is its keeper?", session_id=first.session_id)
    assert "Ines Duarte" in second.text
    assert second.session_id == first.session_id
    third = await answer_of(chat, knowing, "How high is it?", session_id=first.session_id)
    assert "forty metres" in third.text


async def test_a_model_is_given_the_last_turns_without_old_citation_numbers(make_chat, knowing):
    chat = make_chat(history_turns=1)
    first = await answer_of(chat, knowing)
    await answer_of(chat, knowing, "Who is its keeper?", session_id=first.session_id)
    asked = ScriptedGenerator("It is forty metres high [1].", finished())
    await answer_of(
        make_chat(lambda extractive: asked, history_turns=1),
        knowing,
        "How high is it?",
        session_id=first.session_id,
    )
    request = asked.requests[0]
    assert [turn.actor for turn in request.history] == ["user", "assistant"]
    assert request.history[0].text == "Who is its keeper?"
    assert "[" not in request.history[1].text
    assert [passage.number for passage in request.passages] == list(range(1, len(request.passages) + 1))
    assert 0 < request.timeout_s <= 25


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


async def test_an_unknown_session_is_not_found(make_chat, knowing):
    with pytest.raises(NotFound):
        await answer_of(make_chat(), knowing, session_id=new_id())


async def test_a_client_that_closes_the_stream_leaves_what_it_saw(make_chat, knowing, conversations):
    chat = make_chat(
        model("The lighthouse was built in 1912 [1]. ", "It is forty", " metres high.", finished())
    )
    async with aclosing(chat.orchestrator.stream(knowing, ChatQuestion(QUESTION))) as events:
        async for event in events:
            if isinstance(event, Citation):
                break
    (session,) = await conversations.sessions(knowing, before=None, limit=10)
    question, answer = await conversations.messages(knowing, session.id, after=0, limit=10)
    assert question.text == QUESTION
    assert answer.text == "The lighthouse was built in 1912 [1]."[: len(answer.text)]
    assert answer.metadata["interrupted"]
    assert answer.metadata["finish_reason"] == "interrupted"
    assert len(answer.sources) == 1


async def test_a_cancelled_request_leaves_what_it_saw(make_chat, knowing, conversations):
    reached = asyncio.Event()

    async def hang():
        reached.set()
        await asyncio.sleep(60)

    scripted = ScriptedGenerator("The lighthouse was built in 1912 [1]. ", "It is", hang)
    chat = make_chat(lambda extractive: scripted)
    task = asyncio.create_task(events_of(chat, knowing))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scripted.closed
    (session,) = await conversations.sessions(knowing, before=None, limit=10)
    _, answer = await conversations.messages(knowing, session.id, after=0, limit=10)
    assert answer.text.startswith("The lighthouse was built in 1912 [1].")
    assert answer.metadata["interrupted"]


async def test_a_client_that_leaves_before_the_first_word_leaves_nothing(make_chat, knowing, conversations):
    async with aclosing(make_chat().orchestrator.stream(knowing, ChatQuestion(QUESTION))) as events:
        async for _ in events:
            break
    assert await conversations.sessions(knowing, before=None, limit=10) == []


async def test_members_and_organizations_in_one_process_never_meet(
    make_chat, module_database, database, embedder, conversations
):
    """Four members of two organizations talk at the same time through one orchestrator."""
    first, other = new_organization(module_database), new_organization(module_database)
    colleague = new_member(module_database, first)
    for context, canary in ((first, "amber"), (other, "cobalt")):
        text = f"The secret word of the house is {canary}. It is written on the door of the tower."
        await index(database, embedder, context, Text("House", [text]))
    chat = make_chat()
    question = "What is the secret word of the house?"

    async def talk(context):
        session_id = None
        texts = []
        for _ in range(4):
            done = await answer_of(chat, context, question, session_id=session_id)
            session_id = done.session_id
            texts.append(done.text + str(done.as_json()["sources"]))
        return session_id, texts

    results = await asyncio.gather(talk(first), talk(colleague), talk(other))
    for (session_id, texts), context, own, foreign in zip(
        results,
        (first, colleague, other),
        ("amber", "amber", "cobalt"),
        ("cobalt", "cobalt", "amber"),
        strict=True,
    ):
        assert all(own in text and foreign not in text for text in texts)
        (session,) = await conversations.sessions(context, before=None, limit=10)
        assert session.id == session_id
        assert session.message_count == 8
        for stranger in {first, colleague, other} - {context}:
            with pytest.raises(NotFound):
                await answer_of(chat, stranger, question, session_id=session_id)


async def test_two_turns_of_one_session_at_once_are_both_kept(
    make_chat, knowing, module_database, conversations
):
    chat = make_chat()
    first = await answer_of(chat, knowing)
    messages = [f"How high is the lighthouse, question {number}?" for number in range(5)]
    await asyncio.gather(
        *(answer_of(chat, knowing, message, session_id=first.session_id) for message in messages)
    )
    stored = await conversations.messages(knowing, first.session_id, after=0, limit=100)
    assert [message.position for message in stored] == list(range(1, 13))
    assert {message.text for message in stored if message.actor == "user"} == {QUESTION, *messages}


async def test_the_title_is_the_first_message_on_one_line(make_chat, knowing, conversations):
    message = "Please tell me,\nif you can, in which year the lighthouse of Farol was built and by whom."
    done = await answer_of(make_chat(), knowing, message)
    session = await conversations.session(knowing, done.session_id)
    assert session.title == "Please tell me, if you can, in which year the lighthouse of…"


class KnowingRewriter:
    """A `QueryRewriter` that always has the same question in mind."""

    def __init__(self):
        self.asked = []

    async def rewrite(self, context, message, history):
        self.asked.append((message, len(history)))
        return "At what hour does the bakery open?"


async def test_a_follow_up_is_searched_for_in_the_models_words(make_chat, knowing):
    rewriter = KnowingRewriter()
    chat = make_chat(rewriter=rewriter)
    first = await answer_of(chat, knowing, "What does the bakery sell?")
    done = await answer_of(chat, knowing, "And when?", session_id=first.session_id)
    assert rewriter.asked == [("And when?", 2)]
    assert done.sources[0].title == "Bakery"
