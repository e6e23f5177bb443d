"""What the database is given to analyse."""

from footnote.knowledge.language import function_words
from footnote.stores.postgres.lexical_index import CONFIGURATIONS, OWN_ANALYSIS, analysis

CODES = [a + b for a in "abcdefghijklmnopqrstuvwxyz" for b in "abcdefghijklmnopqrstuvwxyz"]


def test_every_language_with_an_analysis_of_its_own_is_named():
    """Constraints are compiled for these languages and once for all others."""
    treated = {code for code in CODES if code != "en" and (code in CONFIGURATIONS or function_words(code))}
    assert set(OWN_ANALYSIS) == treated


def test_texts_of_other_languages_are_analysed_alike():
    text = "Die Häuser, les maisons, and TCP/IP"
    assert analysis(text, "und") == analysis(text, "en") == analysis(text, "ja")
    assert analysis(text, "de") != analysis(text, "und")
