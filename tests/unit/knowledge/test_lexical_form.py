"""The form in which text and queries are indexed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge import lexical_form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("plain words", "plain words"),
        ("TCP/IP and and/or", "TCP IP and and or"),
        ("List<String> x & y", "List String  x   y"),
        ("the end.Next begins", "the end Next begins"),
        ("e.g. 3.5 and v1.2.3", "e.g. 3.5 and v1.2.3"),
        ("psycopg.connect()", "psycopg connect()"),
        ("Ångström résumé naïve", "Angstrom resume naive"),
        ("ﬁne Ｗｉｄｅ", "fine Wide"),
        ("東京都", " 東京 京都 "),
        ("字", " 字 "),
        ("GPT と言語モデル", "GPT  言語 モデ デル "),
        ("三木英子の住所はどこですか", " 三木 木英 英子 住所 "),
        ("りんごはどこ", " りん んご "),
        ("北京的天气怎么样", " 北京 天气 样 "),
        ("세계보건기구는 언제", " 세계 계보 보건 건기 기구 구는    "),
        ("한국어 문서", " 한국 국어   문서 "),
        ("สวัสดี", " สว วั ัส สด ดี "),
    ],
)
def test_forms(text, form):
    assert lexical_form(text) == form


def test_stemmers_get_accents_where_they_expect_them():
    assert lexical_form("été à Paris", fold_accents=False) == "été à Paris"


def test_other_scripts_keep_their_marks():
    assert lexical_form("हिन्दी йод ёлка") == "हिन्दी йод ёлка"


@given(st.text(max_size=200))
def test_it_is_total_and_stable_for_text_without_pairs(text):
    form = lexical_form(text)
    assert "/" not in form
    assert "<" not in form
