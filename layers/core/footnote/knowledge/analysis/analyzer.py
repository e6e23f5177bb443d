"""What a query means, before anything is searched: pure, deterministic, well under two milliseconds.

Sections 3.2 (type, expansion, suggested strategy) and 17.1 (adaptive depth) of the reference document.
"""

from __future__ import annotations

from typing import Literal

from footnote.knowledge.analysis.classification import Classified, classify
from footnote.knowledge.analysis.entities import entities
from footnote.knowledge.analysis.expansion import expand
from footnote.knowledge.analysis.models import Decision, Entity, QueryAnalysis, QueryType, SearchStrategy
from footnote.knowledge.analysis.operators import Operators, read_operators
from footnote.knowledge.language import UNDETERMINED, detect_language

Routing = Literal["measured", "by_type"]

MAX_CHARACTERS = 2_000
"""What is read of a query; more of it is kept in `text` but not analysed."""

_LANGUAGE_CHARACTERS = 600
_SUGGESTED: dict[QueryType, SearchStrategy] = {
    QueryType.KEYWORD: "lexical",
    QueryType.SEMANTIC: "vector",
    QueryType.FACTUAL: "hybrid",
    QueryType.COMPLEX: "hybrid",
}
_SIMPLE, _ENUMERATED, _COMPLEX, _PER_PART, _DEEPEST = 3, 10, 10, 2, 16
_SEMANTIC = ((8, 5), (16, 6), (24, 7))  # up to so many words, so many passages
_SEMANTIC_LONG = 8


def analyze_query(query: str, *, routing: Routing = "measured") -> QueryAnalysis:
    """Everything that is known of a query.

    Args:
        query: As it was typed; the first 2,000 characters are analysed.
        routing: `measured` searches both ways unless only exact words can be meant; `by_type` follows the
            table of section 3.2.
    """
    head, rest = query[:MAX_CHARACTERS], query[MAX_CHARACTERS:]
    operators = read_operators(head)
    text = f"{operators.text}{head[len(head.rstrip()) :]}{rest}" if rest else operators.text
    language = detect_language(operators.text[:_LANGUAGE_CHARACTERS])
    named = entities(head, language)
    found = tuple(one for one in named if not operators.covers(one.start))
    kind = classify(operators.text, language, found)
    expansions, why_expanded = expand(operators.text, language, found, operators.constraints.excluded)
    strategy, why_strategy = _route(operators, kind, found, routing)
    depth, why_depth = _depth(kind)
    suggested = _SUGGESTED[kind.type]
    return QueryAnalysis(
        original=query,
        text=text,
        language=language,
        type=kind.type,
        suggested_strategy=suggested,
        strategy=strategy,
        depth=depth,
        entities=found,
        expansions=expansions,
        constraints=operators.constraints,
        filters=operators.filters,
        decisions=(
            *operators.decisions,
            _language_decision(language),
            Decision("type", kind.type.value, kind.reason),
            *(
                Decision("expansion", " ".join(one.added), why)
                for one, why in zip(expansions, why_expanded, strict=True)
            ),
            Decision(
                "suggested_strategy", suggested, f"What section 3.2 suggests for a {kind.type.value} query."
            ),
            Decision("strategy", strategy, why_strategy),
            Decision("depth", str(depth), why_depth),
        ),
    )


def _language_decision(language: str) -> Decision:
    reason = (
        "Too few words tell one language from another."
        if language == UNDETERMINED
        else "By its script and commonest words."
    )
    return Decision("language", language, reason)


def _route(
    operators: Operators, kind: Classified, found: tuple[Entity, ...], routing: Routing
) -> tuple[SearchStrategy, str]:
    if routing == "by_type":
        return _SUGGESTED[kind.type], "The routing by type is switched on."
    if operators.only_quoted:
        return "lexical", "All of it is in quotation marks, so exactly these words are meant."
    if _is_code(operators.text, found):
        return "lexical", "It is a code or an identifier, which has no meaning to be compared."
    return (
        "hybrid",
        "Both ways together found more than either alone for every type of query that was measured.",
    )


def _is_code(text: str, found: tuple[Entity, ...]) -> bool:
    """Whether nothing but codes is searched for."""
    codes = sum(len(entity.text) for entity in found if entity.kind == "code")
    return codes > 0 and len("".join(text.split())) - codes <= 1


def _depth(kind: Classified) -> tuple[int, str]:
    if kind.type is QueryType.COMPLEX:
        depth = min(_DEEPEST, _COMPLEX + _PER_PART * (kind.parts - 1))
        return depth, "A complex question needs evidence from several places."
    if kind.enumerates:
        return _ENUMERATED, "It asks for all of something, which stands in many places."
    if kind.type in {QueryType.KEYWORD, QueryType.FACTUAL}:
        return _SIMPLE, "A simple question is answered in one place."
    depth = next((depth for words, depth in _SEMANTIC if kind.words <= words), _SEMANTIC_LONG)
    return depth, f"A question of {kind.words} words in its own wording."
