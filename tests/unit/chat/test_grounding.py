"""Every sentence of an answer gets what it rests on, however the answer comes in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.chat.citations import CitationChecker, Cited, Text
from footnote.chat.grounding import Grounder
from footnote.chat.sentence_gate import SentenceGate
from footnote.models import EvidenceSpan, PromptPassage
from tests.support.chat import NoEmbedder, WordEmbedder

LIGHTHOUSE = "The lighthouse of Farol was built in 1912. It is forty metres high. Its keeper is Ines Duarte."
BAKERY = "The bakery opens at six in the morning. It sells bread made of rye. Prices rose in 2021."
PASSAGES = [PromptPassage(1, "Farol", LIGHTHOUSE, 0.8), PromptPassage(2, "Bakery", BAKERY, 0.5)]


async def run(pieces, *, drops=False, embedder=None, evidence=()):
    grounder = Grounder(PASSAGES, embedder or NoEmbedder())
    checker, gate = CitationChecker(grounder), SentenceGate(grounder, drops=drops)
    out = []
    for piece in pieces:
        async for checked in checker.feed(piece, evidence):
            out += [one async for one in gate.feed(checked)]
    async for checked in checker.finish():
        out += [one async for one in gate.feed(checked)]
    out += [one async for one in gate.finish()]
    text = "".join(one.text for one in out if isinstance(one, Text))
    return text, gate.grounding(), [one.span for one in out if isinstance(one, Cited)], gate


def told(text, grounding):
    return [(text[one.start : one.end], one.verdict, one.number) for one in grounding.sentences]


ANSWER = (
    "Here is a summary: The lighthouse was built in 1912 [1]. It is 40 metres high. Submarines use silent "
    "propellers. The bakery opens at six [2]."
)


async def test_each_sentence_is_judged_whether_it_cites_or_not():
    text, grounding, _, _ = await run(["Here is a summary:\n", *ANSWER.partition(": ")[2:]])
    assert told(text, grounding) == [
        ("Here is a summary:", "exempt", None),
        ("The lighthouse was built in 1912 [1].", "supported", 1),
        ("It is 40 metres high.", "supported", 1),
        ("Submarines use silent propellers.", "unsupported", None),
        ("The bakery opens at six [2].", "supported", 2),
    ]
    assert (grounding.supported, grounding.partial, grounding.unsupported, grounding.dropped) == (3, 0, 1, 0)
    assert 0.5 < grounding.score < 0.9


async def test_a_changed_figure_is_unsupported_where_the_true_one_is_not():
    text, grounding, spans, _ = await run(["The lighthouse of Farol was built in 1921 [1]."])
    assert text == "The lighthouse of Farol was built in 1921."
    assert spans == []
    assert [one.verdict for one in grounding.sentences] == ["unsupported"]


async def test_dropped_sentences_are_never_shown():
    text, grounding, spans, gate = await run([ANSWER[:70], ANSWER[70:140], ANSWER[140:]], drops=True)
    assert "Submarines" not in text
    assert "The bakery opens at six [2]." in text
    assert [span.number for span in spans] == [1, 2]
    assert gate.dropped == grounding.dropped == 1
    assert [text[one.start : one.end] for one in grounding.sentences][-1] == "The bakery opens at six [2]."


async def test_a_sentence_is_held_until_it_is_checked():
    grounder = Grounder(PASSAGES, NoEmbedder())
    gate = SentenceGate(grounder, drops=True)
    assert [one async for one in gate.feed(Text("Submarines use silent "))] == []
    assert [one async for one in gate.feed(Text("propellers. "))] == []
    assert [one async for one in gate.feed(Text("The bakery sells bread made of rye. And so on"))] == [
        Text(" The bakery sells bread made of rye.")
    ]


async def test_a_citation_behind_the_full_stop_belongs_to_the_sentence_before():
    text, grounding, _, _ = await run(
        ["The bakery opens at six. [2] The lighthouse is forty metres high. [1]"]
    )
    assert told(text, grounding) == [
        ("The bakery opens at six. [2]", "supported", 2),
        ("The lighthouse is forty metres high. [1]", "supported", 1),
    ]


async def test_an_exact_quotation_supports_itself():
    exact = EvidenceSpan(2, 40, 67)
    text, grounding, _, _ = await run(["It sells bread made of rye. [2]"], evidence=[exact])
    assert told(text, grounding) == [("It sells bread made of rye. [2]", "supported", 2)]
    assert grounding.score == 1.0


async def test_the_embedding_model_is_asked_only_where_words_are_not_enough_and_nothing_contradicts():
    class Agreeing(WordEmbedder):
        async def embed_queries(self, texts):
            self.calls += 1
            return [[1.0, 0.0] for _ in texts]

    embedder = Agreeing()
    await run(["The bakery opens at six in the morning."], embedder=embedder)
    assert embedder.calls == 0
    _, grounding, _, _ = await run(
        ["Rye loaves cost more than before in this bakery today."], embedder=embedder
    )
    assert embedder.calls == 1
    assert grounding.supported == 1
    _, grounding, _, _ = await run(["Rye loaves of this bakery rose to 17 euros lately."], embedder=embedder)
    assert grounding.unsupported == 1
    assert embedder.calls == 1


async def test_an_answer_in_another_language_is_judged_by_its_facts():
    english = [PromptPassage(1, "Farol", LIGHTHOUSE, 0.8, language="en")]
    grounder = Grounder(english, NoEmbedder())
    true = await grounder.judge("Der Leuchtturm von Farol wurde im Jahr 1912 gebaut und ist sehr hoch.")
    assert (true.verdict, true.span.number) == ("partial", 1)
    false = await grounder.judge("Der Leuchtturm von Farol wurde im Jahr 1921 gebaut und ist sehr hoch.")
    assert false.verdict == "unsupported"
    checker = CitationChecker(grounder)
    out = [
        one async for one in checker.feed("Der Leuchtturm wurde im Jahr 1912 gebaut und ist hoch [1]. Und")
    ]
    assert Cited(EvidenceSpan(1, 0, 42)) in out


async def test_an_admission_is_seen_and_needs_no_support():
    text, grounding, _, gate = await run(
        ["The bakery opens at six [2]. The documents do not say who owns it."]
    )
    assert gate.admits
    assert (grounding.supported, grounding.unsupported) == (1, 0)
    assert text.endswith("who owns it.")


@pytest.mark.parametrize("drops", [False, True])
@given(
    st.lists(
        st.sampled_from(
            [
                "The lighthouse was built in 1912 [1].", "It sells bread made of rye. [2]",
                "Submarines dive.", "Hello!", "\n", " ", "The documents do not say.", "[1]", "[9]",
                "- rye [2]\n", "Arrays a[i] are [x]. ",
            ]
        ),
        max_size=12,
    ),
    st.lists(st.integers(1, 9), max_size=60),
)  # fmt: skip
async def test_spans_lie_one_behind_the_other_wherever_the_stream_is_cut(drops, parts, cuts):
    whole = " ".join(parts)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(whole[at : at + cut])
        at += cut
    text, grounding, spans, _ = await run([*pieces, whole[at:]], drops=drops)
    at_once, grounding_at_once, _, _ = await run([whole], drops=drops)
    assert text == at_once
    assert grounding == grounding_at_once
    places = [(one.start, one.end) for one in grounding.sentences]
    assert places == sorted(places)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(before[1] <= after[0] for before, after in pairwise(places))
    shown = {number for number in (1, 2, 9) if f"[{number}]" in text}
    assert shown == {span.number for span in spans}
