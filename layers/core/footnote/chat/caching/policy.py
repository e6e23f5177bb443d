"""Which questions are looked up, and which answers are kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from footnote.chat.models import Answer
from footnote.knowledge import SearchFilters

_UNPROMPTED = frozenset({"extractive"})


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question as caches see it.

    Attributes:
        text: The message.
        filters: Narrow the documents.
        enable_rag: Whether documents are searched; free conversation is never cached.
        max_tokens, temperature: As asked of a model.
        depends_on_history: It cannot be understood without the turns before it.
        has_history: There are turns before it; a model sees them.
        use_cache: The request allows it.
    """

    text: str
    filters: SearchFilters = field(default_factory=SearchFilters)
    enable_rag: bool = True
    max_tokens: int = 512
    temperature: float = 0.7
    depends_on_history: bool = False
    has_history: bool = False
    use_cache: bool = True


def may_look_up(question: AskedQuestion) -> bool:
    """Whether the question may be answered from the cache at all."""
    return question.use_cache and question.enable_rag and not question.depends_on_history


def may_keep(question: AskedQuestion, answer: Answer, *, planned_model: str, max_temperature: float) -> bool:
    """Whether an answer may be given again to whoever asks the same.

    Only a whole, undisturbed, cited answer is: not one that abstained (documents may come, and saying so
    costs little), not a degraded or interrupted one, not one cut off at its length, not one that another
    model had to write; of a model none that was asked for variety or had earlier turns before its eyes.
    """
    told = answer.metadata
    if not may_look_up(question) or told.abstained or told.degraded or told.interrupted:
        return False
    if told.finish_reason != "stop" or told.model_used != planned_model or not answer.sources:
        return False
    if told.model_used in _UNPROMPTED:
        return True
    return question.temperature <= max_temperature and not question.has_history
