"""What tells the language of a few words apart: a query has seldom a word of the commonest.

Only for short texts, and only for telling the language: the lexical index knows nothing of these.
"""

from __future__ import annotations

import re

# Possessives, modals, question words, and nouns that people ask about.
_WORDS = {
    "en": """
        me us him my your all any list show find need want get make please policy days hours week year
        months leave office opening work time cost price should am employees employee slow steps between
        best without
        """,
    "de": """
        mein meine meinen meinem dein deine unser unsere darf dürfen muss müssen soll sollen mag möchte
        gibt viele viel lange hoch welcher welches zeit tag tage tagen jahr jahre woche monat stunde
        beantragen ändern zurücksetzen urlaub homeoffice arbeit kosten abrechnen machen bekommen beginnt
        bitte
        """,
    "fr": """
        mon ma mes ton ta tes votre vos nos notre puis peux peut dois doit faut combien jours jour an
        ans mois heure heures semaine congé congés faire obtenir durée prix horaires politique quels
        quelles chez ai suis est-ce voudrais veux
        """,
    "es": """
        mi mis tu tus nuestro nuestra puedo puede debo debe cuánto cuánta cuántos cuántas cuanto cuanta
        cuantos cuantas cuando donde quien día días dias año años mes meses semana hora horas horario
        precio vacaciones hacer tengo tiene trabajar desde casa política cual dónde
        """,
    "it": """
        mio mia miei mie nostro nostra posso può devo deve quanto quanta quanti quante giorno giorni
        anno anni mese mesi settimana ora ore orari orario prezzo ferie fare ho lavorare casa politica
        chi dove spese apertura residue
        """,
    "pt": """
        meu minha meus minhas nosso nossa posso pode devo deve quanto quanta quantos quantas dia dias
        ano anos mês meses semana hora horas horário preço férias fazer tenho tem trabalhar casa
        redefinir senha funcionamento você como
        """,
    "nl": """
        mijn jouw uw ons onze mag mogen moeten kunnen hoeveel lang dag dagen jaar week weken maand
        maanden uur tijd prijs heb tijdens vakantie vakantiedagen aanvragen werken goed mij thuis
        openingstijden
        """,
    "sv": """
        min mitt mina din ditt vår vårt får måste ska vill många länge dag dagar år vecka veckor månad
        månader timmar tid pris semester arbeta hemifrån vem vart
        """,
    "da": """
        min mit mine din dit vores må skal vil mange længe dag dage uge uger måned måneder time timer
        tid pris hvor er jeg ferie feriedage arbejde hjemmefra bliver af jeres noget hvornår hvem
        opsigelse
        """,
    "no": """
        min mitt mine din ditt vår vårt må skal vil mange lenge dag dager år uke uker måned måneder time
        timer tid pris hvor er jeg ferie feriedager jobbe arbeide hjemmefra når noe hvem oppsigelse
        """,
    "fi": """
        minun sinun meidän voinko voiko saanko pitää täytyy kuinka monta paljonko kauan päivä päivää
        päivät vuosi vuotta viikko viikkoa kuukausi tunti aika hinta loma lomapäivää minulla miksi tehdä
        """,
    "pl": """
        mój moja moje mam mogę może muszę trzeba ile jakie dzień dni rok lat lata tydzień miesiąc godzin
        godziny czas cena urlop urlopu okres okresie otwarcia mi gdzie praca
        """,
    "tr": """
        benim bizim miyim mıyım mısın kaç gün hafta yıl ay saat saatleri süre süresi fiyat izin yıllık
        var iznim nasıl çalışma kadar hakkı
        """,
    "cs": """
        můj moje mám mohu můžu musím kolik kdo den dny dní rok let týden měsíc hodin čas cena dovolená
        dovolené kdy
        """,
    "hu": """
        az enyém mennyi hány nap napok év hét hónap óra idő ár szabadság kell lehet
        """,
    "ro": """
        meu mea pot trebuie câte cât zile zi an ani săptămână lună ore timp preț concediu
        """,
    "ca": """
        meu meva puc pot quants quantes dia dies any anys setmana mes hora preu vacances
        """,
    "id": """
        saya kita bisa harus berapa hari tahun minggu bulan jam waktu harga cuti
        """,
    "vi": """
        tôi bao nhiêu ngày năm tuần tháng giờ giá nghỉ phép
        """,
}
# Endings and letters of single words. Lines are joined.
_SHAPES = {
    "en": r"""
        \w{3,}(?:tion|tions|sion|ing|ings|ness|ment|ments|ly|ed|ship|able|ible|ity|ies|ous|ful|less|sh|ck
        |th|nce|nces|ers)|th\w+|wh\w+|\w*(?:ght|ough|ea|oo|ck|ee|ay|ow|ew)\w*
        """,
    "de": r"""
        \w{3,}(?:ung|ungen|keit|heit|schaft|lich\w{0,2}|ieren|frist|zeit|zeiten|isch\w{0,2}|ß\w*)
        |sch\w{3,}
        """,
    "fr": r"""
        (?:qu|j|n|c|s|m|t|jusqu|lorsqu)'\w+|\w{3,}(?:ement|ements|eur|eurs|ité|ités|ée|ées|aux|ique
        |iques|tteur)|\w{2,}(?:é|és|er)
        """,
    "es": r"\w{2,}(?:ción|ciones|dad|dades|miento|ía|ías|ñ\w+)|ñ\w+|\w+ñ\w+",
    "it": r"""
        (?:dell|all|nell|dall|sull|un|quest)'\w+|\w{3,}(?:zione|zioni|ità|mento|menti|aggio|ssimo
        |tto|tti|lla|lle|cci\w)
        """,
    "pt": r"\w{2,}(?:ção|ções|dade|dades|são|ões|ável|inho|ência)|\w*(?:ã|õ|lh|nh)\w+",
    "nl": r"\w{3,}(?:heid|ijk\w{0,2}|ingen|tijd\w{0,2}|tje|tjes)|\w*(?:ij|uu|aa|oo)\w{2,}",
    "sv": r"\w{3,}(?:ning|ningen|ningar|het|ande|dagar|tid|arna|erna)|\w*[äö]\w*|\w*å\w*ä\w*",
    "da": r"\w{3,}(?:hed|heden|dage|tider|ning)|\w*(?:øj|æ)\w*",
    "no": r"\w{3,}(?:het|heten|sjon|sjonen|dager|tider|ning)|\w*(?:øy|kk|pp)\w*ø?\w*",
    "fi": r"""
        \w{2,}(?:ssa|ssä|lla|llä|sta|stä|lle|nen|ista|iden|ani|äni|jat|jät|tä|itä|ää)|\w*(?:ää|yy|öö
        |uo|yö|ii|aa)\w*
        """,
    "pl": r"\w*(?:sz|cz|rz|dz|ł|ę|ą|ż|ś|ź|ń|ów|ych|ego)\w*",
    "tr": r"\w{2,}(?:lar|ler|ları|leri|mak|mek|lık|lik|dır|dir|nde|nda|rım|rim|iyor)|\w*[ığş]\w*",
    "cs": r"\w*[ěřů]\w*|\w{2,}(?:ání|ení|ých|ého|uje|uji)|\w*(?:š|ž|č)\w*",
}
# Between Danish and Norwegian, whose commonest words are the same.
_DANISH = r"""
    hvad|af|\w+(?:tion|hed|eren|dage)\w*|\w*(?:øj|æv|eje)\w*|uge\w*|mig|dig|sig|ud|efter|blev
    |nogen|arbejd\w*|\w*godkend\w*|mit|lang
"""
_NORWEGIAN = r"""
    hva|av|\w+(?:sjon|het|dager)\w*|\w*(?:øy|eie|kje|ø?y)\w*|uke\w*|meg|deg|seg|ut|etter|ble
    |noen|arbeid\w*|jobb\w*|mitt|\w*opp\w+
"""
_UKRAINIAN = "як хто що коли де чому який яка яке які скільки та або для від це ми ви мій моя можна"


def _joined(text: str) -> re.Pattern[str]:
    return re.compile("".join(line.strip() for line in text.splitlines()))


SHAPE_WEIGHT = 0.3
WORD_WEIGHT = 0.7
EXTRA_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
SHAPES = tuple((language, _joined(shape)) for language, shape in _SHAPES.items())
DANISH = _joined(_DANISH)
NORWEGIAN = _joined(_NORWEGIAN)
UKRAINIAN_WORDS = frozenset(_UKRAINIAN.split())
