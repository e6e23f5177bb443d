"""From bytes to text when nobody says how."""

import pytest

from footnote.knowledge.parsing.encoding import decode, html_declaration
from footnote.knowledge.parsing.errors import Mistyped

GERMAN = "Der Müller fährt über die Straße nach Österreich und grüßt alle schön, die er trifft."
CYRILLIC = "Комитет собрался во вторник и решил, что отчёт будет опубликован до конца мая этого года."
JAPANESE = "委員会は火曜日に開かれ、報告書を五月末までに公表することを決めた。次の会議は来月です。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        (GERMAN, "latin-1"),
        (CYRILLIC, "cp1251"),
        (CYRILLIC, "utf-8"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc-jp"),
        (JAPANESE, "utf-8"),
        ("委员会星期二开会，决定公布报告。" * 3, "gb18030"),
    ],
)
def test_text_is_decoded(text, encoding):
    assert decode(text.encode(encoding)) == text


def test_a_declaration_is_believed_unless_it_cannot_be_right():
    assert decode(GERMAN.encode("utf-8"), "latin-1") == GERMAN
    assert decode(CYRILLIC.encode("koi8-r"), "koi8-r") == CYRILLIC
    assert decode(GERMAN.encode("cp1252"), "no-such-encoding") == GERMAN
    assert decode("“quoted”".encode("cp1252"), "iso-8859-1") == "“quoted”"


def test_one_broken_character_does_not_spoil_the_rest():
    data = GERMAN.encode() * 3
    assert decode(data[:40] + b"\xff" + data[40:]).count("\ufffd") == 1
    assert decode("a \ud800 b".encode("utf-8", "surrogatepass")) == "a \ufffd b"


def test_binary_data_is_no_text():
    with pytest.raises(Mistyped):
        decode(bytes(range(256)) * 4)


def test_html_says_its_encoding_in_its_head():
    assert html_declaration(b'<html><meta charset="shift_jis">') == "shift_jis"
    assert html_declaration(b"<meta http-equiv=x content='text/html; charset=cp1251'>") == "cp1251"
    assert html_declaration(b'<?xml version="1.0" encoding="ISO-8859-2"?>') == "ISO-8859-2"
    assert html_declaration(b"<p>none</p>") is None
