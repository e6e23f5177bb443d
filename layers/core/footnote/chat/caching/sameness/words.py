"""Words that ask, deny, oblige, count or carry no meaning of their own, by language.

Nothing here is a list of all words of a kind: a word that is missing is a content word, and content words
must agree, so that a gap costs a hit and never causes a false one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Table = Mapping[str, frozenset[str]]
Map = Mapping[str, Mapping[str, str]]


def _table(words: dict[str, str]) -> Table:
    return MappingProxyType({language: frozenset(text.split()) for language, text in words.items()})


def _map(texts: dict[str, str]) -> Map:
    """Groups parted by `|`: what is meant, a colon, and the words that mean it; a word alone means itself."""
    return MappingProxyType({language: MappingProxyType(_groups(text)) for language, text in texts.items()})


def _groups(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for group in text.split("|"):
        meant, _, words = group.strip().partition(": ")
        found |= dict.fromkeys((words or meant).split(), meant)
    return found


ASKING = _map(
    {
        "en": "who: who whom | what: what which | when | where | why | how | whose",
        "de": "who: wer | whom: wen | to whom: wem | what: was welche welcher welches welchen welchem | "
        "when: wann | where: wo "
        "| whither: wohin | whence: woher | why: warum weshalb wieso | how: wie | whose: wessen",
        "fr": "who: qui | what: que quoi quel quelle quels quelles | when: quand | where: où | why: "
        "pourquoi | how: comment | how many: combien",
        "es": "who: quién quiénes | what: qué cuál cuáles | when: cuándo | where: dónde | whither: adónde | "
        "how: cómo | how many: cuántos cuántas | how much: cuánto cuánta",
        "it": "who: chi | what: cosa quale quali qual che | when: quando | where: dove | why: perché | how: "
        "come | how many: quanti quante | how much: quanto quanta",
        "pt": "who: quem | what: que qual quais | when: quando | where: onde | why: porquê | how: como | "
        "how many: quantos quantas | how much: quanto quanta",
        "nl": "who: wie | what: wat welke welk | when: wanneer | where: waar | why: waarom | how: hoe | how "
        "many: hoeveel",
        "sv": "who: vem | what: vad vilken vilket vilka | when: när | where: var | why: varför | how: hur",
        "pl": "who: kto | whom: kogo | what: co jaki jaka jakie który która które | when: kiedy | "
        "where: gdzie | "
        "why: dlaczego | how: jak | how many: ile",
        "ru": "who: кто | whom: кого | to whom: кому | what: что какой какая какое какие | when: когда | "
        "where: где | whither: "
        "куда | whence: откуда | why: почему зачем | how: как | how many: сколько",
    }
)

NEGATIONS = _table(
    {
        "en": "not no never none nobody nothing nowhere neither nor without cannot hardly",
        "de": "nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder",
        "fr": "ne n pas jamais aucun aucune rien personne sans ni",
        "es": "no nunca jamás ningún ninguna ninguno nada nadie sin ni tampoco",
        "it": "non no mai nessun nessuna nessuno niente nulla senza né",
        "pt": "não nunca jamais nenhum nenhuma nada ninguém sem nem",
        "nl": "niet geen nooit niemand niets zonder noch",
        "sv": "inte ej ingen inget inga aldrig utan",
        "pl": "nie nigdy nikt nic bez żaden żadna",
        "ru": "не нет никогда никто ничего без ни",
    }
)

# Of a form of "be", "do" or "have", and of the future, only the time that they set is kept.
TENSES = _map(
    {
        "en": "past: was were did had | present: is are am do does has have 's | future: will shall | "
        "timeless: be been being",
        "de": "past: war waren wurde wurden hatte hatten | present: ist sind bin wird werden hat haben habe "
        "| timeless: sein worden",
        "fr": "past: était étaient fut furent avait avaient | present: est sont a ont ai suis | future: "
        "sera seront aura | timeless: être été",
        "es": "past: era eran fue fueron estaba había | present: es son está están hay ha han | future: "
        "será serán | timeless: ser sido",
        "it": "past: era erano fu furono aveva | present: è sono ha hanno viene vengono | future: sarà "
        "saranno | timeless: essere stato stata",
        "pt": "past: era eram foi foram estava tinha | present: é são está estão há tem têm | future: será "
        "serão | timeless: ser sido",
        "nl": "past: was waren werd werden had hadden | present: is zijn ben wordt worden heeft hebben heb "
        "| future: zal zullen",
        "sv": "past: var hade blev | present: är har blir | timeless: vara varit",
        "pl": "past: był była było byli | present: jest są | future: będzie będą",
        "ru": "past: был была было были | present: есть | future: будет будут",
    }
)

MODALS = _map(
    {
        "en": "may: can could may might allowed permitted able possible | must: must mandatory required "
        "obliged obligatory necessary need needs needed | should: should ought recommended advisable "
        "| would",
        "de": "may: kann können könnte darf dürfen erlaubt | must: muss müssen pflicht nötig erforderlich | "
        "should: soll sollen sollte sollten",
        "fr": "may: peut peux peuvent puis pouvoir permis | must: doit dois doivent faut obligatoire | "
        "should: devrait devrais",
        "es": "may: puedo puede pueden puedes podría permitido | must: debo debe deben obligatorio | "
        "should: debería",
        "it": "may: posso può possono permesso | must: devo deve devono obbligatorio | should: dovrei",
        "pt": "may: posso pode podem permitido | must: devo deve devem obrigatório | should: deveria",
        "nl": "may: kan kunnen mag mogen toegestaan | must: moet moeten verplicht | should: zou",
        "sv": "may: kan får | must: måste | should: bör ska",
        "pl": "may: może mogę można | must: musi muszę trzeba | should: powinien",
        "ru": "may: может могу можно | must: должен должна нужно надо | should: следует",
    }
)

# Small words that change the answer; each must stand in both questions.
TURNING = _map(
    {
        "en": "all: all every each everyone everybody | any | some | several | most | only: only solely | "
        "both | either | least | at least: atleast | at most: atmost | more | less: less fewer | or | "
        "unless | except: except excluding | even | still | already | yet | before | after | since | "
        "until: until till | above: above over | below: below under | against | out | up | down | off "
        "| always | than | as | during | within | between | instead | he: he him his | she: she her "
        "hers | it: it its | this: this these | that: those | they: their them | once | twice | ago | "
        "today | tomorrow | yesterday | now | next | last | from | again | many | few | per | "
        "through | outside | inside | along",
        "de": "all: alle allen aller jeder jede jedes | some: einige manche | only: nur | or: oder | "
        "before: vor bevor | after: nach nachdem | since: seit | until: bis | above: über | below: "
        "unter | against: gegen | from: von vom aus | to: zu zum zur | more: mehr | less: weniger | "
        "most: meisten | least: wenigsten | always: immer | still: noch | already: schon bereits | "
        "today: heute | tomorrow: morgen | yesterday: gestern | next: nächste nächsten nächstes | "
        "last: letzte letzten letztes | during: während | on: auf an | he: er sein seine | she: ihr "
        "ihre",
        "fr": "all: tous toutes tout chaque | some: certains certaines quelques | only: seulement "
        "uniquement | or: ou | before: avant | after: après | since: depuis | until: jusque jusqu | "
        "with: avec | above: sur | below: sous | against: contre | more: plus | less: moins | always: "
        "toujours | during: pendant | today: aujourd hui | tomorrow: demain",
        "es": "all: todo todos toda todas cada | some: algunos algunas | only: solo sólo | or: o | before: "
        "antes | after: después | since: desde | until: hasta | with: con | above: sobre | below: "
        "bajo | against: contra | to: a | more: más | less: menos | always: siempre | today: hoy | "
        "tomorrow: mañana",
        "it": "all: tutti tutte tutto ogni | some: alcuni alcune | only: solo | or: o | before: prima | "
        "after: dopo | since: da dal | with: con | above: sopra | below: sotto | more: più | less: "
        "meno | always: sempre",
        "pt": "all: todo todos toda todas cada | some: alguns algumas | only: só somente apenas | or: ou | "
        "before: antes | after: depois após | since: desde | until: até | with: com | above: acima | "
        "below: abaixo | more: mais | less: menos",
        "nl": "all: alle elke elk iedere | some: sommige enkele | only: alleen slechts | or: of | before: "
        "voor voordat | after: na nadat | from: van vanaf | to: naar | more: meer | less: minder | "
        "above: boven | below: onder",
        "sv": "all: alla varje | only: bara endast | or: eller | before: före innan | after: efter | from: "
        "från | to: till | more: mer | less: mindre",
        "pl": "all: wszyscy wszystkie każdy | only: tylko | or: lub albo | before: przed | after: po | "
        "from: od z | to: do | more: więcej | less: mniej",
        "ru": "all: все всех каждый | only: только | or: или | before: до перед | after: после | from: из "
        "от | more: больше | less: меньше",
    }
)

# Prepositions that may change their place together with their words, or be said by order alone.
SOFT_PREPOSITIONS = _table(
    {
        "en": "of for on in at about to with by if when 's regarding concerning",
        "de": "in im für bei am um mit des der wenn durch",
        "fr": "de du des d en dans à au aux pour par si",
        "es": "de del en para por al si",
        "it": "di del della dei delle in nel nella per al alla se",
        "pt": "de do da dos das em no na para por ao à se",
        "nl": "in op bij met als door",
        "sv": "i på för av om",
        "pl": "w na dla o",
        "ru": "в на для о у",
    }
)
ARTICLES = _table(
    {
        "en": "the a an",
        "de": "der die das den dem des ein eine einen einem einer eines",
        "fr": "le la les l un une",
        "es": "el la los las un una unos unas",
        "it": "il lo la i gli le l un una uno",
        "pt": "o a os as um uma",
        "nl": "de het een",
        "sv": "en ett",
        "pl": "",
        "ru": "",
    }
)
PERSONS = _map(
    {
        "en": "first: i my mine we our ours | first object: me us | second: you your yours",
        "de": "first: ich mein meine meinen meinem meiner wir unser unsere | first object: mir mich uns | "
        "second: du dein deine deinen ihr euer eure | second object: dir dich euch",
        "fr": "first: je j mon ma mes nous notre nos | first object: me m | "
        "second: tu ton ta tes vous votre vos",
        "es": "first: yo mi mis nosotros nuestro nuestra | first object: me nos | second: tú tu tus usted",
        "it": "first: io mio mia noi nostro | first object: mi ci | second: tu tuo tua voi",
        "pt": "first: eu meu minha nós nosso nossa | first object: me nos | second: você seu sua",
        "nl": "first: ik mijn we wij ons onze | first object: mij | second: je jij u uw jouw",
    }
)
# Who asks is clear without being said, and the rest only holds a sentence together.
EMPTY = _table(
    {
        "en": "i me my we us our you your there and that so then also exactly actually please "
        " hi hello hey thanks thank kindly",
        "de": "ich mir mich mein meine meinen wir uns unser man sie es gibt und denn sich bitte hallo du "
        "dir getan tun",
        "fr": "je j me m mon ma mes nous on vous se s il t elle ce c y et que qu bonjour merci",
        "es": "yo me mi mis nosotros se le les tu su y hola gracias",
        "it": "io mi mio mia si ci e ed c",
        "pt": "eu me meu minha se nós e você",
        "nl": "ik mij mijn we wij ons je men er en",
        "sv": "jag mig mitt min vi det och att man du",
        "pl": "ja mi mój się i to",
        "ru": "я мне мой и ли это мы",
    }
)
LANGUAGES = tuple(NEGATIONS)
