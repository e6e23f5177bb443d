"""Footnote: a multi-tenant RAG chatbot platform whose every answer cites its sources."""

__version__ = "0.1.0"
