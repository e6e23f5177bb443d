"""Which words are searched for besides those of a query, and which never are."""

import pytest

from footnote.knowledge import analyze_query


def _added(query: str) -> dict[str, tuple[str, ...]]:
    added: dict[str, tuple[str, ...]] = {}
    for one in analyze_query(query).expansions:
        added[one.term] = added.get(one.term, ()) + one.added
    return added


@pytest.mark.parametrize(
    ("query", "term", "added"),
    [
        ("ML for beginners", "ML", "machine learning"),
        ("what is machine learning", "machine learning", "ml"),
        ("GDPR rules for e-mail", "GDPR", "general data protection regulation"),
        ("general data protection regulation fines", "general data protection regulation", "gdpr"),
        ("connect to the vpn", "vpn", "virtual private network"),
        ("PTO per year", "PTO", "paid time off"),
        ("how much paid time off do I get", "paid time off", "pto"),
        ("my laptop is slow", "laptop", "notebook computer"),
        ("colour of the car", "colour", "color"),
        ("the color of paint", "color", "colour"),
        ("can I organise a party", "organise", "organize"),
        ("visualization of data", "visualization", "visualisation"),
        ("send an e-mail", "e-mail", "email"),
        ("send an email", "email", "e mail"),
        ("non-linear systems", "non-linear", "nonlinear"),
        ("web site address", "web site", "website"),
        ("two weeks notice", "two", "2"),
        ("the 3 pillars", "3", "three"),
        ("Strafen nach der DSGVO", "DSGVO", "datenschutz-grundverordnung"),
        ("Wie lange dauert die Behandlung von zwei Tagen", "zwei", "2"),
        ("Quelles sont les règles du RGPD", "RGPD", "règlement général sur la protection des données"),
        ("¿Cómo se calcula el IVA de la factura?", "IVA", "impuesto sobre el valor añadido"),
        ("Hoe werkt de btw voor mij", "btw", "belasting over de toegevoegde waarde"),
        ("Wie funktioniert die API der Firma", "API", "application programming interface"),
    ],
)
def test_what_is_added(query, term, added):
    assert added in _added(query)[term]


@pytest.mark.parametrize(
    "query",
    [
        '"ML" for beginners',
        '"machine learning" basics',
        "the E-1042 and e_mail() codes",
        "see https://example.com/color",
        "who told us that it is so",
        "one of them",
        "the size of a prize exercise",
        "add some ml of water",
        "run `colour --email` now",
        "",
    ],
)
def test_nothing_is_added_to_what_is_quoted_a_code_or_no_abbreviation(query):
    assert _added(query) == {}


def test_what_is_excluded_is_not_added():
    assert _added("laptop -notebook price") == {}
    assert _added("the ML course -machine") == {}


def test_what_the_query_says_already_is_not_added():
    assert _added("GDPR (general data protection regulation) rules") == {}


def test_a_long_form_counts_for_less_by_the_word():
    (expansion,) = analyze_query("the IPCC report").expansions
    assert expansion.weight * len(expansion.added[0].split()) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("query", ["colour, GDPR, two laptops by e-mail and PTO", "ML " * 300])
def test_weights_stay_below_the_words_own_and_reasons_are_given(query):
    analysis = analyze_query(query)
    assert all(0 < one.weight < 1 for one in analysis.expansions)
    reasons = [one.reason for one in analysis.decisions if one.aspect == "expansion"]
    assert len(reasons) == len(analysis.expansions) <= 12
