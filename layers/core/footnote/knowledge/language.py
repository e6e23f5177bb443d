"""Which language a text is in: by its script, and for Latin script by its commonest words.

Deterministic and small: no model, no data files. Where the evidence is thin the answer is `und`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from footnote.knowledge.language_hints import (
    DANISH,
    EXTRA_WORDS,
    NORWEGIAN,
    SHAPE_WEIGHT,
    SHAPES,
    UKRAINIAN_WORDS,
    WORD_WEIGHT,
)

UNDETERMINED = "und"
_SAMPLE = 20_000
_SHORT = 12  # words: in so few their looks count as well
_QUESTION = 6  # words: in longer texts a single word proves nothing
_SINGLE_LETTER = 0.25
_CLEAR = 0.25
_PASSAGE = 100  # letters: in less of a document, names and figures outweigh its words
_UNSPACED_LETTER = 2  # more letters that a letter of a script without spaces stands for
# Ranges of the scripts that decide by themselves or narrow the choice.
_SCRIPTS = re.compile(
    r"(?P<latin>[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+)|(?P<cyrillic>[\u0400-\u052f]+)|(?P<greek>[\u0370-\u03ff\u1f00-\u1fff]+)"
    r"|(?P<arabic>[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]+)|(?P<hebrew>[\u0590-\u05ff]+)"
    r"|(?P<kana>[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d]+)|(?P<hangul>[\uac00-\ud7af\u1100-\u11ff\u3130-\u318f]+)"
    r"|(?P<han>[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)|(?P<hi>[\u0900-\u097f]+)|(?P<th>[\u0e00-\u0e7f]+)"
    r"|(?P<bn>[\u0980-\u09ff]+)|(?P<ta>[\u0b80-\u0bff]+)|(?P<te>[\u0c00-\u0c7f]+)|(?P<ka>[\u10a0-\u10ff]+)"
    r"|(?P<hy>[\u0530-\u058f]+)|(?P<am>[\u1200-\u137f]+)|(?P<km>[\u1780-\u17ff]+)|(?P<lo>[\u0e80-\u0eff]+)"
)
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_DENSE_SCRIPTS = frozenset({"kana", "han", "hangul"})  # a letter there says as much as a short word elsewhere
_PERSIAN = re.compile("[\u067e\u0686\u0698\u06af\u06cc]")
_URDU = re.compile("[\u0679\u0688\u0691\u06ba\u06d2\u06be]")
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_RUSSIAN = re.compile("[ыэъёЫЭЪЁ]")
_SERBIAN = re.compile("[јљњћђџЈЉЊЋЂЏ]")
_BULGARIAN_WORDS = frozenset({"и", "на", "от", "за", "да", "се", "че", "са", "като", "е", "който", "при"})
_RUSSIAN_WORDS = frozenset({"и", "в", "не", "что", "с", "он", "как", "это", "из", "для", "от", "мы", "вы"})

_STOP_WORDS: dict[str, str] = {
    "en": "the of and to in is that for it with as was on are be by this at from or an have not which "
    "you what how when who where why does do did can has were will their they would about there "
    "been more than its if these i we my our your should could may must into over after before "
    "between while whose many much he she his her",
    "de": "der die das und ist in den von zu mit nicht ein eine sich des auf für im dem auch als wie aus "
    "bei werden wird sind oder einer nach an ich wir sie es dass kann hat über zum zur was wer wo "
    "wann warum welche durch nur noch einem einen war haben vor mehr wenn diese dieser kein keine "
    "unter bis ihr sein",
    "fr": "le la les de des du et est un une en que qui dans pour sur pas au aux par ce il elle sont "
    "avec ne plus se cette ou son sa ses nous vous je où quel quelle comment quand pourquoi être "
    "avoir été mais leur ces comme dont c'est d'une d'un l'on qu'il n'est ont aussi sans entre "
    "fait",
    "es": "el la los las de del y es un una en que por para con no se su al lo como más pero sus le ha o "
    "este esta son sobre entre cuando qué quién cómo dónde cuál por qué fue ser también muy sin "
    "desde hasta hay todo nos ya porque está esto ese eso tiene han sido",
    "it": "il lo la i gli le di del della dei delle e è un una in che per con non si da al alla sono "
    "come più ma anche nel nella su questo questa o se ha quando cosa chi dove perché quale quali "
    "essere stato stata dal dalla degli sul sulla loro ai tra fra hanno era",
    "pt": "o os a as de do da dos das e é um uma em que para com não se por mais no na nos nas ao como "
    "mas foi ou são seu sua ele ela isso este esta quando quem onde qual quais porque também pelo "
    "pela à às até já muito ser está tem sobre entre você",
    "nl": "de het een en van in is dat op te zijn voor met niet aan er die om ook als maar dan bij nog "
    "uit door over naar heeft hebben ik je we ze hij wat wie waar wanneer waarom hoe welke worden "
    "wordt deze dit kan tot was of geen meer moet werd",
    "sv": "och att det i en som är på för av med den till inte om ett har de jag vi från var han hon men "
    "sig så kan när vad vem vilken varför hur eller också efter ska skulle detta denna under vid "
    "mycket bara än nu finns alla mellan blir blev",
    "da": "og at det i en som er på for af med den til ikke om et har de jeg vi fra var han hun men sig "
    "så kan når hvad hvem hvorfor hvordan hvilken eller også efter skal ville dette denne under "
    "ved meget kun end nu alle mellem bliver blev være",
    "no": "og at det i en som er på for av med den til ikke om et har de jeg vi fra var han hun men seg "
    "så kan når hva hvem hvorfor hvordan hvilken eller også etter skal ville dette denne under ved "
    "mye bare enn nå alle mellom blir ble være",
    "fi": "ja on ei että se oli hän mutta ovat kun niin kuin myös joka tai jos mitä missä milloin miksi "
    "kuka miten ole olla sen sitä tämä nämä ne he me te minä sinä voi vain jo sekä jotka kanssa "
    "mukaan ollut vuonna joita eivät hänen siitä mikä",
    "pl": "i w na z do nie się że jest to o jak po co od za przez dla są ale czy tak był była było być "
    "który która które lub oraz przy kto gdzie kiedy dlaczego jaki jakie już tylko może ich jego "
    "jej tym tego ten ta bardzo pod we ze przed także",
    "tr": "ve bir bu da de için ile ne çok daha olarak gibi kadar sonra olan ise değil mi mı en her o "
    "var yok ama ya nasıl nerede kim neden hangi veya ki onun benim bunu şu diye olduğu olduğunu "
    "tarafından göre ancak hem",
    "cs": "a v se na je že s z do o i to jako za by ale jsou pro od po při která který které nebo co kdy "
    "kde proč jak byl byla bylo být jeho jejich také již jen podle tak až aby má mezi",
    "hu": "a az és hogy nem is egy van volt ez meg de mint csak vagy már még mi ki hol mikor miért "
    "hogyan ha amely után lesz ezt azt szerint között kell lehet minden nagyon",
    "ro": "și în de la a cu pe este o un nu că se din pentru care mai sunt ce ca au fost sau prin după "
    "când unde cine cum acest această dar fi lui ale al",
    "id": "yang dan di ini dengan untuk dari dalam tidak pada itu adalah ke akan atau oleh juga karena "
    "ada dapat bisa saya kami mereka apa siapa bagaimana kapan lebih sebagai telah tersebut",
    "vi": "và của là có cho không được trong một các những với này đã người để khi từ như đến về tại "
    "theo ra nhưng",
    "ca": "el la els les de i és un una en que per amb no es al del com més però són aquest aquesta què "
    "quan on també dels ha va ser seva seu",
}  # fmt: skip


def _index() -> dict[str, tuple[tuple[str, float], ...]]:
    """Word -> (language, weight); a word of n languages speaks for each with 1/n, single letters for less."""
    owners: dict[str, list[str]] = {}
    for language, words in _STOP_WORDS.items():
        for word in dict.fromkeys(words.split()):
            owners.setdefault(word, []).append(language)
    return {
        word: tuple((name, _weight(word) / len(names)) for name in names) for word, names in owners.items()
    }


def _weight(word: str) -> float:
    """Letters are bullets and variables as well; those with accents are not."""
    return _SINGLE_LETTER if len(word) == 1 and word.isascii() else 1.0


_WORDS = _index()
_FUNCTION_WORDS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_BY_SCRIPT = "ru uk bg sr ar fa ur el he ja zh ko hi th bn ta te ka hy am km lo"
RECOGNISED = frozenset([*_STOP_WORDS, *_BY_SCRIPT.split()])
"""Codes of all languages that a text can be found to be in."""
# Letters that one language uses and its nearest neighbours do not, worth a little beside the words.
_LETTERS: tuple[tuple[re.Pattern[str], dict[str, float]], ...] = tuple(
    (re.compile(f"[{letters}]"), weights)
    for letters, weights in (
        ("ßẞ", {"de": 1.0}),
        ("ñ¿¡", {"es": 1.0}),
        ("ãõ", {"pt": 0.8, "vi": 0.1}),
        ("łąęśźżń", {"pl": 1.0}),
        ("ğışİ", {"tr": 1.0}),
        ("æø", {"da": 0.5, "no": 0.5}),
        ("řěůč", {"cs": 0.8}),
        ("őű", {"hu": 1.0}),
        ("șțţ", {"ro": 1.0}),
        ("œ", {"fr": 1.0}),
        ("ơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ", {"vi": 1.0}),
    )
)


def without_function_words(text: str, language: str) -> str:
    """`text` without the commonest words of `language`, which say nothing about what a text is about.

    Unchanged for languages without a list, and for English, whose list the search engine has itself.
    """
    words = _FUNCTION_WORDS.get(language)
    if words is None or language == "en":
        return text
    return _WORD.sub(lambda word: "" if word[0].lower() in words else word[0], text)


def function_words(language: str) -> frozenset[str]:
    """The commonest words of a language, in lower case; none for one without a list."""
    return _FUNCTION_WORDS.get(language, frozenset())


def detect_language(text: str) -> str:
    """ISO 639-1 code of the language that most of `text` is in, or `und`.

    Args:
        text: Any length; the first 20,000 characters are looked at.
    """
    sample = text[:_SAMPLE]
    scripts: Counter[str] = Counter()
    for found in _SCRIPTS.finditer(sample):
        scripts[found.lastgroup or ""] += found.end() - found.start()
    if not scripts:
        return UNDETERMINED
    weighted = {name: count * (3 if name in _DENSE_SCRIPTS else 1) for name, count in scripts.items()}
    east_asian = sum(count for name, count in weighted.items() if name in _DENSE_SCRIPTS)
    winner = max(weighted, key=lambda name: (weighted[name], name))
    if east_asian and east_asian >= weighted[winner]:
        return _east_asian(scripts)
    return _by_script(winner, sample)


def passage_language(text: str) -> str:
    """The language of a passage; `und` for one too short to tell, where that of its document holds."""
    letters = sum(len(run[0]) for run in _SCRIPTS.finditer(text))
    unspaced = sum(len(run[0]) for run in _UNSPACED.finditer(text))
    return detect_language(text) if letters + _UNSPACED_LETTER * unspaced >= _PASSAGE else UNDETERMINED


def _east_asian(scripts: Counter[str]) -> str:
    if scripts["hangul"] > (scripts["kana"] + scripts["han"]) * 0.5:
        return "ko"
    # Japanese always mixes kana in; a few of them in Chinese text are quotations.
    return "ja" if scripts["kana"] * 10 >= scripts["han"] else "zh"


def _by_script(script: str, sample: str) -> str:
    judges = {"latin": _latin, "cyrillic": _cyrillic, "arabic": _arabic}
    if script in judges:
        return judges[script](sample)
    return {"greek": "el", "hebrew": "he"}.get(script, script)


def _arabic(sample: str) -> str:
    if _URDU.search(sample):
        return "ur"
    return "fa" if len(_PERSIAN.findall(sample)) * 100 > len(sample) else "ar"


def _cyrillic(sample: str) -> str:
    if _SERBIAN.search(sample):
        return "sr"
    if len(_UKRAINIAN.findall(sample)) > len(_RUSSIAN.findall(sample)):
        return "uk"
    if _RUSSIAN.search(sample):
        return "ru"
    words = _WORD.findall(sample.lower())
    if len(words) <= _SHORT and not UKRAINIAN_WORDS.isdisjoint(words):
        return "uk"
    bulgarian = sum(word in _BULGARIAN_WORDS for word in words)
    return "bg" if bulgarian > sum(word in _RUSSIAN_WORDS for word in words) else "ru"


def _latin(sample: str) -> str:
    lowered = sample.lower().replace("’", "'")
    words = _WORD.findall(lowered)
    scores: defaultdict[str, float] = defaultdict(float)
    found = {word for word in words if len(word) > 1 and word in _WORDS}
    for word in words:
        for name, weight in _WORDS.get(word, ()):
            scores[name] += weight
    for pattern, weights in _LETTERS:
        count = len(pattern.findall(lowered))
        for name, weight in weights.items():
            scores[name] += weight * min(count, len(words))
    if len(words) <= _SHORT:
        found |= _add_hints(scores, words)
    if not scores:
        return UNDETERMINED
    ranked = sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
    best, score = ranked[0]
    runner_up = ranked[1][1] if len(ranked) > 1 else 0.0
    if len(words) > _QUESTION and len(found) < 2:
        return UNDETERMINED
    if {best, ranked[1][0] if len(ranked) > 1 else best} == {"da", "no"} and score - runner_up < _CLEAR:
        best, runner_up = _danish_or_norwegian(words), score - _CLEAR
    enough = score >= max(0.5, 0.03 * len(words))
    clear = score > runner_up * 1.1 if len(words) > 50 else score - runner_up >= _CLEAR
    return best if enough and clear else UNDETERMINED


def _add_hints(scores: defaultdict[str, float], words: list[str]) -> set[str]:
    """Adds what few words look like; returns those that look like something."""
    telling: set[str] = set()
    for word in words:
        owners = [name for name, own in EXTRA_WORDS.items() if word in own]
        for name in owners:
            scores[name] += WORD_WEIGHT / len(owners)
        for name, shape in SHAPES:
            if len(word) > 2 and shape.fullmatch(word):
                scores[name] += SHAPE_WEIGHT
                telling.add(word)
        if owners:
            telling.add(word)
    return telling


def _danish_or_norwegian(words: list[str]) -> str:
    danish = sum(DANISH.fullmatch(word) is not None for word in words)
    norwegian = sum(NORWEGIAN.fullmatch(word) is not None for word in words)
    return "no" if norwegian > danish else "da"
