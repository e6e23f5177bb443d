"""Words by which entities are told: months, units, what links the words of a name, what opens a request."""

from __future__ import annotations


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in words.split())


MONTHS = _words(
    "january february march april may june july august september october november december ",
    "jan feb mar apr jun jul aug sep sept oct nov dec ",
    "januar februar märz mai juni juli oktober dezember ",
    "janvier février mars avril juin juillet août septembre octobre novembre décembre ",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre ",
    "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre ",
    "janeiro fevereiro março maio junho julho setembro outubro novembro dezembro ",
    "januari februari maart mei juni augustus oktober ",
    "maj juni juli augusti marts februar desember ",
    "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta ",
    "lokakuuta ",
    "marraskuuta joulukuuta ",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia ",
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık ",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
)
UNITS = _words(
    "kB KB MB GB TB PB KiB MiB GiB TiB kb Mb Gb Mbps Gbps Hz kHz MHz GHz W kW MW kWh MWh mAh V mV A mA ",
    "mm cm m km mm² cm² m² km² m³ km/h mph kg g mg µg t lb lbs oz l L ml dl ms ns µs s min h Pa hPa ",
    "kPa bar dB K ",
    "percent prozent procent million millions billion billions thousand millionen milliarden ",
    "euro euros dollar dollars pounds USD EUR GBP CHF ",
    "hour hours day days week weeks month months year years minute minutes second seconds ",
    "Stunde Stunden Tag Tage Tagen Woche Wochen Monat Monate Monaten Jahr Jahre Jahren Minuten Sekunden ",
    "heure heures jour jours semaine semaines mois an ans minutes ",
    "hora horas día días dia dias semana semanas mes meses mês año años ano anos minutos ",
    "ora ore giorno giorni settimana settimane mese mesi anno anni ",
    "uur dag dagen week weken maand maanden jaar timmar dagar veckor månader år timer dage uger ",
    "måneder dager uker ",
    "tuntia päivää viikkoa kuukautta vuotta godzin dni tygodni miesięcy lat saat gün hafta ay yıl ",
    "час часа часов день дня дней недель месяцев год года лет",
)
# Between the words of one name: "University of Oslo", "Rio de Janeiro", "Vincent van Gogh".
NAME_LINKS = _words(
    "of de del della di da do dos das du des la le les van der den von zu zur al el bin ibn y af av",
)
# They open a request and have a capital only for that.
COMMANDS = _words(
    "compare list explain describe show find give tell name define summarise summarize discuss ",
    "analyse analyze evaluate ",
    "assess outline identify calculate translate search look please write create make help get set ",
    "add remove delete use using ",
    "debug fix install configure run open close start stop update upgrade change check review ",
    "can could would should will shall do does did is are was were has have had may might must am ",
    "hi hello hey thanks thank sorry yes no ok okay well so also then besides however if when while ",
    "because although since ",
    "vergleiche vergleichen liste nenne nennen erkläre erklären beschreibe zeige zeig finde gib bitte ",
    "hallo danke ",
    "compare comparez listez expliquez explique décrivez montrez donnez donne bonjour merci ",
    "compara comparar lista enumera explica describe muestra dame hola gracias ",
    "confronta elenca spiega descrivi mostra dammi ciao grazie liste explique descreva mostre olá ",
    "obrigado ",
    "vergelijk noem leg geef toon jämför lista förklara beskriv visa sammenlign forklar beskriv vis nevn ",
    "vertaa luettele selitä kuvaile näytä porównaj wymień wyjaśnij opisz pokaż karşılaştır listele ",
    "açıkla ",
    "сравни сравните перечисли перечислите объясни объясните опиши покажи назови",
)
