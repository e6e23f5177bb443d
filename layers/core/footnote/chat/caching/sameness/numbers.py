"""Numbers, however they are written: digits, words, ordinals, Roman numerals; months and units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

_UNITS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig",
    "fr": "zéro _ deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze "
    "seize _ _ _ vingt",
    "es": "cero _ dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve veinte",
    "it": "zero _ due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici "
    "quindici sedici diciassette diciotto diciannove venti",
    "pt": "zero _ dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze "
    "dezesseis dezessete dezoito dezenove vinte",
    "nl": "nul _ twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien "
    "zestien zeventien achttien negentien twintig",
    "sv": "noll _ två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton "
    "sjutton arton nitton tjugo",
    "pl": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć",
    "ru": "ноль один два три четыре пять шесть семь восемь девять десять",
}
_OTHERS = {
    "en": {"half": "1/2", "quarter": "1/4", "dozen": "12"},
    "de": {"hundert": "100", "tausend": "1000", "halb": "1/2", "dreißig": "30"},
    "fr": {"cent": "100", "mille": "1000", "trente": "30"},
    "es": {"cien": "100", "mil": "1000", "treinta": "30"},
    "it": {"cento": "100", "mille": "1000", "trenta": "30"},
    "pt": {"cem": "100", "mil": "1000", "trinta": "30"},
    "nl": {"honderd": "100", "duizend": "1000", "dertig": "30"},
    "sv": {"hundra": "100", "tusen": "1000"},
    "pl": {"sto": "100", "tysiąc": "1000"},
    "ru": {
        "сто": "100",
        "тысяча": "1000",
        "двух": "2",
        "трёх": "3",
        "трех": "3",
        "четырёх": "4",
        "пяти": "5",
    },
}
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_MONTH_NAMES = "january february march april may june july august september october november december"
_TENS = MappingProxyType({word: 10 * n for n, word in enumerate(_TENS_WORDS.split(), 2)})
_SCALES = MappingProxyType({"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000})
_ORDINALS = MappingProxyType({word: n for n, word in enumerate(_ORDINAL_WORDS.split(), 1)})
_ROMAN = re.compile(r"(?=[IVXL])X{0,3}(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = MappingProxyType({"I": 1, "V": 5, "X": 10, "L": 50})
_ORDINAL_DIGITS = re.compile(r"(\d+)(?:st|nd|rd|th)")
_DIGITS = re.compile(r"-?\d[\d.,:/]*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
# Short forms too; "mar" is a word of several languages.
MONTHS: Mapping[str, str] = MappingProxyType(
    {
        form: name
        for name in _MONTH_NAMES.split()
        for form in (name, name[:3], "sept" if name == "september" else name)
        if form != "mar"
    }
)


def _words() -> dict[str, dict[str, str]]:
    found = {
        language: {word: str(n) for n, word in enumerate(text.split()) if word != "_"}
        for language, text in _UNITS.items()
    }
    return {language: numbers | _OTHERS[language] for language, numbers in found.items()}


_WORDS = MappingProxyType(_words())


def number_of(word: str, language: str) -> str | None:
    """The number a single folded word stands for; ordinals end in `.`."""
    ordinal = _ORDINAL_DIGITS.fullmatch(word)
    if ordinal:
        return f"{int(ordinal[1])}."
    if _DIGITS.fullmatch(word):
        text = word.rstrip(".,:/")
        return text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
    if language == "en" and word in _ORDINALS:
        return f"{_ORDINALS[word]}."
    return _WORDS.get(language, {}).get(word)


def roman(word: str) -> str | None:
    """The value of a Roman numeral up to 39."""
    if not word or not _ROMAN.fullmatch(word):
        return None
    values = [_ROMAN_VALUES[letter] for letter in word]
    total = sum(
        -value if any(later > value for later in values[at + 1 : at + 2]) else value
        for at, value in enumerate(values)
    )
    return str(total)


def joined(words: Sequence[str]) -> tuple[str, int] | None:
    """An English number of several words at the beginning of `words`, and how many they are: twenty four."""
    total, current, used = 0, 0, 0
    for word in words:
        small = _WORDS["en"].get(word)
        if word in _SCALES and used:
            current = max(current, 1) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, current = total + current, 0
        elif word in _TENS:
            current += _TENS[word]
        elif small is not None and small.isdigit() and (not used or current % 10 == 0):
            current += int(small)
        else:
            break
        used += 1
    return (str(total + current), used) if used > 1 or (used and words[0] in _TENS) else None
