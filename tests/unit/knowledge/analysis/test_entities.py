"""What queries name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge.analysis.entities import entities
from footnote.knowledge.language import detect_language


def _found(query: str) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in entities(query, detect_language(query))]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("What did Martin Luther write?", ["Martin Luther"]),
        ("Does Sint Maarten still have damage?", ["Sint Maarten"]),
        ("Who founded the University of Oslo in Norway?", ["University of Oslo", "Norway"]),
        ("When did Vincent van Gogh move to Arles?", ["Vincent van Gogh", "Arles"]),
        ("Martin Luther was born where?", ["Martin Luther"]),
        ("Tell me about Rio de Janeiro. What is its climate?", ["Rio de Janeiro"]),
        ("Compare Python and Java", ["Python", "Java"]),
        ("Wer hat die Deutsche Bahn gegründet?", ["Deutsche Bahn"]),
        ("Wann wurde Angela Merkel geboren?", ["Angela Merkel"]),
        ("Où est né Victor Hugo ?", ["Victor Hugo"]),
        ("¿Cuándo nació Pablo Picasso en Málaga?", ["Pablo Picasso", "Málaga"]),
        ("Dove si trova la Torre di Pisa?", ["Torre di Pisa"]),
        ("Kiedy urodził się Fryderyk Chopin?", ["Fryderyk Chopin"]),
        ("Когда родился Лев Толстой?", ["Лев Толстой"]),
        ("Judicial Council of California", ["Judicial Council of California"]),
        ("Is O'Brien the author?", ["O'Brien"]),
    ],
)
def test_names(query, named):
    assert [text for kind, text in _found(query) if kind == "name"] == named


@pytest.mark.parametrize(
    "query",
    [
        "Vacation days per year",
        "How do I reset my password? Please help.",
        "Wie hoch ist die Miete in der Probezeit?",
        "WHAT IS THE PRICE",
        "List all employees",
        "I think I am wrong",
        "What Is the Best Way to Learn Cooking Quickly",
    ],
)
def test_capitals_that_name_nothing(query):
    assert _found(query) == []


@pytest.mark.parametrize(
    ("query", "kind", "texts"),
    [
        ("error E-1042 on start", "code", ["E-1042"]),
        ("is TLS-1.2 enabled", "code", ["TLS-1.2"]),
        ("what does foo_bar() return", "code", ["foo_bar()"]),
        ("use of std::vector::push_back()", "code", ["std::vector::push_back()"]),
        ("call psycopg.connect() twice", "code", ["psycopg.connect()"]),
        ("the variable max_connections", "code", ["max_connections"]),
        ("the method getUserName fails", "code", ["getUserName"]),
        ("open settings.yaml or report.pdf", "code", ["settings.yaml", "report.pdf"]),
        ("see https://example.com/a?b=c for it", "code", ["https://example.com/a?b=c"]),
        ("write to help@example.org please", "code", ["help@example.org"]),
        ("host 127.0.0.1 is down", "code", ["127.0.0.1"]),
        ("since v1.2.3 and 2.10.4", "code", ["v1.2.3", "2.10.4"]),
        ("run `make test` first", "code", ["`make test`"]),
        ("COVID-19 rules and ISO-27001", "code", ["COVID-19", "ISO-27001"]),
        ("at 0xDEADBEEF", "code", ["0xDEADBEEF"]),
        ("due 2024-02-29 or 1.3.2024", "date", ["2024-02-29", "1.3.2024"]),
        ("from May 5, 2024 to 6 June", "date", ["May 5, 2024", "6 June"]),
        ("am 5. Mai 2024", "date", ["5. Mai 2024"]),
        ("le 14 juillet 1789", "date", ["14 juillet 1789"]),
        ("el 3 de marzo de 2021", "date", ["3 de marzo de 2021"]),
        ("5 мая 2024", "date", ["5 мая 2024"]),
        ("2024年5月1日から", "date", ["2024年5月1日"]),
        ("in 1912 and the 1990s", "date", ["1912", "1990s"]),
        ("open at 10:30", "date", ["10:30"]),
        ("Q3 2024 revenue", "date", ["Q3 2024"]),
        ("12.5 % of 3 GB", "number", ["12.5 %", "3 GB"]),
        ("costs $3,000 or 20 €", "number", ["$3,000", "20 €"]),
        ("16 weeks of leave", "number", ["16 weeks"]),
        ("30 Tage Urlaub", "number", ["30 Tage"]),
        ("the GDPR and the U.S. NATO", "acronym", ["GDPR", "U.S.", "NATO"]),
        ("R&D of APIs", "acronym", ["R&D", "APIs"]),
        ('who wrote "The Trial"?', "quotation", ['"The Trial"']),
        ("wer schrieb „Der Prozess“?", "quotation", ["„Der Prozess“"]),
        ("«Le Procès» de Kafka", "quotation", ["«Le Procès»"]),
    ],
)
def test_kinds(query, kind, texts):
    assert [text for found, text in _found(query) if found == kind] == texts


def test_what_is_quoted_is_one_thing():
    assert _found('"The NATO summit of 2024"') == [("quotation", '"The NATO summit of 2024"')]


ALPHABET = st.sampled_from(list("AbC dE.1-_/:\"“„«»'é語ß@()`$€%,\n"))


@given(st.text(ALPHABET, max_size=300) | st.text(max_size=2000), st.sampled_from(["en", "de", "und", "ja"]))
def test_spans_are_exact_in_order_and_apart(query, language):
    found = entities(query, language)
    end = 0
    for one in found:
        assert end <= one.start < one.end
        assert query[one.start : one.end] == one.text
        end = one.end
