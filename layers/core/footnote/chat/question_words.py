"""What a question's own words tell of a sentence, beyond how many of them it holds."""

from __future__ import annotations

import re
from itertools import pairwise

from footnote.chat.support import ordered_terms

_FORMS = (
    "row column cell value table sheet page slide paragraph section document file passage text "
    "zeile spalte zelle wert tabelle seite folie absatz abschnitt dokument datei "
    "ligne colonne cellule valeur tableau diapositive paragraphe fichier "
    "fila columna celda valor tabla página diapositiva párrafo sección documento archivo "
    "riga colonna cella valore tabella pagina paragrafo sezione "
    "linha coluna célula tabela parágrafo seção ficheiro "
    "rij kolom waarde tabel pagina dia alinea paragraaf bestand"
)
_FORM_WORDS = tuple(_FORMS.split())
_SHORTEST = 3
_ENDING = 1  # what stemmers take from these words: valu(e), zeil(e)
_YES_OR_NO = re.compile(
    r"\W*(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|may|must|ist|sind|war|waren|"
    r"hat|haben|kann|darf|muss|est|sont|peut|es|son|hay|puede|è|sono|può|é|são|pode|zijn|heeft|mag|moet|kan)\b",
    re.IGNORECASE,
)


def names_a_form(term: str) -> bool:
    """Whether a lexeme names a part of a document, such as a row or a page, rather than what it is about."""
    return len(term) >= _SHORTEST and any(
        word.startswith(term) and len(word) - len(term) <= _ENDING for word in _FORM_WORDS
    )


class QuestionWords:
    """A question's words in their order.

    Args:
        question: The question.

    Attributes:
        asks_yes_or_no: A sentence that repeats the question may be its answer.
    """

    def __init__(self, question: str) -> None:
        self.asks_yes_or_no = _YES_OR_NO.match(question) is not None
        self._pairs = frozenset(pairwise(term for term in ordered_terms(question) if not names_a_form(term)))

    def pairs_in(self, sentence: str) -> float:
        """Share of the neighbouring words of the question that are neighbours in a sentence too; 0..1."""
        if not self._pairs:
            return 0.0
        return len(self._pairs.intersection(pairwise(ordered_terms(sentence)))) / len(self._pairs)
