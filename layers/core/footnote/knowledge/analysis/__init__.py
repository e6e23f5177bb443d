"""Query understanding: operators, entities, type, expansion, strategy and depth."""

from footnote.knowledge.analysis.models import (
    Decision,
    Entity,
    Expansion,
    QueryAnalysis,
    QueryType,
)

__all__ = ["Decision", "Entity", "Expansion", "QueryAnalysis", "QueryType"]
