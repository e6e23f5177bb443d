"""The conversation: questions, typed events, answers with citations, sessions and their history."""

from footnote.chat.events import (
    KEEP_ALIVE,
    Citation,
    Done,
    Error,
    Event,
    Restart,
    Retrieval,
    Token,
    Usage,
    server_sent_event,
)
from footnote.chat.models import (
    MESSAGE_CHARACTERS,
    Answer,
    AnswerMetadata,
    ChatQuestion,
    Evidence,
    Location,
    Message,
    NewTurn,
    Session,
    Source,
)
from footnote.chat.ports import ConversationStore, PassageRetriever, TermAnalyzer
from footnote.chat.support import SUPPORTED, content_terms, lexical_support

__all__ = [
    "KEEP_ALIVE",
    "MESSAGE_CHARACTERS",
    "SUPPORTED",
    "Answer",
    "AnswerMetadata",
    "ChatQuestion",
    "Citation",
    "ConversationStore",
    "Done",
    "Error",
    "Event",
    "Evidence",
    "Location",
    "Message",
    "NewTurn",
    "PassageRetriever",
    "Restart",
    "Retrieval",
    "Session",
    "Source",
    "TermAnalyzer",
    "Token",
    "Usage",
    "content_terms",
    "lexical_support",
    "server_sent_event",
]
