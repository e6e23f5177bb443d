"""What a question asks for, and the sentences that hold such a thing."""

import pytest

from footnote.chat.answer_types import AskedFor


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many keepers are there?", "number"), ("Wie viele Fahrräder sind es?", "number"),
        ("Combien coûte le pain ?", "number"), ("¿Cuántos barcos hay?", "number"), ("Quanti sono?", "number"),
        ("Hoeveel kost het?", "number"), ("Quantos barcos há?", "number"), ("When was it built?", "date"),
        ("In which year did she come?", "date"), ("Wann wurde er gebaut?", "date"), ("Quand ?", "date"),
        ("¿Cuándo abre?", "date"), ("Wanneer opent het?", "date"), ("Who is the keeper?", "name"),
        ("Qui est le gardien ?", "name"), ("¿Quién vive allí?", "name"), ("Where do ships land?", "name"),
        ("Why was it closed?", "reason"), ("Warum ist er zu?", "reason"), ("What is a lighthouse?", None),
        ("Tell me about bread.", None), ("Wer ist denn der Hausmeister von diesem Haus?", None),
    ],
)  # fmt: skip
def test_the_form_of_a_question_tells_what_it_asks_for(question, kind):
    assert AskedFor(question).type == kind


@pytest.mark.parametrize(
    ("question", "holds", "lacks"),
    [
        ("When was it built?", "It was built in 1912.", "It was built by hand."),
        ("In which month of 1912 did it burn?", "It burned in March 1912.", "It burned in 1912."),
        ("How many keepers are there?", "There are three of them.", "There are keepers."),
        ("Who built the tower?", "It was built by Tomas Duarte.", "The tower was built long ago."),
        ("Why was it closed?", "It was closed because of the storm.", "It was closed."),
    ],
)  # fmt: skip
def test_a_sentence_fits_if_it_holds_such_a_thing_beyond_the_questions_own(question, holds, lacks):
    assert AskedFor(question).fits(holds) == 1.0
    assert AskedFor(question).fits(lacks) == -1.0


def test_a_question_that_does_not_say_leaves_it_open():
    assert AskedFor("What is a lighthouse?").fits("A tower of 1912.") == 0.0
