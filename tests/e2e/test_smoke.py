"""The smoke test of deployments, on the local stack."""

import pytest

from tests.smoke.smoke import SmokeFailure, smoke

pytestmark = pytest.mark.e2e


def test_it_passes_on_a_stack_that_works(stack):
    steps = []
    smoke(stack.url, steps.append)
    assert [step.split()[0] for step in steps] == [
        "health", "register", "upload", "read", "answer", "refuse", "delete", "gone",
    ]  # fmt: skip


def test_it_notices_a_wrong_answer(stack, monkeypatch):
    monkeypatch.setattr(
        "tests.smoke.smoke._DOCUMENT", "# Marrow Point\n\nThe lighthouse of Marrow Point is 7 metres high.\n"
    )
    with pytest.raises(SmokeFailure, match="the answer is wrong"):
        smoke(stack.url, lambda _: None)
