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

__all__ = [
    "KEEP_ALIVE",
    "MESSAGE_CHARACTERS",
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
    "server_sent_event",
]
