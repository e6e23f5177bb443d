"""Follow-up questions: what is searched for when a message leans on the conversation before it."""

from footnote.knowledge.followups.dependence import Dependence, dependence
from footnote.knowledge.followups.rewriting import ModelQueryRewriter, QueryRewriter
from footnote.knowledge.followups.standalone import (
    StandAloneQuery,
    contextual_query,
    mixture,
    stand_alone,
)

__all__ = [
    "Dependence",
    "ModelQueryRewriter",
    "QueryRewriter",
    "StandAloneQuery",
    "contextual_query",
    "dependence",
    "mixture",
    "stand_alone",
]
