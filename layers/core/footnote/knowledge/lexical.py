"""The form in which text and queries reach the lexical index. Pure; the same for both, or nothing matches.

The text search parser of PostgreSQL splits at spaces and punctuation, drops what looks like a tag, and keeps
`TCP/IP` or `sales.The` as one word. This form takes those traps out of its way and gives scripts that do not
put spaces between words something to split at: overlapping pairs of characters, as is common. Pairs do not
reach across a change of script or a grammatical word, where a word ends in Japanese, Chinese and Korean.
"""

from __future__ import annotations

import re
import unicodedata

# Han, kana, Bopomofo, Thai, Lao, Khmer, Myanmar: written without spaces. Hangul: endings are glued on.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3005\u3007\u3040-\u30ff\u3100-\u318f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_HIRAGANA_OR_NOT = re.compile("[\u3040-\u309f]+|[\u30a0-\u30ff]+|[^\u3040-\u30ff]+")
_GRAMMAR = re.compile(
    # Japanese
    "ください|でしょうか|でしょう|について|における|によって|として|という|ました|ません|している|でした|です|ます|する|した|して|いる|ある"
    "|こと|もの|これ|それ|この|その|どの|どこ|いつ|だれ|なに|どう|なぜ|とは|から|まで|より|など"
    # Chinese
    "|为什么|什么|哪里|哪个|哪些|怎么|如何|多少|是否|為什麼|什麼|哪裡|怎麼|[吗呢嗎的了是]"
    # Korean
    "|무엇|언제|어디|누구|누가|어떻게|입니까|습니까|습니다|입니다|인가|하였나"
)
_PARTICLES = "はがをにのへともでやかねよ"
_LONE_PARTICLES = frozenset("은는이가을를에의도로와과만")
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
    parts: list[str] = []
    for segment in _HIRAGANA_OR_NOT.findall(run):
        is_hiragana = "\u3040" <= segment[0] <= "\u309f"
        for part in _GRAMMAR.split(segment):
            word = part.strip(_PARTICLES) if is_hiragana else part
            if len(word) > 1:
                parts += (word[i : i + 2] for i in range(len(word) - 1))
            elif word and not is_hiragana and word not in _LONE_PARTICLES:
                parts.append(word)
    return " ".join(parts)


def _unaccented(letter: re.Match[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", letter[0]) if not unicodedata.combining(c))
