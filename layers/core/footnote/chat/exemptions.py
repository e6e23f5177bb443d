"""Sentences of an answer that claim nothing about the documents' subject, and so need no support.

Greetings, questions back, introductions, headings; and what says that the documents do not say.
"""

from __future__ import annotations

import re

from footnote.chat.support import wording

_LEAST_TERMS = 2
_HEADING_TERMS = 4

_SOURCES = (
    r"(?:documents?|passages?|sources?|context|texts?|excerpts?|materials?|information|dokumente?n?|quellen?|"
    r"passagen?|textstellen?|unterlagen|extraits?|contexte|informations?|documentos?|fuentes?|pasajes?|"
    r"fragmentos?|contexto|información|informação|fontes?|trechos?|document[io]|fonti|passaggi|brani|contesto|"
    r"informazioni|documenten|bronnen|passages|fragmenten|informatie)"
)
_ABSTENTION = re.compile(
    rf"\b{_SOURCES}\b[^.!?]{{0,60}}?"
    rf"(?:\b(?:do|does|did)(?: not|n['’]t)\b|\b(?:is|are) (?:not|silent)\b|\bno\b)"
    rf"|\b(?:no|not enough|insufficient|any) {_SOURCES}\b[^.!?]{{0,40}}"
    rf"\b(?:about|on|for|to|is|are|was|were)\b"
    rf"|\bnot (?:mentioned|stated|specified|provided|described|covered|found|given|addressed)\b[^.!?]{{0,40}}"
    rf"\b{_SOURCES}\b"
    rf"|\b(?:i|we) (?:do not|don['’]t|cannot|can['’]t|could not|couldn['’]t|(?:am|are|was) unable)\b"
    rf"[^.!?]{{0,60}}\b(?:know|find|answer|say|determine|information|{_SOURCES})"
    rf"|\b{_SOURCES}\b[^.!?]{{0,60}}\b(?:nichts?|keine?n?)\b"
    rf"|\b{_SOURCES}\b[^.!?]{{0,60}}(?:\bne\b|\bn['’])[^.!?]{{0,40}}\b(?:pas|rien|aucune?)\b"
    rf"|\b{_SOURCES}\b[^.!?]{{0,60}}\b(?:no|non|não|nada|nulla|niente)\b"
    rf"|\b{_SOURCES}\b[^.!?]{{0,60}}\b(?:niet|niets|geen)\b",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"\W*(?:hello|hi|hey|dear|thanks?|thank you|you(?:['’]re| are) welcome|sure|certainly|of course|great|"
    r"i hope|i(?:['’]?m| am) (?:sorry|happy|glad)|let me know|feel free|if you (?:have|need)|"
    r"please (?:let|feel|note that i)|hallo|guten|danke|gern|bitte|bonjour|merci|de rien|hola|gracias|"
    r"de nada|ciao|grazie|prego|olá|obrigad[oa]|goedemorgen|dank|graag)\b",
    re.IGNORECASE,
)
_INTRODUCTION = re.compile(
    r"\W*(?:here (?:is|are)|here['’]s|the following|below|in (?:short|summary)|to summari[sz]e|based on|"
    r"according to|as follows|hier (?:ist|sind)|im folgenden|zusammenfass\w*|voici|en résumé|d['’]après|"
    r"aquí|a continuación|en resumen|según|ecco|di seguito|in sintesi|aqui|a seguir|em resumo|"
    r"hieronder|samengevat|volgens)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[?？؟]['\"”’»)\]]*$")
_HEADING = re.compile(r"^\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")


def is_abstention(sentence: str) -> bool:
    """It says that the documents do not say."""
    return _ABSTENTION.search(sentence) is not None


def is_exempt(sentence: str) -> bool:
    """It makes no claim that a document could support.

    Args:
        sentence: Without citation marks.
    """
    sentence = sentence.strip()
    if _QUESTION.search(sentence) or is_abstention(sentence):
        return True
    found = wording(sentence)
    terms = len(found.terms)
    if terms < _LEAST_TERMS and not found.numbers and not found.names:
        return True
    if terms <= _HEADING_TERMS and not found.numbers and _HEADING.match(sentence):
        return True
    if sentence.endswith((":", "：")) and not found.numbers:
        return _INTRODUCTION.match(sentence) is not None or terms <= _HEADING_TERMS
    return _COURTESY.match(sentence) is not None and not found.numbers and not found.names
