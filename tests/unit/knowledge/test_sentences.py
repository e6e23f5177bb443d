"""Where sentences end."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.knowledge.sentences import sentence_spans


def split(text):
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Smith went to Washington, D.C. yesterday.", "He met Mr. J. R. Jones Jr. and left."],
        ["See Fig. 3 and Sec. 4.2 for details.", "The value is 3.14.", "It works, i.e. well."],
        ["The U.S. Army came.", "It is in the U.S.", "The end."],
        ["At 5 p.m. we leave.", "Shen et al. (2020) say so.", "Acme Inc. employs ten people."],
        ['He said "Stop!" and left.', '"Really?" he asked.', "(It was so.)", "Next one."],
        ["She said “It is done.”", "Then she left."],
        ["Then go...", "Maybe.", "Wait… what?", "Yes!"],
        ["IBM was founded in 1911.[11]", "It grew.[1][2]", "Then it split."],
        ["Visit https://example.com/a.b?c=d.", "It is free."],
        ["In chapter 3.", "The rest follows in 1999.", "It ends."],
        ["We used No. 5 and Art. 3 of it.", "He liked art.", "Then he left."],
        ["Am 3. Oktober 1990 war es so weit.", "Wir haben z.B. Hunde und bzw. Katzen.", "Das ist gut."],
        ["M. Dupont est là.", "Mme. Curie aussi.", "C'est fini."],
        ["El Sr. García vive en EE.UU. y trabaja.", "¿Qué tal?", "¡Bien!"],
        ["これは文です。", "次の文！", "「はい。」", "終わり？"],
        ["هل هذا صحيح؟", "نعم.", "انتهى۔", "جديد"],
        ["यह वाक्य है।", "दूसरा वाक्य है।"],
        ["It costs $5. 50 people came."],
    ],
    ids=lambda sentences: sentences[0][:30],
)
def test_sentences_come_back_as_they_were_written(sentences):
    joined = " ".join(sentences)
    if sentences[0].endswith("。"):
        joined = "".join(sentences)
    assert split(joined) == (sentences if len(sentences) > 1 else ["It costs $5.", "50 people came."])


def test_numbered_items_keep_their_number():
    assert split("1. Introduction\n2. Methods and data\nA. First item") == [
        "1. Introduction",
        "2. Methods and data",
        "A. First item",
    ]


def test_line_ends_end_sentences():
    assert split("a title\n\nA paragraph without an end\nnext line") == [
        "a title",
        "A paragraph without an end",
        "next line",
    ]


def test_texts_without_capitals_and_texts_taken_apart_are_split_too():
    assert split("the lift was measured . the results, e.g. the drag, agree . is it so ? yes .") == [
        "the lift was measured .",
        "the results, e.g. the drag, agree .",
        "is it so ?",
        "yes .",
    ]
    assert split("A wing in a slipstream . the span loading") == [
        "A wing in a slipstream .",
        "the span loading",
    ]
    assert split("hi there. how are you? fine") == ["hi there.", "how are you?", "fine"]


def test_closing_signs_may_stand_apart():
    assert split("« Quoi ? » dit-il. « Rien. »") == ["« Quoi ? » dit-il.", "« Rien. »"]


def test_nothing_comes_of_nothing():
    assert sentence_spans("") == []
    assert sentence_spans(" \n\t ") == []


@given(st.text(max_size=300) | st.text(alphabet=".!? \n\"'()[]Aa1。؟", max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_character_is_lost_and_spans_are_in_order(text):
    spans = sentence_spans(text)
    position = 0
    for start, end in spans:
        assert position <= start < end
        assert not text[position:start].strip()
        assert text[start:end].strip() == text[start:end]
        position = end
    assert not text[position:].strip()


@pytest.mark.parametrize(
    "pattern", ["a", ". ", "\n ", "A. ", "1. ", ".", ".[1]", "(", " x" + " " * 50, ".)", "e.g. "], ids=repr
)
def test_time_grows_with_the_length_only(pattern):
    def cost(size):
        text = pattern * (size // len(pattern))
        started = time.process_time()
        sentence_spans(text)
        return time.process_time() - started

    cost(20_000)
    small = min(cost(50_000) for _ in range(3))
    assert cost(400_000) < 8 * max(small, 0.005) * 4
