"""The types of queries, in the languages that are told apart."""

import pytest

from footnote.knowledge import QueryType, analyze_query

KEYWORD, FACTUAL, SEMANTIC, COMPLEX = QueryType
EXAMPLES = [
    # Section 3.2 of the reference document
    (KEYWORD, "Python tutorial"),
    (FACTUAL, "When was Python created?"),
    (COMPLEX, "Compare Python vs JavaScript for ML"),
    (KEYWORD, "Error code 404"),
    (SEMANTIC, "How do I teach a computer to recognize images?"),
    (COMPLEX, "Debug Python memory leak in TensorFlow"),
    # English
    (KEYWORD, "parental leave"),
    (KEYWORD, "E-1042"),
    (FACTUAL, "Who founded Footnote?"),
    (FACTUAL, "Where is it?"),
    (FACTUAL, "How many vacation days do I have?"),
    (FACTUAL, "In which year did the war end?"),
    (FACTUAL, "What is the capital of Iceland?"),
    (FACTUAL, "Can you tell me who approves expenses?"),
    (FACTUAL, "Was the bridge built before the tunnel?"),
    (SEMANTIC, "How can I reset the password of my account?"),
    (SEMANTIC, "my laptop gets hot when I charge it"),
    (SEMANTIC, "What should I do when a child has a fever"),
    (COMPLEX, "What is the difference between gross and net salary?"),
    (COMPLEX, "Why does the price rise when supply falls?"),
    (COMPLEX, "When was the company founded and who owns it?"),
    (COMPLEX, "How long is the warranty? Does it cover batteries?"),
    (COMPLEX, "What are the effects of slipstream on the lift of a wing?"),
    (COMPLEX, "How does inflation affect savings in the long run?"),
    # German
    (KEYWORD, "Urlaub beantragen"),
    (FACTUAL, "Wer genehmigt Reisekosten?"),
    (FACTUAL, "Wie viele Urlaubstage habe ich?"),
    (FACTUAL, "Seit wann gilt die neue Regel?"),
    (SEMANTIC, "Wie kann ich mein Passwort zurücksetzen?"),
    (COMPLEX, "Was ist der Unterschied zwischen Brutto und Netto?"),
    (COMPLEX, "Warum steigt der Preis, wenn das Angebot sinkt?"),
    (COMPLEX, "Wann wurde die Firma gegründet und wer leitet sie?"),
    # French
    (FACTUAL, "Qui valide les notes de frais de l'équipe ?"),
    (FACTUAL, "Combien de jours de congé ai-je ?"),
    (SEMANTIC, "Comment puis-je réinitialiser mon mot de passe ?"),
    (COMPLEX, "Quelle est la différence entre le brut et le net ?"),
    (COMPLEX, "Pourquoi les prix montent-ils quand l'offre baisse ?"),
    # Spanish
    (FACTUAL, "¿Quién aprueba los gastos de viaje?"),
    (FACTUAL, "¿Cuántos días de vacaciones tengo?"),
    (SEMANTIC, "¿Cómo puedo restablecer mi contraseña?"),
    (COMPLEX, "¿Cuál es la diferencia entre bruto y neto?"),
    (COMPLEX, "¿Por qué sube el precio cuando baja la oferta?"),
    # Italian
    (FACTUAL, "Chi approva le spese di viaggio?"),
    (FACTUAL, "Quanti giorni di ferie ho?"),
    (SEMANTIC, "Come posso reimpostare la mia password?"),
    (COMPLEX, "Qual è la differenza tra lordo e netto?"),
    # Portuguese
    (FACTUAL, "Quem aprova as despesas de viagem?"),
    (FACTUAL, "Quantos dias de férias tenho?"),
    (SEMANTIC, "Como posso redefinir a minha senha?"),
    (COMPLEX, "Qual é a diferença entre bruto e líquido?"),
    # Dutch
    (FACTUAL, "Wie keurt de onkosten goed?"),
    (FACTUAL, "Hoeveel vakantiedagen heb ik?"),
    (SEMANTIC, "Hoe kan ik mijn wachtwoord opnieuw instellen?"),
    (COMPLEX, "Wat is het verschil tussen bruto en netto?"),
    # Swedish, Danish, Norwegian
    (FACTUAL, "Vem godkänner utlägg för resor?"),
    (FACTUAL, "Hur många semesterdagar har jag?"),
    (COMPLEX, "Vad är skillnaden mellan brutto och netto?"),
    (FACTUAL, "Hvor mange feriedage har jeg?"),
    (COMPLEX, "Hvad er forskellen mellem brutto og netto?"),
    (FACTUAL, "Hvem godkjenner utgifter til reiser?"),
    (COMPLEX, "Hva er forskjellen mellom brutto og netto?"),
    # Finnish
    (FACTUAL, "Kuka hyväksyy matkakulut tiimissä?"),
    (FACTUAL, "Kuinka monta lomapäivää minulla on?"),
    (COMPLEX, "Mikä on brutto- ja nettopalkan ero ja miksi se on tärkeä?"),
    # Polish
    (FACTUAL, "Kto zatwierdza wydatki na podróże?"),
    (FACTUAL, "Ile dni urlopu mi przysługuje?"),
    (COMPLEX, "Czym różni się brutto od netto?"),
    # Turkish
    (FACTUAL, "Seyahat giderlerini kim onaylar?"),
    (COMPLEX, "Brüt ve net maaş arasındaki fark nedir?"),
    # Russian
    (FACTUAL, "Кто утверждает расходы на поездки?"),
    (FACTUAL, "Сколько у меня дней отпуска?"),
    (COMPLEX, "Почему растут цены, когда падает предложение?"),
    # Chinese, Japanese, Korean
    (KEYWORD, "退款政策"),
    (FACTUAL, "谁批准差旅费用"),
    (FACTUAL, "年假有多少天？"),
    (COMPLEX, "税前工资和税后工资有什么区别"),
    (KEYWORD, "有給休暇"),
    (FACTUAL, "出張費は誰が承認しますか"),
    (COMPLEX, "なぜ供給が減ると価格が上がるのですか"),
    (KEYWORD, "연차 휴가"),
    (FACTUAL, "출장비는 누가 승인합니까?"),
    (COMPLEX, "총급여와 순급여의 차이는 무엇입니까?"),
]


@pytest.mark.parametrize(("kind", "query"), EXAMPLES)
def test_types(kind, query):
    analysis = analyze_query(query)
    assert analysis.type is kind, [decision for decision in analysis.decisions if decision.aspect == "type"]


@pytest.mark.parametrize(
    "query",
    [
        "List all employees who are on parental leave",
        "Which documents are required for a visa?",
        "What are the opening hours of all offices?",
        "Nenne alle Standorte des Unternehmens in Europa",
        "Quels sont les documents nécessaires pour un visa ?",
        "¿Cuáles son los requisitos para la visa?",
        "Quali sono i documenti per il visto?",
        "Quais são os documentos para o visto?",
        "Jakie są wymagania do wizy w Polsce?",
        "列出公司所有的办公地点",
        "会社のすべての事業所を教えてください",
    ],
)
def test_enumerations_go_deep(query):
    assert analyze_query(query).depth >= 10


@pytest.mark.parametrize(
    ("query", "depth"),
    [
        ("Python tutorial", (3, 3)),
        ("When was Python created?", (3, 3)),
        ("How do I teach a computer to recognize images?", (5, 8)),
        ("my laptop gets hot", (5, 8)),
        ("my laptop " + "really " * 30 + "gets hot", (8, 8)),
        ("Compare Python vs JavaScript for ML", (10, 16)),
        ("When was it founded and who owns it and where is it?", (12, 16)),
        ("a? " * 100, (10, 16)),
    ],
)
def test_depth_grows_with_what_is_asked(query, depth):
    low, high = depth
    assert low <= analyze_query(query).depth <= high
