"""How questions are asked, in the languages whose queries are typed by their words.

One expression per language and purpose, on casefolded text. Lines are joined, and `^` stands for the start of
the query with what may open it. A query whose language is not certain is taken for English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

_START = r"^[\W_]*(?:(?:and|so|ok|okay|well|please|hi|hello|und|et|y|e|en|och|og)\b[\W_]+)?"

# At the beginning, after a preposition, or behind "do you know".
_FACTUAL = {
    "en": r"""
        ^(?:(?:(?:in|on|at|to|from|by|for|of|with|since|until|under|during|about) )?(?:who|whom|whose
        |when|where|which|how (?:many|much|long|old|far|tall|big|large|high|deep|often|fast|wide|heavy
        |late|soon|hot|cold|strong|expensive)|what(?:'s|’s)?(?! (?:if|about|happens|should|can|could
        |to|else|do (?:i|we|you)\b)))\b|(?:is|are|was|were|did|has|have|had)\b(?=.{3,}[?？])
        |(?:(?:do you know|(?:can|could) you (?:please )?tell me|tell me|i(?: would|'d)? (?:want|like
        |need) to know|i wonder) (?:who|whom|whose|when|where|which|what|how (?:many|much|long|old|far
        |often))\b))
        """,
    "de": r"""
        ^(?:(?:in|an|auf|aus|bei|von|mit|seit|bis|für|zu|nach|ab|um|unter|über) )?(?:wer|wen|wem
        |wessen|wann|wo|woher|wohin|welche[rsnm]?|wie ?viele?|wie (?:lange?|hoch|alt|weit|groß|gross
        |teuer|oft|heißt|heisst|schnell|schwer|tief|breit)|was (?:ist|sind|war|waren|kostet|bedeutet
        |heißt))\b|^(?:ist|sind|war|waren|hat|haben|hatte|gibt es)\b(?=.{3,}\?)
        """,
    "fr": r"""
        ^(?:(?:en|à|de|dans|depuis|par|pour|sur|avec|jusqu'à|jusque) )?(?:qui|quand|où|combien
        |quel(?:le)?s?|lequel|laquelle|lesquels|à quelle|quelle est|qu'est-ce que?(?! je| nous)
        |qu’est-ce que?(?! je| nous)|est-ce qu[e'’](?=.*\b(?:est|était|a|ont)\b))\b
        """,
    "es": r"""
        ^(?:(?:en|a|de|desde|por|para|con|hasta|sobre) )?(?:quién(?:es)?|cuándo|dónde|adónde|cuántos?
        |cuántas?|cuánto|cuánta|cuál(?:es)?|qué (?!hago|hacer|pasa|debo|puedo)|quien(?:es)?|cuando
        |donde|cuanto|cuantos|cuantas|cual(?:es)?)\b
        """,
    "it": r"""
        ^(?:(?:in|a|di|da|per|con|su|fino a) )?(?:chi|quando|dove|dov[’']è|quant[oaie]|qual(?:[ei]
        |[’']è)?|(?:che )?cosa (?:è|sono|era|significa)|cos[’']è|che (?:anno|giorno|ora|tipo|data))\b
        """,
    "pt": r"""
        ^(?:(?:em|a|de|desde|por|para|com|até) )?(?:quem|quando|onde|aonde|quant[oa]s?|qual|quais
        |que (?:é|são|foi|ano|dia|tipo|data|horas?)|o que (?:é|são|foi|significa))\b
        """,
    "nl": r"""
        ^(?:(?:in|op|aan|uit|bij|van|met|sinds|tot|voor|naar) )?(?:wie|wiens|wanneer|waar(?!om)\w*
        |welke?|hoeveel|hoe (?:lang|hoog|oud|ver|groot|duur|vaak|heet|snel)|wat (?:is|zijn|was|waren
        |kost|betekent))\b
        """,
    "sv": r"""
        ^(?:(?:i|på|till|från|av|för|med|sedan) )?(?:vem|vems|vilka|när|var|vart|varifrån|vilken
        |vilket|hur (?:många|mycket|länge|hög\w*|gammal\w*|långt|stor\w*|ofta|dyr\w*)|vad (?:är|var
        |heter|kostar|betyder))\b
        """,
    "da": r"""
        ^(?:(?:i|på|til|fra|af|for|med|siden) )?(?:hvem|hvis|hvornår|hvor (?:mange|meget|længe|høj\w*
        |gammel\w*|langt|stor\w*|ofte|dyr\w*)|hvor|hvilke[nt]?|hvad (?:er|var|hedder|koster
        |betyder))\b
        """,
    "no": r"""
        ^(?:(?:i|på|til|fra|av|for|med|siden) )?(?:hvem|når|hvor (?:mange|mye|lenge|høy\w*|gammel\w*
        |langt|stor\w*|ofte|dyr\w*)|hvor(?!for|dan)|hvilke[nt]?|hva (?:er|var|heter|koster|betyr))\b
        """,
    "fi": r"""
        ^(?:kuka|ketkä|kenen|ketä|milloin|koska|missä|mistä|mihin|minne|mikä|mitkä|minkä|mitä (?:on
        |ovat|oli|maksaa|tarkoittaa)|kuinka (?:monta|paljon|kauan|vanha|korkea|pitkä|suuri|usein)
        |montako|paljonko|onko|oliko)\b
        """,
    "pl": r"""
        ^(?:(?:w|na|z|do|od|o|dla|po) )?(?:kto|kogo|komu|czyj\w*|kiedy|gdzie|skąd|dokąd|ile|ilu|który
        |która|które|których|którym|której|jak (?:długo|często|daleko|wysoki\w*|star\w*|duż\w*)|jaki
        |jaka|jakie|jakim|jakiej|co (?:to|jest|oznacza)|czy (?=.{3,}\?))\b
        """,
    "tr": r"""
        \b(?:kim|kimin|kime|kimler|ne zaman|nerede|nereden|nereye|nerelerde|hangi|kaç|kaçıncı|ne kadar
        |nedir|kimdir|neresi|kaçta)\b|\bm[iıuü]d[ıiuü]r\b
        """,
    "ru": r"""
        ^(?:(?:в|во|на|из|с|со|до|от|о|об|для|по|к|у) )?(?:кто|кого|кому|кем|чей|чья|чьё|когда|где
        |куда|откуда|сколько|како(?:й|е|го|м|му)|какая|какие|каких|каким|который|которая|что (?:такое
        |означает|значит)|как (?:долго|часто|далеко|называется|зовут))\b
        """,
    "uk": r"""
        ^(?:(?:в|у|на|з|із|до|від|про|для|по) )?(?:хто|кого|кому|чий|коли|де|куди|звідки|скільки|який
        |яка|яке|які|якого|якій|що таке|що означає)\b
        """,
    "cs": r"""
        ^(?:(?:v|ve|na|z|ze|do|od|o|pro|po) )?(?:kdo|koho|komu|čí|kdy|kde|odkud|kam|kolik|který|která
        |které|jaký|jaká|jaké|co (?:je|to|znamená)|jak (?:dlouho|často|daleko))\b
        """,
    "zh": r"""
        谁|誰|什么时候|什麼時候|何时|何時|哪里|哪裡|哪儿|哪个|哪個|哪年|哪一年
        |哪天|哪些|多少|几[个年月天次人]|幾|多久|多高|多大|多长|是什么|是什麼
        """,
    "ja": r"""
        いつ|どこ|誰|だれ|何人|何年|何月|何日|何時|何歳|何個|いくら|いくつ
        |どの|どちら|どれ|とは何|何ですか|なんですか
        """,
    "ko": r"언제|어디|누구|누가|몇|얼마|어느|무엇|뭐",
}
_COMPARISON = {
    "en": r"""
        \bcompar(?:e|es|ed|ing|ison)\b|\bdifferences?\b(?= between| among| in| of|\?)
        |\bdifferent (?:from|than)\b|\bdiffers?\b|\bversus\b|\bvs\b|\bpros and cons\b
        |\badvantages?(?: and| or|/)|\bsimilarit(?:y|ies)\b|\btrade-?offs?\b
        |\bwhich (?:\w+ ){1,3}(?:better|best|cheaper|faster|safer)\b|\bbetter than\b
        |\bbetter .{1,60}\bor\b
        """,
    "de": r"""
        \bvergleich\w*\b|\bunterschiede?s?\b|\bunterscheide[nt]\b|\bgegenüber\b(?=.*\bvorteil)
        |\bvor- und nachteile\b|\bvorteile und nachteile\b|\bversus\b|\bvs\b|\bbesser als\b
        |\bgemeinsamkeiten\b
        """,
    "fr": r"""
        \bcompar(?:er?|ez|aison)\b|\bdifférences?\b|\bversus\b|\bvs\b|\bavantages et\b
        |\bpar rapport à\b|\bmieux que\b|\bmeilleure? que\b|\bsimilitudes\b|\bpoints communs\b
        """,
    "es": r"""
        \bcompar(?:ar?|ación|e)\b|\bdiferencias?\b|\bversus\b|\bvs\b|\bventajas y\b|\bmejor que\b
        |\bsimilitudes\b|\ben comparación\b
        """,
    "it": r"""
        \bconfront\w+\b|\bdifferenz[ae]\b|\bversus\b|\bvs\b|\bvantaggi e\b|\bmeglio (?:di|che)\b
        |\bmigliore di\b|\bsomiglianze\b|\brispetto a\b
        """,
    "pt": r"""
        \bcompar(?:ar?|ação|e)\b|\bdiferenças?\b|\bversus\b|\bvs\b|\bvantagens e\b
        |\bmelhor (?:do )?que\b|\bsemelhanças\b|\bem relação a\b
        """,
    "nl": r"""
        \bvergelijk\w*\b|\bverschil(?:len)?\b|\bversus\b|\bvs\b|\bvoor- en nadelen\b
        |\bvoordelen en nadelen\b|\bbeter dan\b|\bovereenkomsten\b
        """,
    "sv": r"""
        \bjämför\w*\b|\bskillnad\w*\b|\bversus\b|\bvs\b|\bför- och nackdelar\b|\bbättre än\b
        |\blikheter\b
        """,
    "da": r"""
        \bsammenlign\w*\b|\bforskel\w*\b|\bversus\b|\bvs\b|\bfordele og ulemper\b|\bbedre end\b
        |\bligheder\b
        """,
    "no": r"""
        \bsammenlign\w*\b|\bforskjell\w*\b|\bversus\b|\bvs\b|\bfordeler og ulemper\b|\bbedre enn\b
        |\blikheter\b
        """,
    "fi": r"""
        \bvert(?:aa|ail\w*)\b|\bverra(?:ten|ttuna|taan)\b|\bero(?:t|ja|a|avat)?\b|\bhyödyt ja haitat\b
        |\bparempi kuin\b|\bvs\b
        """,
    "pl": r"""
        \bporówna\w*\b|\bróżni\w*\b|\bversus\b|\bvs\b|\bwady i zalety\b|\bzalety i wady\b
        |\blepsz[yae] (?:od|niż)\b|\bpodobieństwa\b
        """,
    "tr": r"""
        \bkarşılaştır\w*\b|\bfark\w*\b|\bversus\b|\bvs\b|\bavantaj\w* ve\b|\bdaha iyi mi\b
        |\bbenzerlik\w*\b
        """,
    "ru": r"""
        \bсравн\w+\b|\bразниц\w+\b|\bотлич\w+\b|\bразличи\w+\b|\bплюсы и минусы\b|\bлучше чем\b
        |\bпреимущества и\b
        """,
    "uk": r"\bпорівня\w+\b|\bрізниц\w+\b|\bвідмінн\w+\b|\bвідрізня\w+\b|\bпереваги та\b",
    "cs": r"\bporovn\w+\b|\brozdíl\w*\b|\blepší než\b|\bvýhody a nevýhody\b|\bvs\b",
    "zh": r"比较|比較|对比|對比|区别|區別|差异|差異|差别|不同|优缺点|優缺點|优劣|相比",
    "ja": r"比較|比べ|違い|差は|メリット|長所と短所|異な",
    "ko": r"비교|차이|장단점|다른 점|더 나은|대비",
}
_REASONING = {
    "en": r"""
        \bwhy\b|\bhow come\b|\bexplain (?:why|how)\b|\bhow (?:does|do|did|has|have|can|could|might
        |will|would) .{2,80}\b(?:affect|influence|impact|change|contribute|lead to|relate)\b
        |\b(?:effects?|impacts?|influence|consequences|implications|causes?|reasons?|role) (?:of|for
        |on|behind|in)\b|\banaly[sz]e\b|\bevaluate\b|\bdiscuss\b|\bassess\b|\bwhat (?:would|will
        |could) happen\b|\bwhat happens if\b|\bwhat if\b|\bwhat (?:led|leads|causes|caused)\b
        |\brelationship between\b|\bstep[- ]by[- ]step\b
        """,
    "de": r"""
        \bwarum\b|\bwieso\b|\bweshalb\b|\bauswirkung\w*\b|\bbegründe\w*\b|\bfolgen\b|\bursachen?\b
        |\bgründe\b|\beinfluss\b|\bwas passiert,? wenn\b|\bzusammenhang\b|\bbeeinflusst\b
        """,
    "fr": r"""
        \bpourquoi\b|\beffets?\b|\bimpacts?\b|\bconséquences?\b|\bcauses?\b|\braisons?\b|\binfluence\b
        |\bque se passe-t-il si\b|\banalyse[rz]?\b|\brelation entre\b
        """,
    "es": r"""
        \bpor qué\b|\bporqué\b|\befectos?\b|\bimpacto\b|\bconsecuencias?\b|\bcausas?\b|\brazones\b
        |\binfluencia\b|\bqué pasa si\b|\banaliza\w*\b|\bafecta\w*\b|\brelación entre\b
        """,
    "it": r"""
        \bperch[éè]\b|\beffett[oi]\b|\bimpatto\b|\bconseguenz[ae]\b|\bcaus[ae]\b|\bmotiv[oi]\b
        |\binfluenza\b|\bcosa succede se\b|\banalizza\b|\brelazione tra\b
        """,
    "pt": r"""
        \bpor qu[eê]\b|\bporqu[eê]\b|\befeitos?\b|\bimpactos?\b|\bconsequências?\b|\bcausas?\b
        |\brazões\b|\binfluência\b|\bo que acontece se\b|\banalis\w+\b|\brelação entre\b
        """,
    "nl": r"""
        \bwaarom\b|\bgevolgen\b|\boorzaken?\b|\bredenen\b|\binvloed\b|\beffecten?\b
        |\bwat gebeurt er als\b|\bverband tussen\b
        """,
    "sv": r"""
        \bvarför\b|\bpåverka\w*\b|\bkonsekvens\w*\b|\borsak\w*\b|\beffekt\w*\b|\bvad händer om\b
        |\bsamband\w*\b
        """,
    "da": r"""
        \bhvorfor\b|\bpåvirk\w*\b|\bkonsekvens\w*\b|\bårsag\w*\b|\beffekt\w*\b|\bhvad sker der hvis\b
        |\bsammenhæng\w*\b
        """,
    "no": r"""
        \bhvorfor\b|\bpåvirk\w*\b|\bkonsekvens\w*\b|\bårsak\w*\b|\beffekt\w*\b|\bhva skjer hvis\b
        |\bsammenheng\w*\b
        """,
    "fi": r"\bmiksi\b|\bvaikut\w+\b|\bseurau\w+\b|\bsyy(?:t|tä)\b|\bmitä tapahtuu jos\b",
    "pl": r"\bdlaczego\b|\bwpływ\w*\b|\bskutk\w+\b|\bprzyczyn\w*\b|\bkonsekwencj\w+\b|\bco się stanie\b",
    "tr": r"\bneden\b|\bniçin\b|\bniye\b|\betki\w*\b|\bsonuçları\b|\bsebep\w*\b|\bne olur\b",
    "ru": r"""
        \bпочему\b|\bзачем\b|\bвлия\w+\b|\bпоследстви\w+\b|\bпричин\w+\b|\bчто будет если\b
        |\bсвязь между\b
        """,
    "uk": r"\bчому\b|\bвплив\w*\b|\bнаслідк\w+\b|\bпричин\w+\b",
    "cs": r"\bproč\b|\bvliv\w*\b|\bdůsledk\w+\b|\bpříčin\w+\b|\bco se stane\b",
    "zh": r"为什么|為什麼|为何|為何|影响|影響|原因|后果|後果|分析|作用|关系|如果.*会",
    "ja": r"なぜ|どうして|影響|原因|理由|結果|分析|関係|もし.*たら",
    "ko": r"왜|영향|원인|이유|결과|분석|관계|어떻게 .*(?:영향|변)",
}
_ENUMERATION = {
    "en": r"""
        \blist (?:of|all|the|every|out|me)\b|^\W*list\b|\ball (?:of )?(?:the|of|types|kinds|possible
        |available|\w+s)\b|\bname (?:all|the|some|three|four|five|\d+)\b|\bwhat are (?:the|all|some)\b
        |\bwhich \w+s (?:are|have|do|were|can)\b|\benumerate\b|\bhow many different\b|\bwhat (?:kinds
        |types|sorts|\w+s) of\b|\bevery\b
        """,
    "de": r"""
        \bliste\b|\balle(?:n)? \w+|\bnenne\w*\b|\bwelche \w+n (?:gibt|sind|haben|werden)\b
        |\baufzähl\w+\b|\bsämtliche\b|\bwelche .* gibt es\b
        """,
    "fr": r"\bliste[rz]?\b|\btou(?:te)?s les\b|\bquel(?:le)?s sont\b|\bénum\w+\b|\bcitez?\b",
    "es": r"\blista(?:r|do)?\b|\btod[oa]s l[oa]s\b|\bcuáles son\b|\benumera\w*\b|\bmenciona\b",
    "it": r"\belenc\w+\b|\btutt[ie] (?:i|gli|le)\b|\bquali sono\b",
    "pt": r"\bliste\b|\blista(?:r)?\b|\btod[oa]s [oa]s\b|\bquais são\b|\benumere\b",
    "nl": r"\blijst\b|\balle \w+|\bnoem\b|\bwelke \w+en (?:zijn|hebben|worden)\b|\bopsomming\b",
    "sv": r"\blista\b|\balla \w+|\bvilka \w+ (?:finns|är|har)\b|\bnämn\b",
    "da": r"\bliste?\b|\balle \w+|\bhvilke \w+ (?:er|findes|har)\b|\bnævn\b",
    "no": r"\bliste?\b|\balle \w+|\bhvilke \w+ (?:er|finnes|har)\b|\bnevn\b",
    "fi": r"\bluett?el\w*\b|\bkaikki \w+|\bmitkä (?:ovat|kaikki)\b|\blista\w*\b",
    "pl": r"\blist[aęy]\b|\bwszystkie\b|\bwymień\b|\bjakie są\b",
    "tr": r"\blistele\w*\b|\btüm\b|\bbütün\b|\bnelerdir\b|\bsırala\b",
    "ru": r"\bспис\w+\b|\bвсе \w+|\bперечисл\w+\b|\bкакие (?:есть|бывают|существуют)\b|\bназов\w+\b",
    "uk": r"\bспис\w+\b|\bусі\b|\bвсі\b|\bперелічи\w*\b",
    "cs": r"\bseznam\b|\bvšechn[ya]\b|\bvyjmenuj\w*\b|\bjaké jsou\b",
    "zh": r"列出|列举|列舉|所有|全部|有哪些|哪些",
    "ja": r"一覧|すべて|全て|列挙|挙げ|リスト",
    "ko": r"모든|목록|나열|전부|종류",
}
# A further question within the sentence: "when ..., and who ...".
_SECOND_PART = {
    "en": r"""
        \b(?:and|or|but)(?: also| then)? (?:how|what|who|whom|when|where|why|is it|are there|does it
        |do they|did it|can i|should i)\b
        """,
    "de": r"\bund (?:wie|was|wer|wann|wo|warum|welche[rsn]?|wieso)\b",
    "fr": r"\bet (?:comment|qui|quand|où|pourquoi|combien|quel(?:le)?s?|qu'est-ce)\b",
    "es": r"\by (?:cómo|qué|quién|cuándo|dónde|por qué|cuál|cuánto)\b",
    "it": r"\be (?:come|cosa|chi|quando|dove|perché|quale|quali|quanto)\b",
    "pt": r"\be (?:como|o que|quem|quando|onde|por que|qual|quanto)\b",
    "nl": r"\ben (?:hoe|wat|wie|wanneer|waar|waarom|welke?)\b",
    "sv": r"\boch (?:hur|vad|vem|när|varför|vilken|vilka)\b",
    "da": r"\bog (?:hvordan|hvad|hvem|hvornår|hvor|hvorfor|hvilke[nt]?)\b",
    "no": r"\bog (?:hvordan|hva|hvem|når|hvor|hvorfor|hvilke[nt]?)\b",
    "fi": r"\bja (?:miten|mitä|kuka|milloin|missä|miksi|mikä)\b",
    "pl": r"\b(?:i|oraz|a) (?:jak|co|kto|kiedy|gdzie|dlaczego|jaki[ea]?|ile)\b",
    "tr": r"\bve (?:nasıl|ne|kim|nerede|neden|hangi|kaç)\b",
    "ru": r"\b(?:и|а) (?:как|что|кто|когда|где|почему|какой|какая|какие|сколько)\b",
    "uk": r"\b(?:і|та|а) (?:як|що|хто|коли|де|чому|який|скільки)\b",
    "cs": r"\ba (?:jak|co|kdo|kdy|kde|proč|kolik)\b",
    "zh": r"(?:以及|并且|和|又)(?:为什么|怎么|如何|谁|什么时候|哪里|多少)",
    "ja": r"(?:また|そして|それと)、?(?:なぜ|どう|いつ|どこ|誰|何)",
    "ko": r"(?:그리고|또) ?(?:왜|어떻게|언제|어디|누가|무엇)",
}
# What makes a sentence of a script without spaces a question where it has no question mark.
_QUESTION_WORD = {
    "zh": r"吗|嗎|呢|什么|什麼|谁|誰|哪|怎么|怎麼|如何|为何|几|多少|是否|为什么",
    "ja": r"か[。？?]?$|何|いつ|どこ|誰|なぜ|どう|どの|いくら|ですか|ますか|教えて",
    "ko": r"까[.?]?$|나요|무엇|언제|어디|누구|누가|왜|어떻게|얼마|몇|인가",
    "th": r"ไหม|อะไร|ที่ไหน|เมื่อไร|เมื่อไหร่|ใคร|ทำไม|อย่างไร|เท่าไร|เท่าไหร่|กี่",
}
Purpose = Literal["factual", "comparison", "reasoning", "enumeration", "second_part", "question_word"]
_TABLES: Mapping[Purpose, Mapping[str, str]] = {
    "factual": _FACTUAL,
    "comparison": _COMPARISON,
    "reasoning": _REASONING,
    "enumeration": _ENUMERATION,
    "second_part": _SECOND_PART,
    "question_word": _QUESTION_WORD,
}
_NEVER = re.compile(r"(?!)")


@lru_cache(maxsize=128)
def matcher(purpose: Purpose, language: str) -> re.Pattern[str]:
    """The expression for a purpose and a language; English where there is none.

    Compiled when it is first asked for: all of them together would cost a process its quick start.
    """
    table = _TABLES[purpose]
    text = table.get(language) or table.get("en")
    if text is None:
        return _NEVER
    return re.compile("".join(line.strip() for line in text.splitlines()).replace("^", _START))
