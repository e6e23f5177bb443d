"""Where sentences begin and end, by rules.

Candidates are found by one compiled expression; a period is then judged by the word before it and the word
after it. The rules know abbreviations of English, German, French and Spanish, initials, numbered lists and
ordinals, quotes and brackets after the full stop, and the full stops of Chinese, Japanese, Arabic, Urdu and
Hindi. A line end always ends a sentence: canonical text has none inside of paragraphs.
"""

from __future__ import annotations

import re

_CANDIDATE = re.compile(
    r"""
      (?<![.!?…])(?P<latin>[.!?…]++)(?:["'”’»)\]}]|[\ \u00a0\u202f]»|\[\d{1,3}(?:[,–-]\d{1,3})*+\])*+(?=\s)
    | (?P<full>[。！？｡؟۔।॥։።]++)["'”’»)\]}」』）】》〉]*+
    | (?P<line>\n)
    """,
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_OPENERS = "\"'“‘«‹([{¿¡„‚*_—–-"
_OPENING = re.compile(f"[{re.escape(_OPENERS)}]{{0,8}}")
_INNER_PERIODS = re.compile(r"^(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,3}$")
_NEXT_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
# What follows a period within a date of figures: "2020. 3. 11.", and in East Asian text any word.
_DATE_GOES_ON = re.compile(r"\d{1,2}\.\s?(?:\d|[\uac00-\ud7a3])|[\uac00-\ud7a3\u3040-\u30ff\u4e00-\u9fff]")
_LOOK_BACK = 40
_CAPITAL = re.compile(r"[A-Z\u00c0-\u00de\u0391-\u03a9\u0410-\u042f]")


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in words.split())


# Always followed by what they belong to: titles, references, "for example".
_NEVER = _words(
    # English
    "dr mr mrs ms prof rev mt ft col capt lt sgt cpl pvt cmdr gov sen supt messrs mmes esq fig figs eq "
    "eqs eqn ch chap vol vols eds pp nos cf viz vs e.g i.e eg ie approx incl resp tel attn dept assn bros "
    "refs op cit ibid",
    # German
    "hr fr dipl ing phil nr abb abs bd bzw d.h evtl ggf gem geb inkl insb i.d.r jh jhd mio mrd o.ä o.g "
    "s.o s.u sog u.a u.ä vgl z.b z.t zzgl bspw exkl zb dh tsd hrsg verf aufl rn ziff",
    # French, Spanish, Italian, Portuguese
    "mme mlle mgr p.ex c.-à-d éd bd sr sra sres srta dña uds vd vds p.ej pág págs núm núms aprox "
    "dpto avda sigg dott avv pagg exmo exma dra",
)
# Also stand at the end of sentences: then the next word has to look like a beginning.
_MAYBE = _words(
    "inc ltd co corp llc plc jr sr etc al al. u.s u.k u.n e.u d.c a.m p.m ph.d m.d b.a m.a bsc "
    "msc a.d b.c e.v s n st jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu "
    "thur thurs fri sat sun gen rep hon ave blvd rd hwy apt oz lb lbs hrs sq usw usf u.s.w u.v.m "
    "mw gmbh ag kg cie ecc ee.uu s.a s.l univ div",
)
# Words as well as abbreviations; the latter only before a number: "No. 5", "Art. 3".
_BEFORE_NUMBER = _words(
    "no art arts sec secs par para paras tab ref ex est ext ca min max p s f ff n c v vs kap lit "
    "tel st ste fol app items item sig pag anm bl",
)
_STARTERS = _words(
    "the a an this that these those it its he she they we you i his her their our my in on at by "
    "for from with as when while if although though because since after before during but and or "
    "so however therefore moreover furthermore thus hence then there here what who how why where "
    "which no not all some many most each every both another such one two to also finally first "
    "second according despite der die das ein eine einer dieser diese dieses es er sie wir ich "
    "ihr in im am an auf bei mit nach von vor wenn als da weil aber und oder doch auch so dann "
    "hier dort wie was wer warum alle viele kein keine zur zum le la les un une des ce cette ces "
    "il elle ils elles nous vous je on dans en pour par avec sur mais et ou donc el los las una "
    "esto esta este estos ella ellos nosotros pero y o si cuando como porque para por con sin",
)
# What an ordinal number is followed by in German dates and titles: "3. Oktober", "2. Quartal".
_AFTER_ORDINAL = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember "
    "jan feb mär apr jun jul aug sep sept okt nov dez jahrhundert jahrhunderts quartal quartals "
    "auflage kapitel platz klasse semester halbjahr stock etage teil absatz satz artikel tag "
    "woche monat liga mal weltkrieg weltkriegs obergeschoss",
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Half-open spans of the sentences in `text`, in order, without white space at their ends.

    Every character that is not white space lies in exactly one span.
    """
    spans: list[tuple[int, int]] = []
    start = _skip_space(text, 0)
    cased = _CAPITAL.search(text) is not None
    for candidate in _CANDIDATE.finditer(text, start):
        if candidate.lastgroup == "latin" and not _ends_sentence(text, start, candidate, cased=cased):
            continue
        end = candidate.end()
        _add(spans, text, start, end)
        start = _skip_space(text, end)
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        spans.append((start, end))


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _ends_sentence(text: str, start: int, candidate: re.Match[str], *, cased: bool) -> bool:
    """Judges a candidate of Latin punctuation that is followed by white space.

    A small letter goes on with the sentence, but in texts without capitals (`cased` is false) and after
    periods that stand alone, as in texts taken apart into tokens.
    """
    stop, after = candidate.span()
    upcoming = _skip_space(text, after)
    if upcoming >= len(text) or "\n" in text[after:upcoming]:
        return True
    opened = _OPENING.match(text, upcoming)
    first = opened.end() if opened else upcoming
    letter = text[first : first + 1]
    alone = text[stop] == "." and stop > start and text[stop - 1].isspace()
    if letter.islower() and cased and not alone:
        return False
    if candidate["latin"] != ".":
        return True  # "?", "!" and dots of omission, before anything but a small letter
    return _period_ends(text, start, stop, first, closed=candidate.end("latin") < after)


def _period_ends(text: str, start: int, stop: int, following: int, *, closed: bool) -> bool:
    """Judges a single period by its neighbours; `closed` if quotes or brackets follow it."""
    begin = max(start, stop - _LOOK_BACK)
    space = max(text.rfind(" ", begin, stop), text.rfind("\u00a0", begin, stop))
    word_start = space + 1 if space >= 0 else begin
    word = text[word_start:stop].lstrip(_OPENERS)
    lowered = word.lower()
    if lowered[-1:].isdigit():
        return _number_ends(text, lowered, following, first=word_start <= start)
    if closed or not word:
        return True
    if lowered in _NEVER or (lowered in _BEFORE_NUMBER and text[following : following + 1].isdigit()):
        return False
    single = len(word) == 1 and word.isalpha() and word != "I"
    if single and word_start <= start:
        return False  # "A. First item"
    if single or lowered in _MAYBE or _INNER_PERIODS.match(word):
        return _next_word(text, following) in _STARTERS
    return True


def _number_ends(text: str, number: str, following: int, *, first: bool) -> bool:
    """Whether a period after digits ends: `1. Introduction` and `3. Oktober` go on, `in 1999. The` ends."""
    if _DATE_GOES_ON.match(text, following):
        return False
    if not number.isdigit():
        return True
    if first and len(number) <= 3:
        return False
    return not (len(number) <= 2 and _next_word(text, following) in _AFTER_ORDINAL)


def _next_word(text: str, position: int) -> str:
    found = _NEXT_WORD.match(text, position)
    return found[0].lower() if found else ""
