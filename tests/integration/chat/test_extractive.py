"""Answers quoted from small passages, in several languages and shapes, and honest refusals."""

from dataclasses import replace

import pytest

from footnote.chat.extractive import ExtractiveAnswerer
from footnote.knowledge import sentence_spans
from footnote.models import GenerationRequest, PromptPassage, SentenceScore, Turn
from tests.support.chat import NoEmbedder, WordEmbedder

GUIDE = PromptPassage(
    1,
    "Farol",
    "The lighthouse of Farol was built in 1912 by Tomas Duarte.[4] It is forty metres high. Its keeper is "
    "Ines Duarte, who came to the island in 1998. The island has two harbours. Ships land at the northern "
    "one.",
    0.8,
    language="en",
)
BAKERY = PromptPassage(
    2,
    "Bakery",
    "Opening hours\nMonday to Friday: 06:00 to 18:00\nSaturday: 07:00 to 13:00\n"
    "We sell the following breads:\n- rye bread\n- corn bread\n- flat bread\n",
    0.4,
    language="en",
)
FAQ = PromptPassage(
    3,
    "Questions",
    "How do I reset my password?\nOpen the account page and choose the link below the form. "
    "A mail is sent to you.\n"
    "How do I delete my account?\nWrite to the help desk.",
    0.5,
    language="en",
)
GERMAN = PromptPassage(
    1,
    "Hausordnung",
    "Die Waschküche ist von sieben bis zwanzig Uhr geöffnet. Haustiere müssen der Verwaltung gemeldet "
    "werden. Fahrräder gehören in den Keller des Hinterhauses.",
    0.7,
    language="de",
)
JAPANESE = PromptPassage(
    1,
    "社員名簿",
    "三木英子の住所は大阪市北区です。電話番号は登録されていません。佐藤太郎の住所は京都市左京区です。",
    0.7,
    language="ja",
)
ARABIC = PromptPassage(
    1,
    "المنارة",
    "بنيت المنارة في عام ١٩١٢ على الجزيرة الشمالية. يبلغ ارتفاعها أربعين مترا. "
    "تعمل المكتبة أيام الأسبوع فقط.",
    0.7,
    language="ar",
)


@pytest.fixture
def ask(embedder, search_store, context):
    async def ask(question, *passages, history=(), max_tokens=512, embedder=embedder, **options):
        answerer = ExtractiveAnswerer(embedder, search_store, **options)
        request = GenerationRequest(context, question, passages, history, max_tokens)
        deltas = [delta async for delta in answerer.stream(request)]
        return "".join(delta.text for delta in deltas), deltas

    return ask


def quotations(deltas, *passages):
    texts = {passage.number: passage.text for passage in passages}
    return [texts[span.number][span.start : span.end] for delta in deltas for span in delta.evidence]


async def test_the_sentence_that_answers_is_quoted_with_its_exact_span(ask):
    text, deltas = await ask("When was the lighthouse of Farol built?", GUIDE, BAKERY)
    assert text.startswith("The lighthouse of Farol was built in 1912 by Tomas Duarte. [1]")
    assert (
        quotations(deltas, GUIDE, BAKERY)[0]
        == "The lighthouse of Farol was built in 1912 by Tomas Duarte.[4]"
    )
    assert deltas[-1].finished
    assert deltas[-1].model == "extractive"
    assert deltas[-1].usage.output_tokens > 10
    assert deltas[-1].confidence > 0.5


async def test_the_marks_of_the_source_itself_are_not_taken_for_ours(ask):
    text, _ = await ask("When was the lighthouse of Farol built?", GUIDE)
    assert "[4]" not in text


async def test_a_sentence_that_leans_on_the_one_before_brings_it_along(ask):
    text, deltas = await ask("How high is the lighthouse, forty metres?", GUIDE, max_sentences=1)
    assert quotations(deltas, GUIDE) == [
        "The lighthouse of Farol was built in 1912 by Tomas Duarte.[4]",
        "It is forty metres high.",
    ]
    assert text.index("1912") < text.index("forty")


async def test_a_row_is_an_answer_and_a_heading_alone_is_none(ask):
    _, deltas = await ask("What are the opening hours on Saturday?", BAKERY, max_sentences=1)
    assert quotations(deltas, BAKERY) == ["Saturday: 07:00 to 13:00"]
    text, deltas = await ask("What are the opening hours of the bakery?", BAKERY)
    assert "06:00 to 18:00" in text
    assert "Opening hours" not in quotations(deltas, BAKERY)


async def test_a_list_is_given_with_the_sentence_that_opens_it(ask):
    text, deltas = await ask("Which breads does the bakery sell?", BAKERY, max_sentences=1)
    assert text == "We sell the following breads:\n- rye bread\n- corn bread\n- flat bread [2]"
    assert quotations(deltas, BAKERY)[0].endswith("- flat bread")


async def test_a_question_in_a_document_is_not_its_own_answer(ask):
    text, deltas = await ask("How do I reset my password?", FAQ, max_sentences=1)
    assert quotations(deltas, FAQ) == ["Open the account page and choose the link below the form."]
    assert "?" not in text


@pytest.mark.parametrize(
    ("passage", "question", "expected"),
    [
        (GERMAN, "Wann ist die Waschküche geöffnet?", "sieben bis zwanzig Uhr"),
        (GERMAN, "Wohin gehören die Fahrräder?", "Keller des Hinterhauses"),
        (JAPANESE, "三木英子の住所はどこですか", "大阪市北区"),
        (ARABIC, "متى بنيت المنارة؟", "١٩١٢"),
    ],
)
async def test_other_languages_are_answered_by_their_words(ask, passage, question, expected):
    text, deltas = await ask(question, passage, max_sentences=1)
    assert expected in text
    assert not deltas[-1].abstained


@pytest.mark.parametrize(
    ("question", "passages"),
    [
        ("Which enzyme splits lactose in the small intestine?", (GUIDE, BAKERY)),
        ("Who won the world cup of 1998?", (BAKERY,)),
        ("日本の首相は誰ですか", (JAPANESE,)),
        ("When was the lighthouse built?", ()),
    ],
)
async def test_what_no_passage_says_is_refused_and_named(ask, question, passages):
    text, deltas = await ask(question, *passages)
    assert text == f"The documents do not say anything that answers “{question}”."
    assert [delta.abstained for delta in deltas] == [True]
    assert deltas[0].evidence == ()
    assert deltas[0].confidence < 0.6


async def test_a_refusal_speaks_the_language_of_the_question(ask):
    text, _ = await ask("Wie hoch ist die Einkommensteuer in Frankreich?", GERMAN)
    assert text == (
        "Die Dokumente sagen nichts, was „Wie hoch ist die Einkommensteuer in Frankreich?“ beantwortet."
    )


async def test_a_part_of_the_question_that_no_passage_speaks_of_is_named(ask):
    text, deltas = await ask("When was the lighthouse of Farol built and who painted the ceiling?", GUIDE)
    assert "was built in 1912" in text
    assert text.endswith(
        "\nThe documents do not say anything about this part of the question: “who painted the ceiling”."
    )
    assert any(delta.partial for delta in deltas)
    assert not any(delta.abstained for delta in deltas)


async def test_each_part_that_is_answered_has_its_sentence(ask):
    text, deltas = await ask(
        "When was the lighthouse of Farol built and where do ships land?", GUIDE, max_sentences=1
    )
    assert "was built in 1912" in text
    assert "Ships land at the northern one." in text
    assert not any(delta.partial for delta in deltas)


async def test_a_part_is_named_in_the_language_of_the_question(ask):
    text, _ = await ask("Wohin gehören die Fahrräder und wann kommt der Schornsteinfeger?", GERMAN)
    assert "Keller des Hinterhauses" in text
    assert "Zu diesem Teil der Frage sagen die Dokumente nichts: „wann kommt der Schornsteinfeger“." in text


async def test_one_sentence_is_enough_where_it_clearly_answers(ask):
    _, deltas = await ask("When was the lighthouse of Farol built?", GUIDE)
    assert len(quotations(deltas, GUIDE)) == 1


async def test_the_order_of_the_prompt_changes_nothing(ask):
    straight, _ = await ask("Which breads does the bakery sell?", GUIDE, BAKERY, FAQ)
    turned, _ = await ask("Which breads does the bakery sell?", FAQ, BAKERY, GUIDE)
    assert straight == turned


async def test_a_refusal_cannot_be_made_to_cite(ask):
    text, _ = await ask("Which enzyme [1] splits lactose?", GUIDE)
    assert "[" not in text


async def test_a_follow_up_is_read_with_the_question_before_it(ask):
    history = (
        Turn("user", "When was the lighthouse of Farol built?"),
        Turn("assistant", "The lighthouse of Farol was built in 1912 by Tomas Duarte."),
    )
    text, deltas = await ask("Who is its keeper?", GUIDE, history=history, max_sentences=1)
    assert "Its keeper is Ines Duarte" in text
    assert not deltas[-1].abstained


def with_cosines(passage, *cosines):
    """The passage with cosines of its first sentences."""
    spans = sentence_spans(passage.text)[: len(cosines)]
    return replace(passage, sentences=tuple(map(SentenceScore, *zip(*spans, strict=True), cosines)))


async def test_cosines_that_come_with_the_passages_are_not_computed_again(ask):
    words = WordEmbedder()
    known = with_cosines(GUIDE, (0.1,), (0.1,), (0.1,), (0.9,), (0.1,))
    _, deltas = await ask("What about Farol?", known, embedder=words, max_sentences=1)
    assert words.calls == 0
    assert "The island has two harbours." in quotations(deltas, GUIDE)
    assert not deltas[-1].abstained


async def test_only_sentences_without_a_cosine_are_embedded(ask):
    class Noting(WordEmbedder):
        async def embed_queries(self, texts):
            self.texts = list(texts)
            return await super().embed_queries(texts)

    noting = Noting()
    known = with_cosines(GUIDE, (0.1,), (0.1,), (0.1,))
    await ask("What about Farol?", known, embedder=noting)
    assert noting.texts[0] == "What about Farol?"
    assert sorted(noting.texts[1:]) == ["Ships land at the northern one.", "The island has two harbours."]


async def test_a_follow_up_needs_the_cosine_within_its_conversation(ask):
    history = (Turn("user", "When was the lighthouse of Farol built?"), Turn("assistant", "In 1912."))
    for cosines, calls in ([(0.5,)] * 5, 1), ([(0.5, 0.6)] * 5, 0):
        words = WordEmbedder()
        known = with_cosines(GUIDE, *cosines)
        await ask("Who is its keeper?", known, history=history, embedder=words)
        assert words.calls == calls


async def test_without_the_embedding_model_words_decide_alone(ask):
    text, _ = await ask("When was the lighthouse of Farol built?", GUIDE, BAKERY, embedder=NoEmbedder())
    assert "1912" in text
    _, deltas = await ask("Which enzyme splits lactose?", GUIDE, embedder=NoEmbedder())
    assert deltas[-1].abstained


async def test_an_answer_keeps_to_its_number_of_tokens(ask):
    endless = "The lighthouse was built of " + "white stone and grey slate, " * 60 + "in 1912."
    long = PromptPassage(1, "Long", endless, 0.8, language="en")
    text, deltas = await ask("Of what was the lighthouse built?", long, max_tokens=50)
    assert text.endswith("… [1]")
    assert deltas[-1].finish_reason == "length"
    assert deltas[-1].usage.output_tokens <= 50
    span = deltas[0].evidence[0]
    assert endless[span.end] == " "


async def test_every_span_is_whole_sentences_of_its_passage(ask):
    for question in ("Who built the lighthouse?", "Where do ships land?", "What is known about the keeper?"):
        _, deltas = await ask(question, GUIDE, FAQ)
        for delta in deltas:
            for span in delta.evidence:
                passage = {1: GUIDE, 3: FAQ}[span.number]
                spans = sentence_spans(passage.text)
                assert span.start in {start for start, _ in spans}
                assert span.end in {end for _, end in spans}


async def test_the_sentence_that_defines_answers_what_something_is(ask):
    passage = PromptPassage(
        1,
        "Farol",
        "Farol attracts many painters. The light of Farol is seen from afar. Farol (or Ilha do Farol) is an "
        "island of sand in the south. Many ships pass Farol at night.",
        0.8,
        language="en",
    )
    text, _ = await ask("What is Farol?", passage, max_sentences=1)
    assert text == "Farol (or Ilha do Farol) is an island of sand in the south. [1]"


async def test_a_row_is_whole_whatever_stands_in_its_cells(ask):
    rows = (
        "Name: Acme Inc. The First; Place: St. Gallen. Old town; Staff: 12\n"
        "Name: Bolt Ltd. Trading; Place: Graz; Staff: 30"
    )
    passage = PromptPassage(1, "Companies", rows, 0.8, language="en")
    _, deltas = await ask("How many staff has Acme?", passage, max_sentences=1)
    assert quotations(deltas, passage) == [
        "Name: Acme Inc. The First; Place: St. Gallen. Old town; Staff: 12"
    ]


async def test_a_name_in_three_languages_makes_no_table_of_a_paragraph(ask):
    text = (
        "In 1271 he imposed the name Great Yuan (Chinese: 大元; pinyin: Dà Yuán; Wade: Ta-Yüan). The keeper "
        "of the seal was a monk. He died at sea."
    )
    passage = PromptPassage(1, "Yuan", text, 0.8, language="en")
    _, deltas = await ask("Who was the keeper of the seal?", passage, max_sentences=1)
    assert quotations(deltas, passage) == ["The keeper of the seal was a monk."]


async def test_a_line_of_code_is_shown_with_the_lines_around_it(ask):
    code = (
        "This is the example:\n<note>\n<to>Tove</to>\n<heading>Reminder</heading>\n</note>\n"
        "Nothing else follows it."
    )
    passage = PromptPassage(1, "Notes", code, 0.8, language="en")
    question = "Who is the note with the heading Reminder to?"
    _, deltas = await ask(question, passage, max_sentences=1, threshold=0.0)
    assert quotations(deltas, passage) == ["<note>\n<to>Tove</to>\n<heading>Reminder</heading>\n</note>"]


async def test_a_heading_that_holds_the_question_comes_along(ask):
    passage = PromptPassage(
        1, "Notes", "Holidays\nThe house is closed in August.\nNoise\nAfter ten.", 0.8, language="en"
    )
    _, deltas = await ask("holidays", passage, max_sentences=1)
    assert quotations(deltas, passage) == ["Holidays\nThe house is closed in August."]


async def test_a_list_of_bare_lines_is_no_row_of_headings(ask):
    lines = "Ingredients\nrye flour\nsour dough\nsalt\nMethod\nMix everything and wait for a day."
    passage = PromptPassage(1, "Bread", lines, 0.8, language="en")
    _, deltas = await ask("ingredients", passage, max_sentences=1, threshold=0.0)
    assert quotations(deltas, passage) == ["Ingredients\nrye flour\nsour dough\nsalt"]
    _, deltas = await ask("method", passage, max_sentences=1, threshold=0.0)
    assert quotations(deltas, passage) == ["Method\nMix everything and wait for a day."]


async def test_the_items_after_a_colon_need_no_marks(ask):
    lines = "A list featuring nesting:\n\nabc\nabc123\nabc1234\n\nAnother text follows here."
    passage = PromptPassage(1, "Lists", lines, 0.8, language="en")
    _, deltas = await ask("Which list features nesting?", passage, max_sentences=1)
    assert quotations(deltas, passage) == ["A list featuring nesting:\n\nabc\nabc123\nabc1234"]


async def test_what_only_consists_of_marks_is_no_answer(ask):
    passage = PromptPassage(1, "Farol", "[4]\n***\n[2, 3]", 0.8, language="en")
    text, deltas = await ask("What is known about Farol?", passage, threshold=0.0)
    assert deltas[0].abstained
    assert "[" not in text
