"""Citations are checked while an answer is written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.chat.citations import CitationChecker, Cited, Text
from footnote.chat.grounding import Grounder
from footnote.models import EvidenceSpan, PromptPassage
from tests.support.chat import NoEmbedder, WordEmbedder

LIGHTHOUSE = (
    "The lighthouse of Farol was built in 1912. It is forty metres high. Its keeper is Ines Duarte, "
    "who came to the island in 1998."
)
BAKERY = "The bakery opens at six in the morning. It sells bread made of rye. Prices rose in 2021."


def passage(number, text):
    return PromptPassage(number=number, title=f"Document {number}", text=text, score=0.8)


PASSAGES = [passage(1, LIGHTHOUSE), passage(2, BAKERY)]


async def run(pieces, passages=PASSAGES, embedder=None, evidence=()):
    checker = CitationChecker(Grounder(passages, embedder or NoEmbedder()))
    out = []
    for piece in pieces:
        async for one in checker.feed(piece, evidence):
            out.append(one)
    async for one in checker.finish():
        out.append(one)
    text = "".join(one.text for one in out if isinstance(one, Text))
    return text, [one.span for one in out if isinstance(one, Cited)], checker


def quoted(span, passages=PASSAGES):
    return passages[span.number - 1].text[span.start : span.end]


async def test_a_citation_that_holds_is_kept_with_the_sentence_it_rests_on():
    text, spans, checker = await run(["The lighthouse of Farol dates from 1912 [1]."])
    assert text == "The lighthouse of Farol dates from 1912 [1]."
    assert [quoted(span) for span in spans] == ["The lighthouse of Farol was built in 1912."]
    assert (checker.kept, checker.removed) == (1, 0)


@pytest.mark.parametrize("cut", range(1, 45))
async def test_where_the_stream_is_cut_makes_no_difference(cut):
    whole = "The lighthouse of Farol dates from 1912 [1]. The bakery opens at six [2]."
    text, spans, _ = await run([whole[:cut], whole[cut:]])
    assert text == whole
    assert [span.number for span in spans] == [1, 2]


async def test_a_passage_that_was_not_supplied_is_not_cited():
    text, spans, checker = await run(["Nobody supplied a word about submarines [7]."])
    assert text == "Nobody supplied a word about submarines."
    assert spans == []
    assert checker.removed == 1


async def test_a_wrong_number_is_corrected_to_the_passage_that_supports_the_sentence():
    text, spans, checker = await run(["The bakery sells bread made of rye [1]."])
    assert text == "The bakery sells bread made of rye [2]."
    assert quoted(spans[0]) == "It sells bread made of rye."
    assert checker.removed == 0


async def test_a_citation_that_nothing_supports_is_removed():
    text, spans, checker = await run(["Submarines of the navy use silent propellers [1]. More follows."])
    assert text == "Submarines of the navy use silent propellers. More follows."
    assert (spans, checker.removed) == ([], 1)


async def test_a_figure_that_the_passage_does_not_hold_is_not_supported():
    _, spans, checker = await run(["The keeper came to the lighthouse in 1956 [1]."])
    assert spans == []
    assert checker.removed == 1


async def test_other_words_with_the_same_meaning_are_left_to_the_embedding_model():
    claim = ["Rye loaves are baked by early risers at dawn [2]."]
    _, without, _ = await run(claim)
    assert without == []

    class Agreeing(WordEmbedder):
        async def embed_queries(self, texts):
            return [[1.0, 0.0] for _ in texts]

    _, spans, _ = await run(claim, embedder=Agreeing())
    assert [span.number for span in spans] == [2]


@pytest.mark.parametrize(
    "written",
    ["[1, 2]", "[1][2]", "[1-2]", "【1】【2】", "[Source 1][Source 2]", "[1; 2]", "[1†L3-L9][2]"],
)
async def test_every_way_of_writing_citations_comes_out_the_same(written):
    claim = "The lighthouse was built in 1912 and the bakery opens at six in the morning"
    embedder = WordEmbedder()
    text, spans, _ = await run([f"{claim} {written}."], embedder=embedder)
    assert text == f"{claim} [1][2]."
    assert [span.number for span in spans] == [1, 2]


async def test_a_citation_at_the_beginning_waits_for_its_sentence():
    text, spans, _ = await run(["According to [1]", ", the lighthouse was ", "built in 1912. And so on."])
    assert text == "According to [1], the lighthouse was built in 1912. And so on."
    assert [span.number for span in spans] == [1]


async def test_a_citation_after_the_full_stop_belongs_to_the_sentence_before():
    text, spans, _ = await run(["The bakery opens at six. [2] The lighthouse is forty metres high. [1]"])
    assert text == "The bakery opens at six. [2] The lighthouse is forty metres high. [1]"
    assert [quoted(span) for span in spans] == [
        "The bakery opens at six in the morning.",
        "It is forty metres high.",
    ]


async def test_brackets_that_are_no_citation_pass():
    text, spans, checker = await run(["An array a[i] of [words", "] and [a link](x) stay [sic]."])
    assert text == "An array a[i] of [words] and [a link](x) stay [sic]."
    assert (spans, checker.removed) == ([], 0)


async def test_exact_evidence_is_taken_as_it_is():
    exact = EvidenceSpan(2, 40, 67)
    text, spans, _ = await run(["It sells bread made of rye. [2]"], evidence=[exact])
    assert text == "It sells bread made of rye. [2]"
    assert spans == [exact]


async def test_a_quotation_cannot_smuggle_a_citation_in():
    exact = EvidenceSpan(2, 40, 67)
    text, spans, checker = await run(["As in [1] and (source [3]) it sells rye. [2]"], evidence=[exact])
    assert "[1]" not in text
    assert "[3]" not in text
    assert spans == [exact]
    assert checker.removed == 2


async def test_the_same_passage_is_cited_once_for_one_sentence():
    text, spans, _ = await run(["The bakery opens at six in the morning [2][2] [2]."])
    assert text == "The bakery opens at six in the morning [2]."
    assert len(spans) == 1


PROSE = [
    "the",
    "lighthouse",
    "bakery",
    "opens",
    "1912",
    "1998",
    "rye",
    "keeper",
    "Ines",
    "In",
    ".",
    "!",
    "\n",
]
MARKS = [
    "[1]",
    "[2]",
    "[3]",
    "[99]",
    "[1,2]",
    "[1-9]",
    "[source 2]",
    "【2】",
    "[12345]",
    "[0]",
    "[",
    "]",
    "[x]",
]
WORDS = st.sampled_from([*PROSE, *MARKS])


@given(st.lists(WORDS, max_size=40), st.lists(st.integers(1, 7), max_size=40))
async def test_what_leaves_cites_supplied_passages_only_and_each_by_a_sentence_of_it(words, cuts):
    whole = " ".join(words)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(whole[at : at + cut])
        at += cut
    text, spans, checker = await run([*pieces, whole[at:]])
    shown = {int(number) for group in re.findall(r"\[(\d{1,4})\]", text) for number in [group]}
    assert shown <= {1, 2}
    assert shown == {span.number for span in spans}
    assert len(spans) == checker.kept
    for span in spans:
        assert 0 <= span.start < span.end <= len(PASSAGES[span.number - 1].text)
    without = re.sub(r"\s+", "", re.sub(r"[\[【](?:source )?\d[\d,-]{0,8}[\]】]", "", whole))
    left = re.sub(r"\s+", "", re.sub(r"\[\d{1,4}\]", "", text))
    assert left.replace("[12345]", "") == without.replace("[12345]", "")
