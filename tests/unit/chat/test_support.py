"""How far a text supports a claim: words, figures, names and negations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.chat.exemptions import is_abstention, is_exempt
from footnote.chat.support import PARTLY_SUPPORTED, SUPPORTED, Ground, lexical_support, wording

TEXT = (
    "The lighthouse of Farol was built in 1912 by Tomas Duarte. It is forty metres high. The southern "
    "harbour is not open in winter. Its keeper is Ines Duarte, who came to the island in 1998."
)


@pytest.mark.parametrize(
    "claim",
    [
        "The lighthouse of Farol was built in 1912 by Tomas Duarte.",
        "Tomas Duarte built the lighthouse of Farol in 1912.",
        "The tower in Farol is 40 metres high.",
        "In winter the southern harbour is not open.",
        "2. The lighthouse was built in 1912.",
        "The lighthouse is not only high, it was built in 1912.",
    ],
)
def test_what_the_text_says_is_supported_in_other_order_too(claim):
    assert lexical_support(claim, TEXT) >= SUPPORTED


@pytest.mark.parametrize(
    "claim",
    [
        "The lighthouse of Farol was built in 1921 by Tomas Duarte.",
        "The lighthouse of Farol was built in 1912 by Anna Pereira.",
        "The lighthouse of Farol was not built in 1912 by Tomas Duarte.",
        "The southern harbour is open in winter.",
        "Submarines of the navy use silent propellers.",
    ],
)
def test_a_changed_figure_name_or_negation_is_not(claim):
    assert lexical_support(claim, TEXT) < PARTLY_SUPPORTED


@pytest.mark.parametrize(
    ("language", "sentence", "changed"),
    [
        ("de", "Haustiere werden der Verwaltung gemeldet.", "Haustiere werden der Verwaltung nie gemeldet."),
        ("fr", "Les vélos sont admis dans la cour.", "Les vélos ne sont pas admis dans la cour."),
        ("es", "Las bicicletas se guardan en el patio.", "Las bicicletas no se guardan en el patio."),
        ("it", "Le biciclette stanno nel cortile.", "Le biciclette non stanno nel cortile."),
        ("pt", "As bicicletas ficam no pátio interior.", "As bicicletas não ficam no pátio interior."),
        ("nl", "Fietsen staan in de kelder.", "Fietsen staan niet in de kelder."),
    ],
)  # fmt: skip
def test_negations_of_several_languages_are_known(language, sentence, changed):
    ground = Ground(sentence, language=language)
    assert ground.support(wording(sentence, language)) == 1.0
    assert ground.support(wording(changed, language)) < PARTLY_SUPPORTED


def test_german_nouns_are_no_names():
    assert wording("Hier steht das Fahrrad im Keller.", "de").names == frozenset()
    assert wording("The bicycle of Anna stands here.").names == {"anna"}


def test_a_title_counts_as_the_texts_words():
    claim = wording("In the House Rules, pets are allowed.")
    assert Ground("Pets are allowed.", "House Rules").support(claim) > Ground("Pets are allowed.").support(
        claim
    )


@given(st.text(max_size=200), st.text(max_size=200))
def test_support_is_a_share_and_a_text_supports_itself(claim, text):
    assert 0.0 <= lexical_support(claim, text) <= 1.0
    ground = Ground(text)
    assert all(0 <= start <= end <= len(text) for start, end in ground.spans)
    assert lexical_support(text, text) >= 0.4


@pytest.mark.parametrize(
    "sentence",
    [
        "Hello!", "You're welcome! I'm glad I could help.", "Here is a summary:", "## Summary", "Sure!",
        "Would you like to know more about it?", "Let me know if you have any other questions.",
        "The documents do not say.", "The passages do not mention who painted it.",
        "I could not find an answer in the documents.", "There is no information about prices.",
        "In den Dokumenten steht nicht, wer ihn baute.", "Les documents ne disent pas qui l'a construit.",
        "Los documentos no dicen quién lo construyó.", "I documenti non dicono chi lo costruì.",
        "Os documentos não dizem quem o construiu.", "De documenten zeggen niet wie hem bouwde.",
    ],
)  # fmt: skip
def test_greetings_introductions_and_admissions_claim_nothing(sentence):
    assert is_exempt(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The lighthouse was built in 1912.", "Please send the form to the office in Lisbon.",
        "No dogs are allowed on the beach.", "It was built in 1912:", "Great Britain won the war of 1763.",
        "Based on the passages, the lighthouse was built in 1912.",
    ],
)  # fmt: skip
def test_what_says_something_is_not_exempt(sentence):
    assert not is_exempt(sentence)
    assert not is_abstention(sentence)
