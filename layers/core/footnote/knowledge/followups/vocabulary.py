"""The words by which a message leans on what was said before it, in the languages that are recognised.

Articles are left out where a pronoun looks the same. Expletives ("is there", "it takes") are struck out
before pointing words are looked for.
"""

from __future__ import annotations

import re


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in words.split())


_POINTING = {
    "en": "it its itself they them their theirs this that these those he she him her his hers there one ones "
    "such same former latter both another others else instead",
    "de": "er ihn ihm ihnen dies diese dieser dieses diesen diesem jene jener jenes dort dabei dafür davon "
    "damit dazu darüber daran darin solche solcher beide beiden andere anderen deren dessen dasselbe",
    "fr": "il ils elle elles lui leur leurs celui celle ceux celles cela ça ceci cette ces autre autres y",
    "es": "él ella ellos ellas este esta esto estos estas ese esa eso esos esas aquel aquella allí allá otro "
    "otra otros otras mismo misma",
    "it": "esso essa essi esse lui lei loro questo questa questi queste quello quella quelli quelle ciò lì "
    "altro altra altri altre stesso stessa",
    "pt": "ele ela eles elas isso isto este esta estes estas esse essa esses essas aquele aquela aquilo lá "
    "outro outra outros outras mesmo mesma",
    "nl": "hij zij hem haar hun deze dit die dat daar ervan ermee daarvan daarover hiervan andere dezelfde",
    "sv": "den det dem dess deras han hon honom henne denna detta dessa där sådan sådana andra samma",
    "da": "den det dem dens dets deres han hun ham hende denne dette disse der sådan andre samme",
    "no": "den det dem dens deres han hun ham henne denne dette disse der slik andre samme",
    "fi": "se sen sitä siinä siitä siihen sillä ne niiden niitä hän hänen heidän tämä tämän tätä nämä näiden "
    "tuo tuon siellä täällä sama toinen",
    "pl": "on ona ono oni one jego jej ich jemu nim nią nimi ten ta to te ci tego tej tym tam inny inna "
    "inne sam",
    "tr": "o onu onun ona onlar onların onları bu bunu bunun buna bunlar bunları şu şunu orada burada diğer "
    "aynı",
    "ru": "он она оно они его её ее их ему ей им нём нем ней ними это этот эта эти этого этой этом там туда "
    "другой другая другие такой такая",
    "uk": "він вона воно вони його її їх їм це цей ця ці цього цієї там інший інша інші такий",
    "cs": "on ona ono oni jeho její jejich tento tato toto tito tyto ten ta tam jiný jiná stejný",
}
PRONOUNS = _words("it its itself they them their theirs he him his she her hers")
_GOING_ON = {
    "en": "and but or also then plus",
    "de": "und aber oder also dann",
    "fr": "et mais ou alors",
    "es": "y pero o entonces",
    "it": "e ma o allora",
    "pt": "e mas ou então",
    "nl": "en maar of dus",
    "sv": "och men eller då",
    "da": "og men eller så",
    "no": "og men eller så",
    "fi": "ja mutta tai entä",
    "pl": "a i ale albo więc",
    "tr": "ve ama peki ya",
    "ru": "а и но или тогда",
    "uk": "а і але або тоді",
    "cs": "a ale nebo tak",
}
# Chinese, Japanese and Korean do not part their words.
UNSPACED = {
    "zh": re.compile(
        "它们?|他们?|她们?|那个|那些|这个|这些|那里|这里|該|该|這個|這些|那個|其(?=[他它中的])|^(?:那么?|那麼)"
    ),
    "ja": re.compile("それ|これ|あれ|その|この|あの|そこ|ここ|彼女?|そちら|では、"),
    "ko": re.compile("그것|이것|저것|그는|그의|그녀|그들|그곳|거기|여기|이는|그럼|그러면|(?:^| )[그이] "),
}
# Where pointing words do not point: expletives, relatives, and what only looks back within the message.
_EXPLETIVES = {
    "en": r"""
        \b(?:is|are|was|were|will|would|be|been|if|has|have|do|does) there\b(?=\s+\w)|\bthere(?:'s|'re
        | is| are| was| were| will| has| have| exist\w*)\b|\b(?:is|was|would|will|can|could|does|do
        |did|should|has|might) it (?:\w+ ){0,3}?(?=(?:to|for|that|if)\b)|\bit(?:'s| is
        | was) (?:\w+ ){1,2}(?=(?:to|that|for)\b)|\bit (?:takes?|costs?|seems|happens)\b|\bsuch as\b
        |\bone of\b|\bno one\b|\bother than\b|\beach other\b|\bone another\b|\bas such\b
        |\bboth (?=[^,.?]+ and\b)|\bthe same (?=\w+ as\b|as\b)|\bsame as\b|\bthat (?=(?:is|are|was
        |were|can|could|has|have|had|will|would|may|might|must|should|do|does|i|you|we|they|he|she|the
        |a|an|my|our|your|their|all|no|there|most|some|many)\b)(?<=\w\w that )|\b(?:say|says|said
        |think|know|see|heard|hear|believe|mean|means|told|understand|sure|fact|ensure|noticed|wonder
        |assume|is|was) that(?= \w+ \w+)
        """,
    "de": r"""
        \bes (?:gibt|gab|ist|sind|war|geht|handelt)\b|\b(?:gibt|gab|ist|war|geht) es\b
        |\bunter anderem\b
        """,
    "fr": r"""
        \bil y a\b|\by a-t-il\b|\by a t il\b|\bil (?:faut|est (?:\w+ )?(?:de|que)|existe|s'agit)\b
        |\bfaut-il\b|\best-il (?:\w+ )?(?:de|que|possible)\b|\bentre autres?\b|\bd'autre part\b
        """,
    "es": r"\bentre otr[oa]s\b|\beste año\b|\bpor otra parte\b",
    "it": r"\btra (?:l'altro|gli altri)\b",
    "pt": r"\bentre outr[oa]s\b",
    "nl": r"\bonder andere\b|\ber (?:is|zijn|was|waren)\b|\bdat (?=\w+ \w+ \w+)",
    "sv": r"\b(?:finns|är|var) det\b|\bdet (?:finns|är|var)\b|\b(?:den|det) (?=\w)",
    "da": r"\b(?:er|var|findes) der\b|\bder (?:er|var|findes)\b|\bdet er\b|\b(?:den|det|der) (?=\w)",
    "no": r"\b(?:er|var|finnes|fins) det\b|\bdet (?:er|var|finnes|fins)\b|\b(?:den|det|der) (?=\w)",
    "pl": r"\bto (?:jest|są)\b|\b(?:jest|są) to\b|\bco to\b|\bsam(?:ego|ej)? siebie\b",
    "ru": r"\bчто это\b|\bэто (?=\w+ \w+)",
    "uk": r"\bщо це\b|\bце (?=\w+ \w+)",
    "cs": r"\bco je to\b|\bje to\b",
    "tr": r"\bo kadar\b|\bbu(?:nun)? yıl\b|\bbu ay\b",
}
_ABOUT = (
    r"what about|how about|what if|what else|why not|was ist mit|wie sieht es|wie ist es mit|et pour"
    r"|et si|qu'en est-il"
    r"|quid de|qué hay de|qué tal|y qué|e per|che ne dici|che dire|e quanto a|e quanto ao|que tal|e se"
    r"|hoe zit het|wat met"
    r"|hur är det med|hvad med|hva med|entä|a co z|jak z|peki ya|ya|а как насчет|а как насчёт|что насчет"
    r"|что насчёт|а що|co takhle"
)
ABOUT = re.compile(
    rf"\s*(?:(?:and|so|ok|okay|well|und|et|y|e|en|och|og|a|и|а)\W+)?(?:{_ABOUT})\b", re.IGNORECASE
)
CORRECTION = re.compile(
    r"\W*(?:(?:oops|sorry|no|ok|okay)\W+)*(?:i mean|i meant|ich meine|ich meinte|je veux dire"
    r"|je voulais dire|quiero decir"
    r"|quise decir|me refiero|intendo|intendevo|quero dizer|ik bedoel|ik bedoelde|jag menar|jeg mener"
    r"|jeg mente|tarkoitan"
    r"|tarkoitin|chodzi mi|chodziło mi|yani|я имею в виду|я имел в виду)\b",
    re.IGNORECASE,
)
# What opens a message without being about anything, in front of a comma or a full stop.
OPENING = re.compile(
    r"\W*(?:(?:ok|okay|yes|no|yeah|sure|great|thanks?|thank you|sorry|well|so|hi|hello|hey|oh|hmm|i see"
    r"|please|good|cool|nice"
    r"|by the wa?y|btw|perfect|right|alright|ja|nein|danke|gut|oui|non|merci|sí|si|gracias|vale|sì|grazie"
    r"|sim|não|obrigad[oa]"
    r"|nee|dank je|tack|tak|takk|kiitos|tak|dzięki|dziękuję|tamam|teşekkürler|спасибо|да|нет"
    r"|хорошо)\b[\s,.!;:]*)+",
    re.IGNORECASE,
)
# Words that carry no topic although they are no function words.
CHATTER = _words(
    "tell know want please give information like need help thanks thank explain describe mean meant ask ",
    "asking question questions interested wondering find get see let sorry hello hi okay ok yes no ",
    "sure details ",
    "idea exactly really actually maybe think say said talk speak kind sort thing things lot ",
    "something anything ",
    "everything example examples way ways also still just only even ever already yet too very good ",
    "great nice bit little ",
    "use used using work works make made does doing done going able possible different other many ",
    "much more most ",
    "less better best worse first last new now today again instead else oops wonder learn understand ",
    "clarify provide share look ",
    # German, French, Spanish, Italian, Portuguese, Dutch
    "bitte erkläre sagen sag gib informationen gibt geben möchte will danke mehr machen macht ",
    "dire dis donner donne veux voudrais savoir expliquer merci plus faire fait ",
    "decir dime dame quiero quisiera saber explicar explica gracias hacer hace información ",
    "dimmi vorrei voglio sapere spiegare spiega grazie fare fa informazioni ",
    "diga quero gostaria saiba explique obrigado obrigada fazer faz informações ",
    "vertel weten graag alstublieft bedankt maken maakt informatie uitleggen",
)
# Definite articles that stand before their noun.
ARTICLES = {
    "en": re.compile(r"\bthe (?P<noun>[^\W\d_]+(?: [^\W\d_]+)?)(?P<after>\W*\w*)", re.IGNORECASE),
    "de": re.compile(r"\b(?:der|die|das|den|dem|des) (?P<noun>[^\W\d_]+)(?P<after>\W*\w*)", re.IGNORECASE),
    "fr": re.compile(r"\b(?:le|la|les|l'|du|des) ?(?P<noun>[^\W\d_]+)(?P<after>\W*\w*)", re.IGNORECASE),
    "es": re.compile(r"\b(?:el|la|los|las|del|al) (?P<noun>[^\W\d_]+)(?P<after>\W*\w*)", re.IGNORECASE),
}
POINTING = {language: frozenset(words.split()) for language, words in _POINTING.items()}
GOING_ON = {language: frozenset(words.split()) for language, words in _GOING_ON.items()}
EXPLETIVES = {
    language: re.compile("".join(line.strip() for line in text.splitlines()))
    for language, text in _EXPLETIVES.items()
}
