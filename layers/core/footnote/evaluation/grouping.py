"""What kind of question it is: the breakdown of an evaluation."""

from __future__ import annotations


def groups_of(text: str, *, follows_up: bool, unanswerable: bool) -> dict[str, str]:
    """What figures are broken down by: query type (section 3.2), place in the conversation, answerability."""
    groups = {
        "turn": "follow-up" if follows_up else "first turn",
        "answerability": "unanswerable" if unanswerable else "answerable",
    }
    try:
        from footnote.knowledge import analyze_query
    except ImportError:
        return groups
    return {"type": analyze_query(text).type.value, **groups}
