"""Retrieval: a query is understood, both legs run, and their candidates become one ranked list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from footnote.knowledge.explaining import trace_of
from footnote.knowledge.filters import TextConstraints
from footnote.knowledge.followups import StandAloneQuery
from footnote.knowledge.fusion import fusion
from footnote.knowledge.models import Candidate, Passage, Retrieval, RetrievedPassage, SearchFilters, Strategy
from footnote.knowledge.planning import Plan, plan, relaxed
from footnote.knowledge.ports import DenseQuery, LexicalQuery, SearchSnapshot, SearchStore
from footnote.knowledge.ranking.evidence import RankingEvidence
from footnote.knowledge.ranking.features import LEADERS, Contender
from footnote.knowledge.ranking.ranking import Ranked, Reranked, rank
from footnote.knowledge.ranking.reranking import FeatureRanker
from footnote.knowledge.trace import Outcome
from footnote.models import Embedder, Reranker, SentenceScore
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RetrievalSettings

EMBEDDING_UNAVAILABLE = "The embedding model did not answer; only words were searched, not meaning."
PHRASE_NOT_FOUND = "No passage holds the quoted words as they stand; they were searched for like others."
RERANKER_UNAVAILABLE = "The reranking model did not answer; passages were ranked without it."


class Retriever:
    """Finds the passages that a question is about.

    Args:
        store: Where chunks are searched.
        embedder: Turns the query into a vector.
        settings: Every stage's switches and weights.
        clock: For timings and the age of documents.
        ranker: Ranks by features; without one, and without `reranker`, the fused order stands.
        reranker: A cross-encoder, preferred to `ranker`.
    """

    def __init__(
        self,
        store: SearchStore,
        embedder: Embedder,
        settings: RetrievalSettings,
        clock: Clock,
        *,
        ranker: FeatureRanker | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._clock = clock
        self._ranker = ranker if settings.rerank != "off" else None
        self._reranker = reranker if settings.rerank == "auto" else None
        self._fuse = fusion(settings)

    async def retrieve(
        self,
        context: OrganizationContext,
        query: str | StandAloneQuery,
        *,
        filters: SearchFilters | None = None,
        limit: int | None = None,
        strategy: Strategy = "auto",
    ) -> Retrieval:
        """The best passages of the organization's active documents.

        All reads see one state of the corpus: never two versions of a document, never a deleted one.

        Args:
            context: Whose documents.
            query: A text, or a message made stand-alone with its vectors.
            filters: Applied in both legs before anything is ranked, beside those that the query names.
            limit: Passages to return; by default as many as a question of its kind needs.
            strategy: `auto` is what the query's analysis says. If the embedding model fails, a hybrid search
                goes on with words only and says so in `degraded`.

        Raises:
            ModelUnavailable: The strategy is `vector` and the embedding model failed.
            ServiceUnavailable: The store cannot be reached.
        """
        search = _Search(
            plan(query, filters or SearchFilters(), limit, strategy, self._settings), _Stopwatch(self._clock)
        )
        with search.watch.measure("embed"):
            await self._embed(search)
        async with self._store.snapshot(context) as snapshot:
            await self._find(search, snapshot)
            with search.watch.measure("evidence"):
                await self._gather(search, snapshot)
            with search.watch.measure("rank"):
                pool = search.pool()
                search.reranked = await self._reranked(search, pool[: self._settings.reranked])
                ranked = self._rank(search, pool)
            with search.watch.measure("join"):
                passages = await self._joined(search, ranked, snapshot)
            corpus_version = await snapshot.corpus_version()
        return Retrieval(
            passages=passages,
            strategy=search.ran,
            degraded=" ".join(search.degraded) or None,
            corpus_version=corpus_version,
            timings_ms=search.watch.milliseconds,
            trace=trace_of(
                search.plan, ranked, self._settings, search.reranked.name if search.reranked else None
            ),
        )

    async def _embed(self, search: _Search) -> None:
        wanted = search.plan
        if wanted.strategy == "lexical":
            return
        try:
            own = wanted.own_vector
            if own is None:
                own = (await self._embedder.embed_queries([wanted.analysis.text]))[0]
            model = await self._embedder.model()
        except ModelUnavailable:
            if wanted.strategy == "vector":
                raise
            search.degraded.append(EMBEDDING_UNAVAILABLE)
            return
        search.own = DenseQuery(own, model)
        search.dense = search.own if wanted.vector is None else DenseQuery(wanted.vector, model)

    async def _find(self, search: _Search, snapshot: SearchSnapshot) -> None:
        wanted = search.plan
        if wanted.strategy != "vector" or search.dense is None:
            search.lexical = wanted.lexical
        with search.watch.measure("search"):
            found = await self._candidates(search, snapshot, wanted.analysis.constraints)
            loosened = relaxed(wanted.analysis)
            if not found and loosened is not None:
                search.degraded.append(PHRASE_NOT_FOUND)
                found = await self._candidates(search, snapshot, loosened)
        search.fused = self._fuse(found)[: max(self._settings.reranked, wanted.limit)]
        with search.watch.measure("passages"):
            search.passages = await snapshot.passages([one.chunk_id for one, _ in search.fused])

    async def _candidates(
        self, search: _Search, snapshot: SearchSnapshot, constraints: TextConstraints
    ) -> list[Candidate]:
        limit = max(self._settings.candidates, search.plan.limit)
        return await snapshot.candidates(
            search.lexical, search.dense, search.plan.filters, limit, constraints=constraints
        )

    async def _gather(self, search: _Search, snapshot: SearchSnapshot) -> None:
        """What the ranking and the answer look at, for the best of the pool."""
        best = [one for one, _ in search.fused[: self._settings.reranked]]
        ids = [one.chunk_id for one in best]
        if search.dense is None or search.own is None or not ids:
            return
        vectors = [search.own] if search.dense is search.own else [search.own, search.dense]
        search.sentences = await snapshot.sentence_cosines(ids, vectors)
        if search.lexical is None or (self._ranker is None and not self._settings.diversity):
            return
        if any(one.cosine is None for one in best):
            return  # vectors of another model: they are being made anew, and do not compare
        leaders = ids if self._settings.diversity else ids[:LEADERS]
        search.evidence = await snapshot.evidence(search.lexical, ids, leaders)

    def _rank(self, search: _Search, pool: Sequence[Contender]) -> list[Ranked]:
        return rank(
            search.plan.analysis.text,
            pool,
            search.reranked,
            search.evidence,
            limit=search.plan.limit,
            unrepeated=search.plan.is_adaptive,
            settings=self._settings,
            now=self._clock.now(),
        )

    async def _reranked(self, search: _Search, pool: Sequence[Contender]) -> Reranked | None:
        """What whoever looks at the pool again thinks of it, if anybody does."""
        if not pool:
            return None
        if self._reranker is not None:
            texts = [f"{one.passage.title}\n{one.passage.text}" for one in pool]
            try:
                scores = await self._reranker.score(search.plan.question, texts)
            except ModelUnavailable:
                search.degraded.append(RERANKER_UNAVAILABLE)
            else:
                return Reranked(self._reranker.name, scores, self._settings.rerank_weight)
        if self._ranker is None or search.evidence is None:
            return None
        scores = self._ranker.scores(search.plan.analysis.text, pool, search.evidence)
        return Reranked(self._ranker.name, scores, self._settings.ranker_weight)

    async def _joined(
        self, search: _Search, ranked: Sequence[Ranked], snapshot: SearchSnapshot
    ) -> tuple[RetrievedPassage, ...]:
        """The passages that stay, each followed by its neighbours where these are wanted."""
        kept = [_retrieved(one, search) for one in ranked if one.outcome is Outcome.KEPT]
        if not self._settings.neighbours or not kept:
            return tuple(kept)
        there = {one.passage.chunk_id for one in kept}
        pairs = await snapshot.neighbours(sorted(there), self._settings.neighbours)
        texts = await snapshot.passages(sorted({chunk for _, chunk in pairs} - there))
        joined: list[RetrievedPassage] = []
        for one in kept:
            joined.append(one)
            for found, chunk in pairs:
                if found == one.passage.chunk_id and (passage := texts.pop(chunk, None)) is not None:
                    joined.append(RetrievedPassage(passage, one.score, neighbour_of=found))
        return tuple(joined)


def _retrieved(one: Ranked, search: _Search) -> RetrievedPassage:
    candidate = one.contender.candidate
    return RetrievedPassage(
        one.contender.passage,
        one.score,
        candidate.cosine,
        candidate.bm25,
        candidate.dense_rank,
        candidate.lexical_rank,
        search.sentences.get(candidate.chunk_id, ()),
    )


@dataclass(slots=True)
class _Search:
    """One search under way. `own` is the message's vector, `dense` what is searched for."""

    plan: Plan
    watch: _Stopwatch
    lexical: LexicalQuery | None = None
    own: DenseQuery | None = None
    dense: DenseQuery | None = None
    fused: list[tuple[Candidate, float]] = field(default_factory=list)
    passages: dict[int, Passage] = field(default_factory=dict)
    sentences: dict[int, tuple[SentenceScore, ...]] = field(default_factory=dict)
    evidence: RankingEvidence | None = None
    reranked: Reranked | None = None
    degraded: list[str] = field(default_factory=list)

    @property
    def ran(self) -> str:
        if self.dense is None:
            return "lexical"
        return "vector" if self.lexical is None else "hybrid"

    def pool(self) -> list[Contender]:
        return [
            Contender(one, score, self.passages[one.chunk_id], self._best_sentence(one.chunk_id))
            for one, score in self.fused
        ]

    def _best_sentence(self, chunk_id: int) -> float | None:
        """Best cosine with what is searched for, which comes last."""
        return max((one.cosines[-1] for one in self.sentences.get(chunk_id, ())), default=None)


@dataclass(slots=True)
class _Stopwatch:
    clock: Clock
    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started = self.clock.monotonic()
        try:
            yield
        finally:
            self.milliseconds[stage] = round((self.clock.monotonic() - started) * 1000, 3)
