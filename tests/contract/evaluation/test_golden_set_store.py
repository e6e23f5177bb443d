"""`GoldenSetStore` on Postgres."""

import asyncio
from datetime import UTC, datetime

import pytest

from footnote.chat import NewTurn
from footnote.evaluation import Creation, GoldenQuestion
from footnote.evaluation.evaluations import golden_question
from footnote.platform.errors import Conflict, InvalidRequest, NotFound
from footnote.platform.ids import new_id
from footnote.stores.postgres.conversations import PostgresConversationStore
from tests.support.organizations import new_member


async def create(stores, context, name="Leave", key=None, digest="d", most=50):
    return await stores.sets.create_set(context, (new_id(), name, "About"), Creation(key, digest), most)


async def test_a_set_is_made_listed_and_deleted(stores, context, make_set):
    golden, is_new = await create(stores, context)
    assert is_new
    assert (golden.name, golden.description, golden.questions, golden.revision) == ("Leave", "About", 0, 0)
    assert golden.created_by == context.user_id
    newer = await make_set(context)
    assert [one.id for one in await stores.sets.sets(context)] == [newer, golden.id]
    await stores.sets.delete_set(context, golden.id)
    for method in (stores.sets.get_set, stores.sets.delete_set):
        with pytest.raises(NotFound):
            await method(context, golden.id)


async def test_a_name_is_taken_once_in_an_organization(stores, context, stranger):
    await create(stores, context, "Same")
    await create(stores, stranger, "Same")
    with pytest.raises(Conflict, match="'Same' exists"):
        await create(stores, context, "Same")


async def test_the_same_request_makes_one_set(stores, context, stranger):
    first, is_new = await create(stores, context, "One", key="k")
    again, is_new_again = await create(stores, context, "One", key="k")
    assert (first.id, is_new, is_new_again) == (again.id, True, False)
    assert (await create(stores, stranger, "One", key="k"))[1]
    with pytest.raises(InvalidRequest, match="Idempotency-Key"):
        await create(stores, context, "Two", key="k", digest="other")


async def test_the_limit_holds_whatever_runs_at_the_same_time(stores, context):
    outcomes = await asyncio.gather(
        *(create(stores, context, f"Set {number}", most=3) for number in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 5
    assert len(await stores.sets.sets(context)) == 3


async def test_questions_come_back_as_they_were_given(stores, context, make_set):
    set_id = await make_set(context, 1)
    full = GoldenQuestion(
        id=new_id(),
        text="And on Sundays?",
        history=(("user", "When does it open?"), ("assistant", "At six.")),
        document_ids=(new_id(),),
        filenames=("bakery.txt",),
        answers=("Never", "Not at all"),
        tags=("hours", "ü"),
    )
    bare = GoldenQuestion(id=new_id(), text="Why?", unanswerable=True)
    golden = await stores.sets.replace_questions(context, set_id, [full, bare])
    assert (golden.questions, golden.revision) == (2, 2)
    assert await stores.sets.questions(context, set_id, after=0, limit=10) == [(1, full), (2, bare)]
    assert await stores.sets.questions(context, set_id, after=1, limit=10) == [(2, bare)]
    assert await stores.sets.questions(context, set_id, after=0, limit=1) == [(1, full)]
    assert (await stores.sets.replace_questions(context, set_id, [])).questions == 0


async def test_a_thousand_questions_are_one_statement(stores, context, make_set):
    set_id = await make_set(context, 1_000)
    assert (await stores.sets.get_set(context, set_id)).questions == 1_000
    (last,) = await stores.sets.questions(context, set_id, after=999, limit=5)
    assert last[1].text == "Question 1000?"


async def test_one_question_is_added_once(stores, context, make_set):
    set_id = await make_set(context, 2)
    question = golden_question(set_id, "New?", (), answers=("yes",), message_id=new_id())
    await stores.sets.add_question(context, set_id, question, 3)
    judged_again = golden_question(set_id, "New?", (), unanswerable=True, message_id=question.message_id)
    await stores.sets.add_question(context, set_id, judged_again, 3)
    found = await stores.sets.questions(context, set_id, after=2, limit=5)
    assert found == [(3, judged_again)]
    with pytest.raises(Conflict, match="at most 3"):
        await stores.sets.add_question(context, set_id, golden_question(set_id, "More?", ()), 3)


async def test_another_organization_sees_nothing(stores, context, stranger, make_set):
    set_id = await make_set(context)
    assert await stores.sets.sets(stranger) == []
    question = golden_question(set_id, "Mine?", (), unanswerable=True)
    for refused in (
        stores.sets.get_set(stranger, set_id),
        stores.sets.delete_set(stranger, set_id),
        stores.sets.replace_questions(stranger, set_id, [question]),
        stores.sets.add_question(stranger, set_id, question, 10),
        stores.sets.questions(stranger, set_id, after=0, limit=5),
    ):
        with pytest.raises(NotFound):
            await refused
    assert (await stores.sets.get_set(context, set_id)).questions == 3


async def test_documents_of_others_are_unknown(stores, context):
    missing = new_id()
    assert await stores.sets.unknown_documents(context, [missing]) == {missing}


async def test_an_answered_message_with_its_question_and_history(stores, database, context, module_database):
    conversations = PostgresConversationStore(database)
    session, answers = new_id(), []
    for number in (1, 2):
        turn = NewTurn(
            session_id=session,
            session_title="Title" if number == 1 else None,
            question_id=new_id(),
            question=f"Question {number}?",
            asked_at=datetime.now(UTC),
            answer_id=new_id(),
            answer=f"Answer {number}. [1]",
            sources=[{"number": 1, "document_id": str(new_id())}],
            metadata={},
        )
        await conversations.append_turn(context, turn)
        answers.append(turn)
    found = await stores.sets.answered_message(context, answers[1].answer_id)
    assert (found.question, found.answer) == ("Question 2?", "Answer 2. [1]")
    assert found.history == (("user", "Question 1?"), ("assistant", "Answer 1. [1]"))
    assert found.sources == tuple(answers[1].sources)
    assert (await stores.sets.answered_message(context, answers[0].answer_id)).history == ()
    colleague = new_member(module_database, context)
    for asker, message in ((colleague, answers[0].answer_id), (context, answers[0].question_id)):
        with pytest.raises(NotFound):
            await stores.sets.answered_message(asker, message)
    await conversations.delete(context, session)
    with pytest.raises(NotFound):
        await stores.sets.answered_message(context, answers[0].answer_id)
