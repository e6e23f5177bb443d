"""What is understood of a query before anything is searched."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from footnote.knowledge.filters import SearchFilters, TextConstraints

EntityKind = Literal["name", "acronym", "number", "date", "code", "quotation"]
SearchStrategy = Literal["hybrid", "lexical", "vector"]


class QueryType(StrEnum):
    """The kinds of section 3.2 of the reference document."""

    KEYWORD = "keyword"
    FACTUAL = "factual"
    SEMANTIC = "semantic"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True)
class Entity:
    """Something named in the query: `text` is `query[start:end]`."""

    kind: EntityKind
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Expansion:
    """Words searched for besides a word of the query; `weight` in 0..1 is what they count of its score."""

    term: str
    added: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that was decided, and why, in words for a person."""

    aspect: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueryAnalysis:
    """Everything that is known of a query; deterministic.

    Attributes:
        original: As it was typed.
        text: What is searched for: `original` without its operators.
        language: ISO 639-1 code or `und`.
        type: Keyword, factual, semantic or complex.
        entities: In order of appearance.
        expansions: Words to be added to the lexical leg.
        constraints: From quotation marks, minus signs, `title:` and `filename:`.
        filters: From `category:`, `tag:`, `source:`, `language:`, `after:` and `before:`.
        suggested_strategy: What the type suggests by itself (section 3.2).
        strategy: What `auto` runs.
        depth: How many passages an answer should rest on (section 17.1).
        decisions: Each of the above that was a choice, with its reason.
    """

    original: str
    text: str
    language: str
    type: QueryType
    suggested_strategy: SearchStrategy
    strategy: SearchStrategy
    depth: int
    entities: tuple[Entity, ...] = ()
    expansions: tuple[Expansion, ...] = ()
    constraints: TextConstraints = field(default_factory=TextConstraints)
    filters: SearchFilters = field(default_factory=SearchFilters)
    decisions: tuple[Decision, ...] = ()
