"""Operators in queries, and what only looks like one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge import SearchFilters
from footnote.knowledge.analysis.operators import read_operators
from footnote.knowledge.filters import TextConstraints

NOTHING = TextConstraints()
NO_FILTERS = SearchFilters()


@pytest.mark.parametrize(
    ("query", "text", "constraints"),
    [
        ('"paid time off"', "paid time off", TextConstraints(phrases=("paid time off",))),
        (
            'how much "paid time off" do I get?',
            "how much paid time off do I get?",
            TextConstraints(phrases=("paid time off",)),
        ),
        ("“annual  leave” policy", "annual leave policy", TextConstraints(phrases=("annual leave",))),
        ("„bezahlter Urlaub“ Höhe", "bezahlter Urlaub Höhe", TextConstraints(phrases=("bezahlter Urlaub",))),
        ("«congé parental» durée", "congé parental durée", TextConstraints(phrases=("congé parental",))),
        ("「有給休暇」 日数", "有給休暇 日数", TextConstraints(phrases=("有給休暇",))),
        ('("sick leave")', "(sick leave)", TextConstraints(phrases=("sick leave",))),
        ('"one" and "two"', "one and two", TextConstraints(phrases=("one", "two"))),
        ('"one" or "one"', "one or one", TextConstraints(phrases=("one",))),
        ("jaguar -car", "jaguar", TextConstraints(excluded=("car",))),
        ("jaguar -car -cat speed", "jaguar speed", TextConstraints(excluded=("car", "cat"))),
        ('leave -"sick leave"', "leave", TextConstraints(excluded=("sick leave",))),
        ("Urlaub -Österreich", "Urlaub", TextConstraints(excluded=("Österreich",))),
        ("title:handbook vacation", "vacation", TextConstraints(title=("handbook",))),
        ('TITLE:"employee handbook" vacation', "vacation", TextConstraints(title=("employee", "handbook"))),
        ("vacation title:“employee handbook”", "vacation", TextConstraints(title=("employee", "handbook"))),
        ("filename:report.pdf revenue", "revenue", TextConstraints(filename=("report.pdf",))),
        ("file:q3 revenue, file:2024", "revenue,", TextConstraints(filename=("q3", "2024"))),
        (
            'title:guide "leave" -draft file:hr days',
            "leave days",
            TextConstraints(("leave",), ("draft",), ("guide",), ("hr",)),
        ),
    ],
)
def test_words_become_constraints(query, text, constraints):
    found = read_operators(query)
    assert (found.text, found.constraints, found.filters) == (text, constraints, NO_FILTERS)


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ("days category:HR", SearchFilters(category="HR")),
        ('days category:"Human Resources"', SearchFilters(category="Human Resources")),
        ("days tag:leave tag:germany", SearchFilters(tags=("leave", "germany"))),
        ("days tag:leave tag:leave.", SearchFilters(tags=("leave",))),
        ("days source:Upload", SearchFilters(source="upload")),
        ("days language:de", SearchFilters(language="de")),
        ("days lang:German", SearchFilters(language="de")),
        ("days lang:français", SearchFilters(language="fr")),
        ("days after:2024-02-29", SearchFilters(date_from=datetime(2024, 2, 29, tzinfo=UTC))),
        ("days before:2024-03-01", SearchFilters(date_to=datetime(2024, 2, 29, 23, 59, 59, 999999, UTC))),
    ],
)
def test_fields_become_filters(query, filters):
    found = read_operators(query)
    assert found.filters == filters
    assert found.text.rstrip(".") == "days"
    assert found.decisions


@pytest.mark.parametrize(
    "query",
    [
        "Note: read this first",
        "What does std::vector do?",
        "http://example.com/title:x",
        "the meeting at 10:30",
        "ratio 3:1",
        "unknown:value of a field",
        "title: The Great Gatsby",
        "the source: a mystery",
        "state-of-the-art e-mail",
        "temperatures of -5 and -10.5 degrees",
        "pages 10-20",
        "from 2019 -2020",
        "hot - and cold",
        "hot – cold -",
        "--verbose output",
        "ls -l",
        'a 15" or 17" monitor',
        'an "unbalanced quotation',
        "don't use 'single' quotes",
        "the players' and the coach's choice",
        'empty "" quotes',
        '"..." only dots',
        "-title:draft handbook",
        "first\n-second\n-third",
    ],
)
def test_what_only_looks_like_an_operator_stays_text(query):
    found = read_operators(query)
    assert found.text == query
    assert (found.constraints, found.filters) == (NOTHING, NO_FILTERS)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("days after:2024-13-01", "no date of the form YYYY-MM-DD"),
        ("days before:01.02.2024", "no date of the form YYYY-MM-DD"),
        ("days after:yesterday", "no date of the form YYYY-MM-DD"),
        ("days source:email", "no source “email”"),
        ("days lang:klingonisch", "no code of a language"),
        ("days language:sql", "no code of a language"),
    ],
)
def test_a_value_that_a_field_cannot_have_stays_text_and_says_so(query, problem):
    found = read_operators(query)
    assert found.text == query
    assert found.filters == NO_FILTERS
    (decision,) = found.decisions
    assert problem in decision.reason


def test_a_second_category_is_refused():
    found = read_operators("days category:HR category:IT")
    assert found.filters.category == "HR"
    assert found.text == "days category:IT"


def test_more_operators_than_anybody_types_stay_text():
    found = read_operators("word " + " ".join(f"-no{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"))
    assert len(found.constraints.excluded) == 24
    assert found.text.endswith("-noy -noz")
    assert "ordinary words" in found.decisions[-1].reason


def test_dates_that_leave_nothing_are_not_applied():
    found = read_operators("days after:2024-06-01 before:2024-05-01")
    assert found.filters == NO_FILTERS
    assert "neither is applied" in found.decisions[-1].reason


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("category:hr", "hr"),
        ("title:handbook", "handbook"),
        ("tag:leave tag:germany", "leave germany"),
        ("after:2024-01-31", "2024-01-31"),
        ("-draft", "-draft"),
        ('-"a draft" -note', '-"a draft" -note'),
    ],
)
def test_operators_alone_can_be_searched_for(query, text):
    found = read_operators(query)
    assert found.text == text
    assert found.decisions[-1].aspect == "text"


def test_exclusions_alone_exclude_nothing():
    assert read_operators("-draft").constraints == NOTHING


@pytest.mark.parametrize(
    ("query", "only"),
    [
        ('"exact words"', True),
        ('"one" "two"', True),
        ('title:x "one"', True),
        ('"one" two', False),
        ("one", False),
    ],
)
def test_it_is_known_whether_all_is_quoted(query, only):
    assert read_operators(query).only_quoted is only


OPERATORS = st.sampled_from(
    [
        '"',
        "“",
        "”",
        "„",
        "«",
        "»",
        "-",
        " -",
        "title:",
        "tag:",
        "after:",
        "2024-01-01",
        " ",
        "\n",
        "word",
        "é",
        "語",
        "(",
    ]
)


@given(st.lists(OPERATORS, max_size=60).map("".join) | st.text(max_size=2000))
def test_any_text_is_read(query):
    found = read_operators(query)
    assert bool(found.text) == bool(query.strip())
    assert found == read_operators(query)
