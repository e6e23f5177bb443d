"""What is searched for when a message leans on the conversation before it.

A message that depends on the conversation takes along what the conversation named (`referents`): as a
stand-alone wording, and for the lexical leg at less than its own words. Its vector is mixed with that of the
turns it leans on. A message that stands on its own is left exactly as it is.

Measured on the mtrag set (`tests/evaluation/answers_followups.py`); the optimum is flat from .3 to 1 for the
weight of the conversation, and from .4 to .8 for that of the referents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from footnote.knowledge.analysis.models import Expansion
from footnote.knowledge.followups.dependence import dependence, language_within
from footnote.knowledge.followups.referents import referents, topic
from footnote.knowledge.followups.rewriting import QueryRewriter, is_faithful
from footnote.models import Embedder, Turn
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable

MIXTURE_WEIGHT = 0.5
"""Weight of the conversation's vector beside the question's own."""
REFERENT_WEIGHT = 0.6
"""What a word of the conversation counts in the lexical leg, beside 1 for a word of the message."""
REFERENTS = 3
"""How many things of the conversation are taken along; more of them are other things."""

_READ = 2_000  # characters of the message and of each turn
_CONTEXT_CHARACTERS = 800  # leaves room for the message in the embedding model's window of 256 word pieces


@dataclass(frozen=True, slots=True)
class StandAloneQuery:
    """What to search for.

    Attributes:
        message: As it was written.
        text: Wording that stands on its own: the message, with what it leans on behind it, or a model's.
        depends: Whether the message depends on the conversation.
        reason: Why, or why not, in words for a person.
        referents: What was taken from the conversation, likeliest first.
        conversation: For the mixture: the turns that the message leans on, and the message; `None` for a
            message on its own.
        rewritten_by: Who made `text`; `None` where it is the message itself.
        vector: The query vector, where it is not simply that of `text`; of unit length.
        own_vector: That of `lexical_text` alone, where it was made on the way.
    """

    message: str
    text: str
    depends: bool = False
    reason: str = ""
    referents: tuple[str, ...] = ()
    conversation: str | None = None
    rewritten_by: Literal["rules", "model"] | None = None
    vector: tuple[float, ...] | None = None
    own_vector: tuple[float, ...] | None = None

    @property
    def expansions(self) -> tuple[Expansion, ...]:
        """What stands beside `lexical_text` in a lexical leg that weighs its words.

        Beside a model's wording too: it names one thing where the conversation may have meant another.
        """
        return (Expansion(self.message, self.referents, REFERENT_WEIGHT),) if self.referents else ()

    @property
    def lexical_text(self) -> str:
        """The words that `expansions` stand beside."""
        return self.text if self.rewritten_by == "model" else self.message


def stand_alone(message: str, history: Sequence[Turn]) -> StandAloneQuery:
    """Decides whether `message` depends on `history` (oldest first) and words it without, by rules alone."""
    read, turns = message[:_READ], [replace(turn, text=turn.text[:_READ]) for turn in history]
    judged = dependence(read, turns)
    if not judged.depends:
        return StandAloneQuery(message, message, reason=judged.reason)
    language = language_within(read, turns)
    about = topic(turns, language)
    meant = tuple(found.text for found in referents(read, about, language)[:REFERENTS])
    # The message comes last, so that the turns before are what is cut.
    before = f"{about.question} {about.answer}".strip()[:_CONTEXT_CHARACTERS]
    return StandAloneQuery(
        message,
        text=f"{message} ({', '.join(meant)})" if meant else message,
        depends=True,
        reason=judged.reason,
        referents=meant,
        conversation=f"{before} {message}",
        rewritten_by="rules" if meant else None,
    )


async def contextual_query(
    message: str,
    history: Sequence[Turn],
    embedder: Embedder,
    *,
    context: OrganizationContext | None = None,
    rewriter: QueryRewriter | None = None,
) -> StandAloneQuery:
    """What to search for, for a message within a conversation, with its vector.

    Args:
        message: The member's message.
        history: Earlier turns, oldest first.
        embedder: Only asked about a message that depends on the conversation.
        context: Whose conversation it is; needed by `rewriter`.
        rewriter: Words a dependent message anew; its wording is taken if it is faithful to the conversation,
            else that of the rules.

    Returns:
        Without a `vector` for a message on its own, and without the embedding model: search then says itself
        that it is degraded.
    """
    query = stand_alone(message, history)
    if query.conversation is None:
        return query
    if rewriter is not None and context is not None:
        rewritten = await rewriter.rewrite(context, message, history)
        if rewritten is not None and is_faithful(rewritten, message, history):
            query = replace(query, text=rewritten, rewritten_by="model")
    try:
        own, whole = await embedder.embed_queries([query.lexical_text, query.conversation or message])
    except ModelUnavailable:
        return query
    return replace(query, vector=tuple(mixture(own, whole)), own_vector=tuple(own))


def mixture(question: Sequence[float], conversation: Sequence[float]) -> list[float]:
    """`question + .5 * conversation`, of unit length; both are unit vectors of the same model."""
    mixed = [own + MIXTURE_WEIGHT * other for own, other in zip(question, conversation, strict=True)]
    length = math.sqrt(sum(value * value for value in mixed))
    return [value / length for value in mixed] if length else list(question)
