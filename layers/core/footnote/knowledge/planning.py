"""What a search will do, decided before it begins: query, filters, strategy, depth."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from footnote.knowledge.analysis import Decision, Expansion, QueryAnalysis, analyze_query
from footnote.knowledge.filters import SearchFilters, TextConstraints
from footnote.knowledge.followups import StandAloneQuery
from footnote.knowledge.models import Strategy
from footnote.knowledge.ports import LexicalQuery
from footnote.platform.settings import RetrievalSettings

_WORD = re.compile(r"\w+", re.UNICODE)
_SENTENCE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """One search.

    Attributes:
        question: The message in a wording that stands alone.
        analysis: What was understood of its words.
        filters: Of the request and of the query together.
        strategy: `hybrid`, `lexical` or `vector`.
        limit: How many passages.
        is_adaptive: As many as the question needs, rather than as many as were asked for.
        lexical: For the lexical leg.
        vector: What is searched for, where it is not simply the embedding of the words.
        own_vector: Embedding of the words, where it is known already.
    """

    question: str
    analysis: QueryAnalysis
    filters: SearchFilters
    strategy: str
    limit: int
    is_adaptive: bool
    lexical: LexicalQuery
    vector: Sequence[float] | None = None
    own_vector: Sequence[float] | None = None


def plan(
    query: str | StandAloneQuery,
    filters: SearchFilters,
    limit: int | None,
    strategy: Strategy,
    settings: RetrievalSettings,
) -> Plan:
    """Plans a search; deterministic."""
    asked = query if isinstance(query, StandAloneQuery) else StandAloneQuery(query, query)
    analysis = analyze_query(asked.lexical_text, routing=settings.routing)
    narrowed, clashes = combined(filters, analysis.filters)
    if clashes:
        analysis = replace(analysis, decisions=(*analysis.decisions, *clashes))
    expansions = (*(analysis.expansions if settings.expand else ()), *asked.expansions)
    return Plan(
        question=asked.text,
        analysis=analysis,
        filters=narrowed,
        strategy=analysis.strategy if strategy == "auto" else strategy,
        limit=analysis.depth if limit is None else limit,
        is_adaptive=limit is None,
        lexical=LexicalQuery(analysis.text, analysis.language, _weighted(expansions)),
        vector=asked.vector,
        own_vector=asked.own_vector,
    )


def relaxed(analysis: QueryAnalysis) -> TextConstraints | None:
    """Constraints without the phrases, if these stand in a sentence; `None` if they are what is searched for.

    Within a question quotation marks often set off a title or a remembered wording: to find nothing because a
    letter differs helps nobody. A query that is hardly more than phrases means them as they stand.
    """
    constraints = analysis.constraints
    quoted = {word for phrase in constraints.phrases for word in _WORD.findall(phrase.casefold())}
    others = set(_WORD.findall(analysis.text.casefold())) - quoted
    if not constraints.phrases or len(others) < _SENTENCE_WORDS:
        return None
    return replace(constraints, phrases=())


def combined(request: SearchFilters, query: SearchFilters) -> tuple[SearchFilters, tuple[Decision, ...]]:
    """Both filters at once. Where they name different values of one field, the request's holds."""
    clashes = tuple(
        Decision("filter", name, f"The request asks for another {name} than the query; the request's holds.")
        for name in ("category", "source", "language")
        if (own := getattr(request, name)) is not None and getattr(query, name) not in {None, own}
    )
    merged = SearchFilters(
        category=request.category or query.category,
        tags=tuple(dict.fromkeys((*request.tags, *query.tags))),
        source=request.source or query.source,
        date_from=max(_given(request.date_from, query.date_from), default=None),
        date_to=min(_given(request.date_to, query.date_to), default=None),
        document_ids=request.document_ids,
        language=request.language or query.language,
    )
    return merged, clashes


def _given(*values: datetime | None) -> list[datetime]:
    return [value for value in values if value is not None]


def _weighted(expansions: Iterable[Expansion]) -> tuple[tuple[str, float], ...]:
    return tuple((word, one.weight) for one in expansions for word in one.added)
