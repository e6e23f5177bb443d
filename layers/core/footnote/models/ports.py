"""What the product needs of models. Adapters are in `models/providers/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Identity of an embedding model; stored with every vector.

    Attributes:
        name: Hub name, for instance `sentence-transformers/all-MiniLM-L6-v2`.
        revision: Digest of weights and graph: vectors of two revisions are never compared.
        dimension: Length of a vector; vectors have unit length.
    """

    name: str
    revision: str
    dimension: int


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """A passage's vector and those of its sentences, of one run of the model: a sentence's knows its context.

    Attributes:
        vector: The vector that `embed_passages` gives.
        sentences: One for each span that was asked for, in order.
    """

    vector: Sequence[float]
    sentences: Sequence[Sequence[float]]


class Embedder(Protocol):
    """Turns texts into unit vectors; some models treat queries and passages differently."""

    async def model(self) -> EmbeddingModel:
        """The model that answers."""
        ...

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of questions or sentences.

        Raises:
            ModelUnavailable: The endpoint failed or did not answer in time.
        """
        ...

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of document chunks; same errors as `embed_queries`."""
        ...

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[PassageVectors]:
        """Vectors of document chunks and of their sentences; same errors as `embed_queries`.

        Args:
            texts: The chunks.
            spans: For each of them the sentences, as half-open ranges of its characters, in order. One that
                the model does not see, because it lies behind its window, gets the vector of the whole text.
        """
        ...


class Reranker(Protocol):
    """A cross-encoder: reads a query and a passage together and judges how well the one answers the other.

    Section 5.2 of the system design document calls it `ranker`, and its method `score_pairs`.
    """

    @property
    def name(self) -> str:
        """The model's name, as an explanation of a ranking shows it."""
        ...

    async def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, 0..1, in order: the sigmoid of the model's logit.

        Raises:
            ModelUnavailable: There was no whole answer in time; the ranking goes on without it.
        """
        ...


@dataclass(frozen=True, slots=True)
class SentenceScore:
    """How near a sentence is to what was asked, by the vector it has within its passage.

    Attributes:
        start, end: Span in the passage's text.
        cosines: With the question as it was put; for one that leans on its conversation, with the mixture of
            both as well, in this order.
    """

    start: int
    end: int
    cosines: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PassagePart:
    """A chunk within a passage joined from several: a span of its text, and the chunk's own score."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class PromptPassage:
    """A passage as it is offered to a generator: `number` is what a citation `[n]` refers to.

    Attributes:
        score: Of its best chunk.
        sentences: Those whose cosines are known, in order of their places.
        parts: The chunks it was joined from, in reading order; empty for one that is a single chunk.
    """

    number: int
    title: str
    text: str
    score: float
    location: str = ""
    language: str = "und"
    sentences: tuple[SentenceScore, ...] = ()
    parts: tuple[PassagePart, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of the conversation; `actor` is `user` or `assistant`."""

    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer to be written.

    Attributes:
        context: Whose question it is; a generator that reads corpus statistics is confined to it.
        question: The member's message.
        passages: Numbered from 1 by rank, in the order of the prompt; empty without retrieval.
        history: Earlier turns, oldest first.
        max_tokens: Upper bound of the answer.
        temperature: 0..1.
        timeout_s: What is left of the caller's deadline; a generator's own limit holds as well.
        purpose: `rewrite` asks for the question in words that stand without the history, not for an answer.
    """

    context: OrganizationContext
    question: str
    passages: tuple[PromptPassage, ...]
    history: tuple[Turn, ...] = ()
    max_tokens: int = 512
    temperature: float = 0.7
    timeout_s: float | None = None
    purpose: Literal["answer", "rewrite"] = "answer"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model counts them; `cached_tokens` are those of the prompt that its server had kept."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """Where in passage `number` the evidence of one answer sentence stands (offsets into its text)."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GenerationDelta:
    """A piece of an answer. The last one carries `finished` and the usage.

    Attributes:
        text: Text to append to the answer.
        evidence: Exact spans, from generators that know them.
        abstained: The generator found no answer in the passages.
        usage: Tokens of the whole answer; on the last delta.
        confidence: 0..1 where the generator has one.
        restart: The generator before failed after its first text: discard every delta received so far, the
            answer starts anew with this one. Only a fallback chain sends it.
        model: Name of the model that wrote the answer; on the last delta.
        partial: The passages answer a part of the question only, and the answer says so.
        finish_reason: On the last delta: `stop`, `length` (cut off at `max_tokens`) or the server's own word.
    """

    text: str = ""
    evidence: tuple[EvidenceSpan, ...] = ()
    finished: bool = False
    abstained: bool = False
    usage: Usage = field(default_factory=Usage)
    confidence: float | None = None
    restart: bool = False
    model: str = ""
    finish_reason: str = ""
    partial: bool = False


class Generator(Protocol):
    """Writes answers."""

    @property
    def name(self) -> str:
        """Model name as shown in `metadata.model_used`."""
        ...

    def stream(self, request: GenerationRequest) -> AsyncIterator[GenerationDelta]:
        """The answer, piece by piece.

        Raises:
            ModelUnavailable: The model failed or was too slow.
        """
        ...
