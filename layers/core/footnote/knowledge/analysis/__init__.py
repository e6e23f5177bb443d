"""Query understanding: operators, entities, type, expansion, strategy and depth."""

from footnote.knowledge.analysis.analyzer import Routing, analyze_query
from footnote.knowledge.analysis.models import (
    Decision,
    Entity,
    Expansion,
    QueryAnalysis,
    QueryType,
)

__all__ = ["Decision", "Entity", "Expansion", "QueryAnalysis", "QueryType", "Routing", "analyze_query"]
