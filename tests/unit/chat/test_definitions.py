"""Questions for what something is."""

import pytest

from footnote.chat.definitions import definition_of


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What is AutoGen?", "AutoGen is an open-source framework."),
        ("what's a lighthouse", "A lighthouse is a tower."),
        ("Who was Ada Lovelace?", "Ada Lovelace (1815-1852) was a mathematician."),
        ("What are prime numbers?", "Prime numbers are divisible by one and themselves."),
        ("Was ist ein Leuchtturm?", "Ein Leuchtturm ist ein Turm."),
        ("Qu'est-ce que la photosynthèse ?", "La photosynthèse est un processus."),
        ("¿Qué es la fotosíntesis?", "La fotosíntesis es un proceso."),
    ],
)
def test_the_sentence_that_defines_is_known_by_its_form(question, sentence):
    wanted = definition_of(question)
    assert wanted is not None
    assert wanted.match(sentence)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What is AutoGen?", "AutoGen agents are customizable."),
        ("What is AutoGen?", "Many people say that AutoGen is good."),
    ],
)
def test_other_sentences_about_the_thing_do_not_define_it(question, sentence):
    wanted = definition_of(question)
    assert wanted is not None
    assert not wanted.match(sentence)


@pytest.mark.parametrize(
    "question",
    [
        "When was Farol built?",
        "What is the name of the man who built the lighthouse of Farol?",
        "What is?",
        "is (x",
    ],
)
def test_other_questions_ask_for_no_definition(question):
    assert definition_of(question) is None


def test_signs_in_the_name_are_taken_literally():
    wanted = definition_of("What is C++ (the language)?")
    assert wanted is not None
    assert wanted.match("C++ (the language) is old.")


def test_what_letters_stand_for_is_a_definition():
    asked = definition_of("What does RAG stand for?")
    assert asked is not None
    assert asked.match("RAG, short for retrieval-augmented generation, is a way of answering questions.")
    assert asked.match("RAG stands for retrieval-augmented generation.")
    assert asked.match("Embedding: the vector that stands for the meaning of a text.") is None
    assert definition_of("What does the manager do?") is None
