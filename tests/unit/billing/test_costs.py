"""Sums of costs in words and on the page, also where corrections have made them negative."""

from datetime import date

import pytest

from footnote.billing.costs import CostGroup, CostReport, Period, Totals
from functions.billing.costs import GroupBody
from functions.billing.costs_page import costs_page

HOSTILE = "</td><script>alert('x')</script>&\"=cmd()"


def report(groups, now=100, before=50):
    period = Period(date(2027, 3, 28), date(2027, 3, 28))
    totals, totals_before = Totals(now, 0, 1, now, 1), Totals(before, 0, 1, before, 1)
    daily = (CostGroup("2027-03-28", now, 0),)
    return CostReport(
        period, "UTC", "model", totals, totals_before, tuple(groups), daily, "no forecast", (), None
    )


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [(150, 100, 0.5), (50, 100, -0.5), (100, 100, 0.0), (7, 0, None), (7, -100, None), (7, None, None)],
)
def test_a_change_is_a_share_of_what_was_spent_before(now, before, change):
    group = CostGroup("a model", now, 0, before)
    assert group.change == change
    assert GroupBody.of(group).change == change


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (100, 50, "100.0% more than in the day before"),
        (25, 50, "50.0% less than in the day before"),
        (50, 50, "As much as in the day before"),
        (50, 0, "Nothing was spent in the day before"),
        (50, -20, "Nothing was spent in the day before"),
    ],
)
def test_the_page_says_how_it_changed(now, before, words):
    assert words in costs_page(report([], now, before))


def test_sums_below_nothing_have_no_shares():
    page = costs_page(report([CostGroup("a model", -30, 0, -10)], now=-30))
    assert "%" not in page.split("Costs by model")[1].split("</table>")[0]


def test_names_are_texts_on_the_page():
    page = costs_page(report([CostGroup(HOSTILE, 100, 0, 50)]))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
