"""Which messages depend on the conversation, and what is searched for then."""

import math

import pytest

from footnote.knowledge import mixture, stand_alone
from footnote.models import Turn

HISTORY = (
    Turn("user", "When was the lighthouse of Farol built?"),
    Turn("assistant", "It was built in 1912."),
)


@pytest.mark.parametrize(
    "message",
    [
        "Who is its keeper?",
        "How does it work in winter when the sea is frozen?",
        "And what does the new contract say about the price?",
        "What about the harbour of the northern island in the bay?",
        "Wer hat diesen Turm im Winter des Jahres gebaut?",
        "Quelle est la hauteur de cette tour sur la côte ?",
    ],
)
def test_a_message_that_points_back_takes_the_question_before_along(message):
    query = stand_alone(message, HISTORY)
    assert query.text == f"{HISTORY[0].text} {message}"
    assert query.conversation == f"{HISTORY[0].text} {HISTORY[1].text} {message}"


def test_a_short_message_is_mixed_but_its_words_stay_alone():
    query = stand_alone("Opening hours of the museum?", HISTORY)
    assert query.text == "Opening hours of the museum?"
    assert query.conversation is not None


@pytest.mark.parametrize(
    "message",
    [
        "Which enzyme splits lactose in the small intestine of a person?",
        "Welche Farbe hat der Kreis auf der ersten Seite?",
        "How many calories does a portion of blueberry have?",
    ],
)
def test_a_message_that_stands_on_its_own_is_left_alone(message):
    assert stand_alone(message, HISTORY) == stand_alone(message, ())
    assert stand_alone(message, HISTORY).conversation is None


def test_without_history_nothing_depends_on_it():
    query = stand_alone("Who is its keeper?", ())
    assert (query.text, query.conversation) == ("Who is its keeper?", None)


def test_a_long_turn_before_never_pushes_the_message_out_of_the_window():
    history = (Turn("user", "word " * 400), Turn("assistant", "other " * 400))
    query = stand_alone("Why is that?", history)
    assert query.conversation is not None
    assert query.conversation.endswith("Why is that?")
    assert len(query.conversation) < 1_000


def test_the_mixture_has_unit_length_and_leans_to_the_question():
    question, conversation = [1.0, 0.0], [0.0, 1.0]
    mixed = mixture(question, conversation)
    assert math.isclose(math.hypot(*mixed), 1.0)
    assert mixed[0] == pytest.approx(2 * mixed[1])


def test_opposite_vectors_do_not_break_the_mixture():
    assert mixture([0.0, 0.0], [0.0, 0.0]) == [0.0, 0.0]
