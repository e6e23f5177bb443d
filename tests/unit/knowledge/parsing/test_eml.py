"""E-mail as it is kept in files."""

import base64
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from footnote.knowledge.parsing.errors import Broken
from tests.support.documents import archive, docx, paragraph
from tests.support.parsing import block_with, parse_here, texts


def message(subject="Offer", body="Dear Bob,\n\nThe price is 40 euros.\n"):
    mail = EmailMessage()
    mail["From"] = "Ann Müller <ann@example.com>"
    mail["To"] = "bob@example.com"
    mail["Subject"] = subject
    mail["Date"] = "Fri, 23 Dec 2022 12:08:48 -0600"
    if body is not None:
        mail.set_content(body)
    return mail


def read(mail):
    return parse_here(mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP), "mail.eml")


def test_headers_and_body():
    document = read(message("Über den Preis"))
    assert document.title == "Über den Preis"
    assert texts(document, "note")[0].startswith("From: Ann Müller <ann@example.com>\nTo: bob@example.com")
    assert texts(document, "paragraph") == ["Dear Bob,", "The price is 40 euros."]


def test_plain_text_is_preferred_to_its_html_twin():
    mail = message()
    mail.add_alternative("<p>Dear Bob,</p><p>The price is 40 euros.</p>", subtype="html")
    assert read(mail).text.count("40 euros") == 1


def test_html_is_read_where_there_is_nothing_else():
    mail = message(body=None)
    mail.set_content("<h1>Offer</h1><p>The <b>price</b>.</p><script>x</script>", subtype="html")
    assert texts(read(mail))[1:] == ["Offer", "The price."]


def test_attachments_become_sections():
    mail = message()
    mail.add_attachment(
        docx(paragraph("The contract ends in May.")),
        maintype="application",
        subtype="octet-stream",
        filename="contract.docx",
    )
    mail.add_attachment("a,b\nx,1\ny,2\n", subtype="csv", filename="figures.csv")
    document = read(mail)
    assert block_with(document, "ends in May").heading_path == ("contract.docx",)
    assert block_with(document, "a: x; b: 1").heading_path == ("figures.csv",)


def test_attachments_that_cannot_be_read_are_named():
    mail = message()
    mail.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="photo.png")
    mail.add_attachment(archive({"a": "b"}), maintype="application", subtype="zip", filename="all.zip")
    mail.add_attachment(b"%PDF-1.4 broken", maintype="application", subtype="pdf", filename="bad.pdf")
    document = read(mail)
    assert [warning.split("”")[0] for warning in document.warnings] == [
        "The attachment “photo.png",
        "The attachment “all.zip",
        "The attachment “bad.pdf",
    ]


def test_forwarded_messages_are_read_with_their_attachments():
    inner = message("Inner", "The inner text.")
    inner.add_attachment("Deep text.", filename="deep.txt")
    outer = message()
    outer.add_attachment(inner)
    document = read(outer)
    assert block_with(document, "The inner text.").heading_path == ("Inner",)
    assert "Deep text." in document.text


def test_attachments_within_attachments_stay_closed():
    inner = message()
    inner.add_attachment("Deep text.", filename="deep.txt")
    outer = message("Outer", "Outer text.")
    outer.add_attachment(
        inner.as_bytes(), maintype="application", subtype="octet-stream", filename="inner.eml"
    )
    document = read(outer)
    assert "40 euros" in document.text
    assert "Deep text." not in document.text
    assert any("deep.txt" in warning for warning in document.warnings)


def test_odd_encodings():
    raw = (
        b"From: =?iso-8859-1?Q?Andr=E9?= <a@b.c>\r\nSubject: =?utf-8?B?"
        + base64.b64encode("Größe".encode())
        + b"?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Stra=DFe und caf=E9.\r\n"
    )
    document = read(raw)
    assert document.title == "Größe"
    assert "André" in document.text
    assert "Straße und café." in document.text


def test_a_wrong_charset_and_a_broken_base64_do_not_stop_it():
    raw = (
        b"Subject: x\r\nContent-Type: text/plain; charset=klingon\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode("Grüße an alle".encode()) + b"!!!\r\n"
    )
    assert "Grüße an alle" in read(raw).text


def test_a_mailbox_line_before_the_headers():
    assert read(b"From ann@example.com Fri Dec 23 12:08:48 2022\nSubject: x\n\nHello there.\n").title == "x"


def test_text_without_headers_is_no_message():
    with pytest.raises(Broken, match="headers"):
        read(b"just some words in a file")
