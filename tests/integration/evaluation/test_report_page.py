"""The report as a browser shows it."""

import random
from xml.etree import ElementTree as ET

import pytest

from footnote.evaluation import (
    AnswerGiven,
    Cited,
    Condition,
    Observation,
    compare,
    judge,
    score,
    summarise,
)
from footnote.evaluation.report import page
from tests.support.browser import CHROMIUM, browser

HOSTILE = '<script>alert(1)</script><img src="http://elsewhere.example/x"> "quoted" & Ümlaut'
LONG = "retrieval.fusion=rrf,retrieval.rrf_k=30,retrieval.candidates=250,retrieval.dense_weight=0.5"


def made_up(seed, questions=60):
    drawn = random.Random(seed)
    for number in range(questions):
        unanswerable = number % 4 == 0
        confidence = min(1.0, max(0.0, drawn.gauss(0.35 if unanswerable else 0.75, 0.2)))
        found = drawn.choice(([f"d{number}", "x"], ["x", f"d{number}"], ["x"]))
        abstained = confidence < 0.45
        cited = () if abstained else (Cited(1, (found[0],), ("It was built in 1912.",)),)
        text = "Nothing is said." if abstained else f"It was built in {drawn.choice((1912, 1921))}. [1]"
        yield score(
            Observation(
                id=str(number),
                text=HOSTILE if number == 5 else f"When was number{'r' * number} {number} built?",
                groups={"type": drawn.choice(("factual", "complex")), "turn": "first turn"},
                relevance={} if unanswerable else {f"d{number}": 1},
                golden=() if unanswerable else ("1912",),
                unanswerable=unanswerable,
                ranking=tuple(found),
                search_ms=drawn.gauss(20, 4),
                answer=AnswerGiven(text, abstained, confidence, cited, drawn.gauss(60, 15)),
            )
        )


@pytest.fixture(scope="module")
def html():
    before, after = list(made_up(1)), list(made_up(2))
    conditions = [Condition("ndcg@10", minimum=0.1), Condition("overall", minimum=0.99)]
    return page(
        HOSTILE,
        summarise(after),
        after,
        facts={"configuration": LONG},
        comparison=compare(before, after, ("default", LONG)),
        verdict=judge(conditions, after),
    )


@pytest.fixture(scope="module")
def shown(html, tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.html").write_text(html, encoding="utf-8")
    with browser(folder / "profile") as tab:

        def show(**options):
            tab.open((folder / "report.html").as_uri(), **options)
            return tab

        yield show


def test_nothing_is_asked_for_but_the_page_itself(shown):
    tab = shown()
    assert [address.rsplit("/", 1)[1] for address in tab.requests] == ["report.html"]
    assert tab.problems == []
    assert tab.evaluate("document.images.length + document.scripts.length") == 0
    assert tab.evaluate("document.querySelector('h1').textContent") == HOSTILE


@pytest.mark.parametrize("width", [320, 390, 768, 1200])
def test_nothing_overflows(shown, width):
    tab = shown(width=width)
    tab.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    beyond = tab.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll') && !e.closest('svg'))"
        f".filter(e => e.getBoundingClientRect().right > {width} + 0.5).map(e => e.outerHTML.slice(0, 80))"
    )
    assert beyond == []


@pytest.mark.parametrize("width", [390, 1200])
def test_letters_of_plots_can_be_read_and_stay_inside(shown, width):
    tab = shown(width=width)
    texts = tab.evaluate(
        "[...document.querySelectorAll('svg')].flatMap(s => { const b = s.getBoundingClientRect();"
        " return [...s.querySelectorAll('text')].map(t => { const r = t.getBoundingClientRect();"
        " return [t.textContent, r.height, r.left - b.left, b.right - r.right, b.bottom - r.bottom]; }); })"
    )
    assert len(texts) > 100
    for text, height, left, right, below in texts:
        assert height >= 10, text
        assert min(left, right, below) >= -1, text


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(shown, dark):
    tab = shown(dark=dark)
    colours = tab.evaluate(
        "['body', '.note', 'thead th', '.good', '.bad', 'svg text', 'details summary']"
        ".map(s => { const e = document.querySelector(s), c = getComputedStyle(e);"
        " return [s, s.startsWith('svg') ? c.fill : c.color]; })"
    )
    ground = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (luminance(ground) < 0.2) is dark
    for selector, colour in colours:
        assert contrast(colour, ground) >= 4.5, selector  # WCAG 2.2, 1.4.3


def test_plots_are_named_for_those_who_hear_them(shown):
    tab = shown()
    named = tab.evaluate(
        "[...document.querySelectorAll('svg')].map(s => [s.getAttribute('role'),"
        " s.getAttribute('aria-labelledby').split(' ')"
        ".map(i => document.getElementById(i)?.textContent ?? '').join('|')])"
    )
    assert len(named) >= 8
    for role, name in named:
        assert role == "img"
        assert all(part.strip() for part in name.split("|")), name
    assert tab.evaluate(
        "[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0 && e.ariaLabel)"
    )
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_the_page_shows_the_worst_questions_and_the_verdict(shown):
    tab = shown()
    text = tab.evaluate("document.body.textContent")
    assert "Gate: failed" in text
    assert "at least 0.99 is asked for" in text
    assert "Worst questions" in text
    assert "Abstention curve" in text
    assert tab.evaluate("document.querySelectorAll('details').length") == 25  # ten changes, fifteen worst


def test_every_plot_is_well_formed(html):
    plots = [part.split("</svg>")[0] for part in html.split("<svg ")[1:]]
    assert len(plots) >= 8
    for plot in plots:
        ET.fromstring(f"<svg {plot}</svg>")
    assert "NaN" not in html


def test_little_is_shown_as_well_as_much(tmp_path):
    nothing = page("Empty", summarise([]), [])
    assert "Every question scored in full" in nothing
    assert "NaN" not in nothing
    (one,) = made_up(3, questions=1)
    assert "abstention_recall" in page("One", summarise([one]), [one])


def luminance(colour):
    """Relative luminance (WCAG 2.2) of `rgb(r, g, b)`."""
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)
