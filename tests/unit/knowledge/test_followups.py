"""Which messages depend on the conversation, and what is searched for then."""

import asyncio
import math
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge import (
    ModelQueryRewriter,
    contextual_query,
    mixture,
    stand_alone,
)
from footnote.knowledge.followups.rewriting import is_faithful
from footnote.models import EmbeddingModel, GenerationDelta, GenerationRequest, Turn
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable

HISTORY = (
    Turn("user", "When was the lighthouse of Farol built?"),
    Turn("assistant", "It was built in 1912 by Tomas Duarte, like the harbour of the island."),
)
TOPICS = {
    "en": ("What is the parental leave policy?", "Employees get 16 weeks of parental leave."),
    "de": ("Wie hoch ist die Reisekostenpauschale?", "Die Pauschale beträgt 28 Euro für jeden Tag."),
    "fr": ("Quelle est la durée du préavis ?", "Le préavis est de trois mois pour les cadres."),
    "es": ("¿Cuál es el plazo de devolución?", "El plazo de devolución es de treinta días."),
    "it": ("Qual è il periodo di prova?", "Il periodo di prova è di tre mesi per tutti."),
    "pt": ("Qual é o prazo de entrega?", "O prazo de entrega é de cinco dias."),
    "nl": ("Hoe hoog is de reiskostenvergoeding?", "De vergoeding is 23 cent voor elke kilometer."),
    "sv": ("Hur lång är uppsägningstiden?", "Uppsägningstiden är tre månader för alla."),
    "da": ("Hvor lang er opsigelsesperioden?", "Opsigelsesperioden er tre måneder for alle."),
    "no": ("Hvor lang er oppsigelsestiden?", "Oppsigelsestiden er tre måneder for alle."),
    "fi": ("Kuinka pitkä on irtisanomisaika?", "Irtisanomisaika on kolme kuukautta."),
    "pl": ("Jaki jest okres wypowiedzenia?", "Okres wypowiedzenia to trzy miesiące dla wszystkich."),
    "tr": ("Deneme süresi ne kadar?", "Deneme süresi bütün çalışanlar için iki aydır."),
    "ru": ("Какой срок возврата товара?", "Срок возврата товара для всех составляет тридцать дней."),
    "zh": ("试用期是多长时间？", "试用期为三个月。"),
    "ja": ("試用期間はどのくらいですか", "試用期間は三か月です。"),
    "ko": ("수습 기간은 얼마나 됩니까?", "수습 기간은 3개월입니다."),
}


def _conversation(language: str) -> tuple[Turn, ...]:
    question, answer = TOPICS[language]
    return Turn("user", question), Turn("assistant", answer)


@pytest.mark.parametrize(
    "message",
    [
        "Who is its keeper?",
        "How does it work in winter when the sea is frozen?",
        "And what does the new contract say about the price?",
        "What about the northern island in the bay?",
        "Then how about in the past?",
        "How tall?",
        "Opening hours",
        "Who paid for the lighthouse?",
        "Can visitors swim in the harbour?",
        "I meant the second floor",
        "Thanks! Can I visit it on Sundays?",
    ],
)
def test_a_message_that_leans_on_the_conversation_takes_along_what_it_names(message):
    query = stand_alone(message, HISTORY)
    assert query.depends
    assert query.reason
    assert query.message == message
    assert query.text.startswith(message)
    assert query.rewritten_by == "rules"
    assert "Farol" in query.text
    assert query.conversation == f"{HISTORY[0].text} {HISTORY[1].text} {message}"


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("de", "Gilt das auch im Ausland, und wie beantragt man diese?"),
        ("de", "Und im Ausland?"),
        ("de", "Was ist mit Teilzeitkräften im ersten Jahr?"),
        ("fr", "Est-ce que cela vaut aussi pour les stagiaires ?"),
        ("fr", "Et pour les stagiaires ?"),
        ("es", "¿Y para los productos rebajados?"),
        ("es", "¿Dónde puedo leer más sobre eso?"),
        ("it", "E per gli apprendisti?"),
        ("it", "Dove posso leggere di più su questo?"),
        ("pt", "E para os Açores?"),
        ("pt", "Quem decide sobre isso?"),
        ("nl", "En voor stagiairs?"),
        ("nl", "Wie beslist over deze regeling?"),
        ("sv", "Och för vikarier?"),
        ("sv", "Vem beslutar om detta?"),
        ("da", "Og for vikarer?"),
        ("da", "Hvem beslutter dette?"),
        ("no", "Og for vikarer?"),
        ("no", "Hvem bestemmer dette?"),
        ("fi", "Kuka päättää tästä ja miten se lasketaan?"),
        ("pl", "A dla stażystów?"),
        ("pl", "Kto o tym decyduje i jak to działa?"),
        ("tr", "Peki bunu kim belirliyor?"),
        ("ru", "А для распродажи?"),
        ("ru", "Кто это решает?"),
        ("zh", "它可以延长吗？"),
        ("zh", "那实习生呢？"),
        ("ja", "それは延長できますか"),
        ("ko", "그것은 연장할 수 있습니까?"),
    ],
)
def test_it_leans_in_many_languages(language, message):
    query = stand_alone(message, _conversation(language))
    assert query.depends, query.reason
    assert query.conversation is not None
    assert query.conversation.endswith(message)


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "Which enzyme splits lactose in the small intestine of a person?"),
        ("en", "How many calories does a portion of blueberry have?"),
        ("en", "Is it possible to count the atoms of a molecule?"),
        ("en", "Are there different types of charges for business accounts?"),
        ("en", "How long does it take to get a passport?"),
        ("en", "What is a stock exchange?"),
        ("en", "I heard that the toolchain is not available in South America."),
        ("en", "Judicial Council of California"),
        ("en", "Do vaccinated nursing mothers give protection to their babies?"),
        ("en", "Okay, which documents do I need for a mortgage application?"),
        ("en", "Why is the sky blue during the day?"),
        ("en", "Which companies such as Boeing build aircraft in Seattle?"),
        ("de", "Welche Farbe hat der Kreis auf der ersten Seite?"),
        ("de", "Wie beantrage ich einen Parkausweis für Anwohner?"),
        ("fr", "Comment puis-je demander une carte de parking pour résidents ?"),
        ("es", "¿Cómo solicito una tarjeta de aparcamiento para residentes?"),
        ("it", "Come posso richiedere un parcheggio per residenti?"),
        ("pt", "Como peço um cartão de estacionamento para residentes?"),
        ("nl", "Hoe vraag ik een parkeervergunning voor bewoners aan?"),
        ("sv", "Hur ansöker jag om parkeringstillstånd för boende?"),
        ("pl", "Jak złożyć wniosek o kartę parkingową dla mieszkańców?"),
        ("ru", "Как получить разрешение на парковку для жителей?"),
        ("zh", "如何申请居民停车证和访客停车证"),
        ("ja", "住民用の駐車許可証を申請する方法を教えてください"),
    ],
)
def test_a_message_that_stands_on_its_own_is_left_alone(language, message):
    query = stand_alone(message, _conversation(language))
    assert not query.depends, query.reason
    assert (query.text, query.conversation, query.rewritten_by) == (message, None, None)
    assert query.expansions == ()


def test_without_history_nothing_depends_on_it():
    query = stand_alone("Who is its keeper?", ())
    assert (query.text, query.conversation, query.depends) == ("Who is its keeper?", None, False)


def test_thanks_are_passed_over_on_the_way_back_to_the_topic():
    history = (*HISTORY, Turn("user", "Great, thank you!"), Turn("assistant", "You are welcome."))
    assert "Farol" in stand_alone("Who is its keeper?", history).referents


def test_a_question_that_leaned_itself_takes_along_what_it_leaned_on():
    history = (*HISTORY, Turn("user", "How tall is it?"), Turn("assistant", "Forty metres."))
    assert "Farol" in stand_alone("And who keeps it?", history).referents


def test_words_of_the_message_are_not_taken_along_again():
    query = stand_alone("Is it still the lighthouse?", HISTORY)
    assert "lighthouse" not in query.referents


def test_the_lexical_leg_is_given_the_message_and_what_it_leans_on_for_less():
    query = stand_alone("Who is its keeper?", HISTORY)
    (expansion,) = query.expansions
    assert query.lexical_text == "Who is its keeper?"
    assert expansion.added == query.referents
    assert 0 < expansion.weight < 1


@given(st.text(max_size=200), st.lists(st.text(max_size=200), max_size=4))
def test_any_conversation_gives_something_to_search_for(message, turns):
    history = [Turn("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(turns)]
    query = stand_alone(message, history)
    assert query.text.startswith(message)
    assert query == stand_alone(message, history)


def test_a_long_turn_before_never_pushes_the_message_out_of_the_window():
    history = (Turn("user", "word " * 400), Turn("assistant", "other " * 400))
    query = stand_alone("Why is that?", history)
    assert query.conversation is not None
    assert query.conversation.endswith("Why is that?")
    assert len(query.conversation) < 1_000


def test_the_mixture_has_unit_length_and_leans_to_the_question():
    question, conversation = [1.0, 0.0], [0.0, 1.0]
    mixed = mixture(question, conversation)
    assert math.isclose(math.hypot(*mixed), 1.0)
    assert mixed[0] == pytest.approx(2 * mixed[1])


def test_opposite_vectors_do_not_break_the_mixture():
    assert mixture([0.0, 0.0], [0.0, 0.0]) == [0.0, 0.0]


class _Embedder:
    """Vectors that tell which text they are of."""

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[str] = []
        self._fails = fails

    async def model(self) -> EmbeddingModel:
        return EmbeddingModel("two", "1", 2)

    async def embed_queries(self, texts):
        if self._fails:
            raise ModelUnavailable("down")
        self.asked += texts
        return [[1.0, 0.0], [0.0, 1.0]][: len(texts)]

    embed_passages = embed_queries


class _Model:
    """Answers what it is told to."""

    name = "model"

    def __init__(self, *deltas: GenerationDelta, seconds: float = 0.0, fails: bool = False) -> None:
        self.requests: list[GenerationRequest] = []
        self._deltas, self._seconds, self._fails = deltas, seconds, fails

    async def stream(self, request: GenerationRequest) -> AsyncIterator[GenerationDelta]:
        self.requests.append(request)
        await asyncio.sleep(self._seconds)
        if self._fails:
            raise ModelUnavailable("down")
        for delta in self._deltas:
            yield delta


async def _asked(model: _Model, message: str = "Who is its keeper?"):
    embedder = _Embedder()
    rewriter = ModelQueryRewriter(model, timeout_s=0.2)
    query = await contextual_query(
        message, HISTORY, embedder, context=OrganizationContext(uuid4()), rewriter=rewriter
    )
    return query, embedder


async def test_a_message_on_its_own_asks_no_model():
    embedder, model = _Embedder(), _Model()
    message = "Which enzyme splits lactose in the small intestine of a person?"
    query = await contextual_query(
        message,
        HISTORY,
        embedder,
        context=OrganizationContext(uuid4()),
        rewriter=ModelQueryRewriter(model, 1.0),
    )
    assert (query.text, query.vector) == (message, None)
    assert embedder.asked == []
    assert model.requests == []


async def test_a_dependent_message_is_searched_for_by_a_mixture():
    query = await contextual_query("Who is its keeper?", HISTORY, _Embedder())
    assert query.vector == pytest.approx(mixture([1.0, 0.0], [0.0, 1.0]))


async def test_without_the_embedding_model_words_are_left():
    query = await contextual_query("Who is its keeper?", HISTORY, _Embedder(fails=True))
    assert query.vector is None
    assert "Farol" in query.text


async def test_a_model_words_it_anew():
    model = _Model(
        GenerationDelta("Question: “Who is the keeper of "), GenerationDelta("the lighthouse of Farol?”")
    )
    query, embedder = await _asked(model)
    assert query.text == "Who is the keeper of the lighthouse of Farol?"
    assert query.rewritten_by == "model"
    assert query.lexical_text == query.text
    assert "Farol" in query.expansions[0].added
    assert embedder.asked[0] == query.text
    assert model.requests[0].purpose == "rewrite"
    assert model.requests[0].temperature == 0


@pytest.mark.parametrize(
    "model",
    [
        _Model(fails=True),
        _Model(GenerationDelta("Who is the keeper of the lighthouse of Farol?"), seconds=1.0),
        _Model(GenerationDelta("")),
        _Model(GenerationDelta("Who kept the lighthouse of Farol in 1944?")),
        _Model(GenerationDelta("word " * 200)),
    ],
    ids=["failed", "slow", "empty", "new number", "too long"],
)
async def test_a_wording_that_cannot_be_had_or_trusted_leaves_it_to_the_rules(model):
    query, _ = await _asked(model)
    assert query.rewritten_by == "rules"
    assert "Farol" in query.text


@pytest.mark.parametrize(
    ("rewritten", "message", "is_kept"),
    [
        ("Who kept the lighthouse of Farol in 1912?", "Who kept it then?", True),
        ("Who kept the lighthouse in 1998?", "Who kept it in 1998?", True),
        ("Who kept the lighthouse?", "Who kept it in 1998?", False),
        ("Did the keeper write it?", "Did Ines Duarte write it?", False),
        ("Did Ines Duarte write the log?", "Did Ines Duarte write it?", True),
        ("What does the error mean?", "What does E-1042 mean there?", False),
        ("   ", "Who?", False),
    ],
)
def test_a_faithful_wording_keeps_what_is_named_and_adds_no_number(rewritten, message, is_kept):
    assert is_faithful(rewritten, message, HISTORY) is is_kept
