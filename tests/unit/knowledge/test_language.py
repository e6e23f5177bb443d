"""Which language a text is taken to be in."""

import pytest

from footnote.knowledge.language import RECOGNISED, detect_language

PARAGRAPHS = {
    "en": "The committee met on Tuesday and decided that the report should be published in May.",
    "de": "Der Ausschuss hat am Dienstag getagt und beschlossen, dass der Bericht im Mai erscheint.",
    "fr": "Le comité s'est réuni mardi et a décidé que le rapport sera publié avant la fin du mois de mai.",
    "es": "El comité se reunió el martes y decidió que el informe se publicará antes de que termine mayo.",
    "it": "Il comitato si è riunito martedì e ha deciso che la relazione sarà pubblicata in maggio.",
    "pt": "O comitê se reuniu na terça-feira e decidiu que o relatório não será publicado em maio.",
    "nl": "Het comité kwam dinsdag bijeen en besloot dat het rapport in mei wordt gepubliceerd.",
    "sv": "Kommittén träffades på tisdagen och beslutade att rapporten ska publiceras före slutet av maj.",
    "da": "Udvalget mødtes tirsdag og besluttede, at rapporten ikke skal offentliggøres, men hvad nu?",
    "no": "Utvalget møttes tirsdag og besluttet at rapporten ikke skal offentliggjøres, men hva nå?",
    "fi": "Komitea kokoontui tiistaina ja päätti, että raportti on julkaistava, mutta se ei ole valmis.",
    "pl": "Komitet zebrał się we wtorek i zdecydował, że raport nie będzie opublikowany przed końcem maja.",
    "tr": "Komite salı günü toplandı ve raporun mayıs ayı sonuna kadar yayımlanması için bir karar aldı.",
    "ru": "Комитет собрался во вторник и решил, что отчёт будет опубликован до конца мая.",
    "uk": "Комітет зібрався у вівторок і вирішив, що звіт буде опубліковано до кінця травня.",
    "el": "Η επιτροπή συνεδρίασε την Τρίτη και αποφάσισε να δημοσιευτεί η έκθεση.",
    "he": "הוועדה נפגשה ביום שלישי והחליטה לפרסם את הדוח.",
    "ar": "اجتمعت اللجنة يوم الثلاثاء وقررت نشر التقرير قبل نهاية الشهر.",
    "fa": "کمیته روز سه‌شنبه تشکیل جلسه داد و تصمیم گرفت گزارش را پیش از پایان ماه منتشر کند.",
    "hi": "समिति की बैठक मंगलवार को हुई और रिपोर्ट प्रकाशित करने का निर्णय लिया गया।",
    "th": "คณะกรรมการประชุมเมื่อวันอังคารและตัดสินใจเผยแพร่รายงาน",
    "ko": "위원회는 화요일에 모여 보고서를 5월 말 전에 발표하기로 결정했다.",
    "ja": "委員会は火曜日に開かれ、報告書を五月末までに公表することを決めた。",
    "zh": "委员会星期二开会，决定在五月底之前公布报告。",
}
QUESTIONS = {
    "en": "How long is the warranty?",
    "de": "Wie hoch ist die Miete?",
    "fr": "Quelle est la politique de remboursement ?",
    "es": "¿Cuál es el plazo?",
    "it": "Dove posso trovare il manuale?",
    "pt": "Qual é o prazo de entrega?",
    "nl": "Wat is de prijs van het product?",
    "sv": "Vad är priset?",
    "fi": "Mikä on hinta?",
    "pl": "Jaka jest cena?",
    "ru": "Какая цена?",
    "ja": "料金はいくらですか",
    "zh": "你好，世界",
}

SHORT = {
    "en": (
        "How do I reset my password?",
        "parental leave policy",
        "Why was my order cancelled?",
        "list all employees on leave",
    ),
    "de": (
        "Urlaub beantragen",
        "Darf ich Homeoffice machen?",
        "Rechnungsadresse ändern",
        "Warum wurde meine Bestellung storniert?",
    ),
    "fr": (
        "congé parental",
        "Qui valide les notes de frais ?",
        "Combien de jours de congé ai-je ?",
        "horaires d'ouverture",
    ),
    "es": (
        "días de vacaciones",
        "¿Quién aprueba los gastos?",
        "¿Hay descuento para estudiantes?",
        "cuantos dias tengo",
    ),
    "it": (
        "Quanti giorni di ferie ho?",
        "Posso lavorare da casa?",
        "La garanzia è trasferibile?",
        "orari di apertura",
    ),
    "pt": (
        "Quantos dias de férias tenho?",
        "Quem aprova as despesas?",
        "A garantia é transferível?",
        "dias de férias",
    ),
    "nl": (
        "Hoe reset ik mijn wachtwoord?",
        "Mag ik thuiswerken?",
        "factuuradres wijzigen",
        "Is er korting voor studenten?",
    ),
    "sv": (
        "Hur många semesterdagar har jag?",
        "Vem godkänner utlägg?",
        "Får jag arbeta hemifrån?",
        "Finns det studentrabatt?",
    ),
    "da": (
        "Hvor mange feriedage har jeg?",
        "Hvordan nulstiller jeg min adgangskode?",
        "Må jeg arbejde hjemmefra?",
    ),
    "no": (
        "Hvor mange feriedager har jeg?",
        "Hvordan tilbakestiller jeg passordet mitt?",
        "Kan jeg jobbe hjemmefra?",
    ),
    "fi": (
        "Kuinka monta lomapäivää minulla on?",
        "Miten nollaan salasanani?",
        "Onko opiskelijoille alennusta?",
    ),
    "pl": ("Ile dni urlopu mi przysługuje?", "Czy mogę pracować z domu?", "czas dostawy części zamiennych"),
    "tr": ("Kaç gün iznim var?", "Şifremi nasıl sıfırlarım?", "fatura adresini değiştir"),
    "cs": ("Kolik dní dovolené mám?", "Jak resetuji heslo?"),
    "ru": ("дни отпуска", "Как сбросить пароль?"),
    "uk": ("Як скинути пароль?", "дні відпустки"),
    "zh": ("年假", "谁批准报销"),
    "ja": ("誰が経費を承認しますか",),
    "ko": ("연차 휴가",),
}


@pytest.mark.parametrize(
    ("language", "query"), [(language, query) for language, queries in SHORT.items() for query in queries]
)
def test_a_few_words_are_recognised(language, query):
    assert detect_language(query) == language


@pytest.mark.parametrize("language", PARAGRAPHS)
def test_a_paragraph_is_recognised(language):
    assert detect_language(PARAGRAPHS[language]) == language


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_question_is_recognised(language):
    assert detect_language(QUESTIONS[language]) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 2 3",
        "COVID-19",
        "IBM 2021",
        "refund",
        "☃ → …",
        "x = y + 1",
        "item term x b",
    ],
)
def test_too_little_evidence_is_undetermined(text):
    assert detect_language(text) == "und"


def test_the_language_of_most_of_the_text_wins():
    quoted = PARAGRAPHS["en"] * 3 + " " + QUESTIONS["de"]
    assert detect_language(quoted) == "en"


@pytest.mark.parametrize("language", [*PARAGRAPHS, *SHORT])
def test_languages_that_are_recognised_are_listed(language):
    assert language in RECOGNISED
