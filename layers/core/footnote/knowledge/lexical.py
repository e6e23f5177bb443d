"""The form in which text and queries reach the lexical index. Pure; the same for both, or nothing matches.

The text search parser of PostgreSQL splits at spaces and punctuation, drops what looks like a tag, and keeps
`TCP/IP` or `sales.The` as one word. This form takes those traps out of its way and gives scripts that do not
put spaces between words something to split at: overlapping pairs of characters, as is common.
"""

from __future__ import annotations

import re
import unicodedata

# Han, kana, Bopomofo, Thai, Lao, Khmer, Myanmar: written without spaces. Hangul: endings are glued on.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3005\u3007\u3040-\u30ff\u3100-\u318f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
# Also the punctuation of Arabic and Indic scripts, which the parser takes for letters.
_BREAKS = re.compile(r"[/\\<>&|؟،؛۔।॥]")
# A full stop between two words of letters; decimals, versions and `e.g.` keep theirs.
_GLUED = re.compile(r"(?<=[^\W\d_]{2})\.(?=[^\W\d_]{2})")
_ACCENTED_LATIN = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")


def lexical_form(text: str, *, fold_accents: bool = True) -> str:
    """Prepares text for `to_tsvector`.

    Args:
        text: A passage or a query, of any length.
        fold_accents: Whether Latin letters lose their accents, so that `resume` finds `résumé`. Stemmers of
            languages that write accents expect them.
    """
    text = unicodedata.normalize("NFKC", text)
    text = _GLUED.sub(" ", _BREAKS.sub(" ", text))
    text = _UNSPACED.sub(lambda run: f" {_pairs(run[0])} ", text)
    return _ACCENTED_LATIN.sub(_unaccented, text) if fold_accents else text


def _pairs(run: str) -> str:
    if len(run) == 1:
        return run
    return " ".join(run[i : i + 2] for i in range(len(run) - 1))


def _unaccented(letter: re.Match[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", letter[0]) if not unicodedata.combining(c))
