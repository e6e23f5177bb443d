"""Words and phrases that mean the same in a question. Only those that do so nearly always."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

# The first word stands for all of its group.
_GROUPS = """
buy purchase acquire | big large sizeable huge | small little tiny | delete remove erase | change edit
modify alter adapt amend | begin start launch commence | end finish conclude | fix resolve repair solve
mend | happen occur | obtain receive get | choose select pick | employee staff worker personnel | company
firm corporation | disease illness sickness | medication drug medicine | doctor physician | film movie |
goal aim purpose objective | annual yearly | benefit advantage upside merit | drawback disadvantage
downside shortcoming | forbidden prohibited banned disallowed | permit permission authorization |
licence license | centre center | programme program | telephone phone | television tv | car automobile |
elevator lift | apartment flat | show display | store keep retain | calculate compute | create make |
application app | picture photo photograph image | location place | help assist | reply respond answer |
quick fast rapid | maximum max largest biggest greatest | minimum smallest | author writer | kid child |
headquarters hq | requirement prerequisite | enable activate | disable deactivate | freight cargo | trip
journey | salary wage | rubbish garbage trash | error mistake | invoice bill | reject refuse decline |
allow let | cheap inexpensive | expensive costly | easy simple | wrong incorrect | danger hazard |
folder directory | postpone defer | teach instruct | sick ill | mandatory compulsory | voluntary
optional | phase stage | method approach | percent % pct | euro eur € | dollar usd $ | pound gbp £ |
kilometre kilometer km | metre meter | kilogram kilogramme kg | minute min mins | hour hr hrs | sec secs
| gigabyte gb | megabyte mb | milligram mg | millilitre milliliter ml | mile mi
"""
# What a question is asked by, said otherwise. Applied to folded words, in this order.
_PHRASES: tuple[tuple[str, str], ...] = (
    (r"\b(?:staff|team) members?\b", "employee"),
    (r"\b(?:at |on |by )?what time\b", "when"),
    (r"\bon (?:what|which) (?:date|day)\b", "when"),
    (r"\b(?:in|at) (?:what|which) (?:place|location)\b", "where"),
    (r"\b(?:which|what) person\b", "who"),
    (r"\bwhat is the name of (the \w+(?: \w+)?)$", r"who is \1"),
    (r"^(?:what is|what are) the reasons? (?:why |that |for which )?", "why "),
    (r"^for (?:what|which) reason\b", "why"),
    (r"^how come\b", "why"),
    (r"^what is the number of\b", "how many"),
    (r"\bhow frequently\b", "how often"),
    (r"^in (?:what|which) way\b", "how"),
    (r"^what (?:is|are) the (?:way|ways|procedure|process|steps?|best way) (?:for|to|of)\b", "how"),
    (r"^what (?:do|must|should) (?:i|we|you) (?:need|have) to do (?:to|in order to)\b", "how"),
    (r"^what (?:must|should) (?:i|we|you) do (?:to|in order to)\b", "how"),
    (r"^how to\b", "how"),
    (r"^who (?:is|was) the inventor of\b", "who invented"),
    (r"^who (?:is|was) the founder of\b", "who founded"),
    (r"^who (?:is|was) the (?:author|writer) of\b", "who wrote"),
    (r"^who (?:is|was) the (?:creator|maker) of\b", "who created"),
    (r"^who (?:is|was) the designer of\b", "who designed"),
    (r"^who (?:is|was) the discoverer of\b", "who discovered"),
    (r"^who is the owner of\b", "who owns"),
    (r"^who (?:is|was) the winner of\b", "who won"),
    (r"^how much (?:is|are)\b", "what is cost"),
    (r"^how much (do|does|did) (.*) cost\b", r"what \1 cost \2"),
    (r"^what (do|does|did) (.*) cost\b", r"what \1 cost \2"),
    (r"^how (?:tall|high) (is|are|was|were)\b", r"what \1 height"),
    (r"^how old (is|are|was|were)\b", r"what \1 age"),
    (r"^how long (is|are|was|were)\b", r"what \1 length"),
    (r"^how wide (is|are|was|were)\b", r"what \1 width"),
    (r"^how deep (is|are|was|were)\b", r"what \1 depth"),
    (r"^how heavy (is|are|was|were)\b", r"what \1 weight"),
    (r"\bhow (is|are|was) (.*) defined\b", r"what \1 meaning \2"),
    (r"^what (?:do|does) (.*) (?:mean|stand for|signify)\b", r"what is meaning \1"),
    (r"\btime limit\b", "deadline"),
    (r"\b(?:sign|log|logs|signs) (?:in|on)(?: to| into)?\b", "login"),
    (r"\b(?:sign|log) (?:out|off)\b", "logout"),
    (r"\b(?:turn|turns|switch|switches) on\b", "enable"),
    (r"\b(?:turn|turns|switch|switches) off\b", "disable"),
    (r"\b(turn|switch) (the \w+(?: \w+)?) on\b", r"enable \2"),
    (r"\b(turn|switch) (the \w+(?: \w+)?) off\b", r"disable \2"),
    (r"\b(?:have|has|had) to\b", "must"),
    (r"\b(?:am|are|is) (?:i |we |you |one )?(?:required|obliged|supposed) to\b", "must"),
    (r"\b(?:do|does) (i|we|you|one|members|users|employees|students) (?:need|have) to\b", r"must \1"),
    (r"\bdo (i|we|you|one) must\b", r"must \1"),
    (r"^(am|are|is) (.+?) (?:allowed|permitted) to\b", r"may \2"),
    (r"\b(?:am|is|are) (?:allowed|permitted|able) to\b", "may"),
    (r"\b(?:is|are) going to\b", "will"),
    (r"\bno longer\b", "not already"),
    (r"\b(?:at least|a minimum of|no less than)\b", "atleast"),
    (r"\b(?:at most|a maximum of|no more than|up to)\b", "atmost"),
    (r"\bin charge of\b", "responsible for"),
    (r"\bsecond world war\b", "world war 2"),
    (r"\bfirst world war\b", "world war 1"),
    (r"\bsend (?:back)\b", "return"),
    (r"\bget rid of\b", "delete"),
    (r"\bin order to\b", "to"),
    (r"\bin case of\b", "if"),
    (r"\bas well as\b", "and"),
    (r"\bdeal with\b", "handle"),
    (r"\bfind out\b", "learn"),
    (r"\bset up\b", "setup"),
    (r"\be[- ]mail\b", "email"),
    (r"\bwi[- ]fi\b", "wifi"),
)
_FOREIGN: tuple[tuple[str, str], ...] = (
    (r"\b(?:um wie viel uhr|um wieviel uhr)\b", "wann"),
    (r"\bwie viele\b", "wie_viele"),
    (r"^was kostet\b", "wie_viel kostet"),
    (r"\bwie viel\b", "wie_viel"),
    (r"\bim jahre?\b", ""),
    (r"\b(?:kennwort)\b", "passwort"),
    (r"\bà quelle heure\b", "quand"),
    (r"\best-ce que?\b", ""),
    (r"\b(\w+)-t-(?:il|elle|on)\b", r"\1"),
    (r"^combien coûte(?:nt)?\b", "quel est coût"),
    (r"\bquel est le coût (?:de la|du|de l|des)\b", "quel est coût"),
    (r"\ba qué hora\b", "cuándo"),
    (r"\bpor qué\b", "porqué"),
    (r"^cuánto cuestan?\b", "cuál es costo"),
    (r"\bse encuentran?\b", "está"),
    (r"\bse trouvent?\b", "est"),
    (r"\ba che ora\b", "quando"),
    (r"\bhoe laat\b", "wanneer"),
    (r"\bhur mycket kostar\b", "vad kostar"),
    (r"\bhur många\b", "hur_många"),
    (r"\bв (\d{4}) году\b", r"\1"),
)
_OPENINGS = re.compile(
    r"^(?:(?:hi there|hi|hello|hey|hallo|bonjour|hola|ciao|olá|hej)\b[ ,!.]*|just a quick question\b[ :,]*"
    r"|(?:could|can|would|will) you (?:please |kindly )?(?:tell me|explain|let me know|say|show me|describe)"
    r"(?: to me)?\b|(?:please )?(?:tell me|explain|describe|list|name|show me|give me|let me know)(?: to me)?"
    r"(?: about)?\b|i(?: would|'d) like to (?:know|understand|learn)\b|i (?:was|am) wondering\b"
    r"|i (?:want|need) to know\b"
    r"|do you know\b|please\b"
    r"|(?:können|könnten) sie mir (?:bitte )?sagen\b|(?:nenne|nennen sie|erkläre)\b|bitte\b"
    r"|(?:pouvez|pourriez)[- ]vous me dire\b|(?:podría|puede|puedes) decirme\b"
    r"|(?:mi )?(?:può|puoi|potrebbe) (?:mi )?dir(?:e|mi)\b"
    r"|(?:poderia|pode) me dizer\b|(?:kunt|kan) u mij (?:vertellen|zeggen)\b|подскажите(?:,? пожалуйста)?\b"
    r"|kan du berätta\b|proszę (?:mi )?powiedzieć\b)[ ,:]*"
)
_CLOSINGS = re.compile(
    r"[ ,]*(?:please|thanks|thank you|bitte|por favor|s'il vous plaît|per favore|пожалуйста)$"
)
_COMPILED = tuple((re.compile(pattern), said) for pattern, said in (*_FOREIGN, *_PHRASES))


def _synonyms() -> Mapping[str, str]:
    groups = [group.split() for group in _GROUPS.split("|")]
    return MappingProxyType({word: group[0] for group in groups for word in group})


SYNONYMS = _synonyms()


def plain(text: str) -> str:
    """A folded question without greetings and courtesies, its phrases said in one way."""
    before = ""
    while before != text:
        before, text = text, _OPENINGS.sub("", text, count=1).strip() or text
    text = _CLOSINGS.sub("", text) or text
    for pattern, said in _COMPILED:
        text = pattern.sub(said, text)
    return " ".join(text.split())
