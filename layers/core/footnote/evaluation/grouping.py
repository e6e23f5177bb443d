"""What kind of question it is: the breakdown of an evaluation."""

from __future__ import annotations

from footnote.knowledge import analyze_query


def groups_of(text: str, *, follows_up: bool, unanswerable: bool) -> dict[str, str]:
    """What figures are broken down by: query type (section 3.2), place in the conversation, answerability."""
    return {
        "type": analyze_query(text).type.value,
        "turn": "follow-up" if follows_up else "first turn",
        "answerability": "unanswerable" if unanswerable else "answerable",
    }
