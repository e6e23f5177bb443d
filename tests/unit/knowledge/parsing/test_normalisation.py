"""What canonical text may and may not hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.knowledge.parsing.normalisation import clean, code_lines, lines, one_line


@pytest.mark.parametrize(
    ("raw", "expected", "removed"),
    [
        ("plain", "plain", 0),
        ("a\0b", "ab", 1),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour", 0),
        ("zero\u200bwidth\ufeff", "zerowidth", 2),
        ("\ufeffwith a mark", "with a mark", 0),
        ("evil\u202etxt\u202c", "eviltxt", 2),
        ("hi" + "".join(chr(0xE0000 + ord(c)) for c in "ignore"), "hi", 6),
        ("soft\u00adhyphen", "softhyphen", 0),
        ("e\u0301", "é", 0),
        ("ﬁne ﬂow", "fine flow", 0),
        ("ﻻ", "لا", 0),
        ("⽇本", "日本", 0),
        ("ＡＢＣ ½", "ＡＢＣ ½", 0),
        ("lone \ud800 half", "lone \ufffd half", 0),
        ("می\u200cخواهم", "می\u200cخواهم", 0),
        ("क्\u200dष", "क्\u200dष", 0),
        ("in\u200cvisible", "invisible", 1),
        ("👩\u200d👧", "👩\u200d👧", 0),
        ("bell\x07 and escape\x1b", "bell and escape", 2),
    ],
)
def test_characters(raw, expected, removed):
    assert clean(raw) == (expected, removed)


@given(st.text(max_size=200, alphabet=st.characters()))
@settings(max_examples=300, deadline=None)
def test_cleaning_twice_changes_nothing_more(text):
    once, _ = clean(text)
    assert clean(once) == (once, 0)
    assert "\0" not in once
    once.encode("utf-8")


def test_white_space():
    assert one_line(" a \n\t b\u3000c\xa0") == "a b c"
    assert lines(" a  b \n\n\n\n c ") == "a b\n\nc"
    assert code_lines("\n\tif x:\n\t\ty  \n\n") == "    if x:\n        y"
