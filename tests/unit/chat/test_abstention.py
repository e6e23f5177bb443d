"""What the decision to answer rests on."""

from dataclasses import replace

import pytest

from footnote.chat.abstention import CALIBRATIONS, Features, Observed, decide, observe
from footnote.chat.evidence import TermCoverage, candidates
from footnote.chat.reading import split_passage
from footnote.knowledge import TermAnalysis
from footnote.models import PromptPassage

PASSAGE = PromptPassage(1, "Farol", "The lighthouse of Farol was built in 1912. Its keeper is Ines.", 0.7)
QUESTION = "When was the lighthouse of Farol built by Tomas Duarte?"
SURE = Features(cosine=0.85, answer=0.85, coverage=1.0, passage=1.0, missing=0.0, names=0.0)
LOST = Features(cosine=0.1, answer=0.1, coverage=0.05, passage=0.05, missing=0.95, names=1.0)


def read(passage=PASSAGE):
    sentences = split_passage(passage)
    idf = {"lighthous": 2.0, "built": 1.0, "duart": 3.0}
    terms = [frozenset(idf), frozenset(idf), frozenset(), {"lighthous", "built"}, frozenset()]
    coverage = TermCoverage(TermAnalysis(tuple(map(frozenset, terms)), idf), [passage], sentences)
    return candidates(QUESTION, [passage], sentences, coverage), coverage


def test_words_alone_have_a_calibration_of_their_own():
    ranked, coverage = read()
    observed = observe(QUESTION, [PASSAGE], ranked, coverage)
    assert observed.mode == "lexical"
    assert observed.features.cosine == observed.features.answer == 0.0
    assert observed.features.coverage == pytest.approx(0.5)
    assert observed.features.missing == pytest.approx(0.5)
    assert observed.features.names == pytest.approx(2 / 3)  # Tomas and Duarte, not Farol


def test_cosines_of_sentences_in_their_passages_and_by_themselves_are_told_apart():
    ranked, coverage = read()
    known = [replace(one, cosine=0.4, topic_cosine=0.6) for one in ranked]
    by_themselves = observe(QUESTION, [PASSAGE], known, coverage)
    assert (by_themselves.mode, by_themselves.features.cosine) == ("embedded", 0.6)
    within = observe(QUESTION, [PASSAGE], [replace(one, contextual=True) for one in known], coverage)
    assert within.mode == "contextual"
    assert observe(QUESTION, [PASSAGE], known, coverage, with_cosine=False).mode == "lexical"


@pytest.mark.parametrize("mode", sorted(CALIBRATIONS))
def test_what_is_there_is_answered_and_what_is_not_is_refused(mode):
    assert decide(Observed(SURE, mode)).answer
    refused = decide(Observed(LOST, mode))
    assert not refused.answer
    assert 0.0 <= refused.confidence < 0.1
    assert decide(Observed(LOST, mode), threshold=0.0).answer


@pytest.mark.parametrize("mode", sorted(CALIBRATIONS))
def test_a_calibration_has_a_weight_for_each_feature_and_uses_no_cosine_it_does_not_have(mode):
    weights = CALIBRATIONS[mode].weights
    assert len(weights) == len(Features.__dataclass_fields__)
    assert (weights[:2] == (0.0, 0.0)) == (mode == "lexical")
