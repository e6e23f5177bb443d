"""Golden sets, runs and gates."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.variants import Variants

if TYPE_CHECKING:
    from footnote.evaluation import Subject
    from footnote.evaluation.evaluations import GoldenSets, Runs
    from footnote.evaluation.evaluator import Evaluator
    from footnote.evaluation.gates import Gates
    from footnote.platform.overrides import Overrides
    from footnote.stores.postgres.evaluation_gates import PostgresGateStore
    from footnote.stores.postgres.evaluation_runs import PostgresRunStore
    from footnote.stores.postgres.evaluation_sets import PostgresGoldenSetStore


class Evaluation(Variants):
    """Services of evaluation."""

    @cached_property
    def golden_set_store(self) -> PostgresGoldenSetStore:
        from footnote.stores.postgres.evaluation_sets import PostgresGoldenSetStore

        return PostgresGoldenSetStore(self.database)

    @cached_property
    def run_store(self) -> PostgresRunStore:
        from footnote.stores.postgres.evaluation_runs import PostgresRunStore

        return PostgresRunStore(self.database)

    @cached_property
    def gate_store(self) -> PostgresGateStore:
        from footnote.stores.postgres.evaluation_gates import PostgresGateStore

        return PostgresGateStore(self.database)

    @cached_property
    def golden_sets(self) -> GoldenSets:
        from footnote.evaluation.evaluations import GoldenSets

        return GoldenSets(self.golden_set_store, self.settings)

    @cached_property
    def evaluation_runs(self) -> Runs:
        from footnote.evaluation.evaluations import Runs

        return Runs(self.run_store, self.quota_store, self.settings)

    @cached_property
    def gates(self) -> Gates:
        from footnote.evaluation.gates import Gates

        return Gates(self.gate_store, self.evaluation_runs, self.settings, self.clock)

    @cached_property
    def evaluator(self) -> Evaluator:
        """For `evaluator`: works runs off."""
        from footnote.evaluation.charging import QuestionCharges
        from footnote.evaluation.evaluator import Evaluator

        charges = QuestionCharges(self.run_store, self.charges, self.settings)
        return Evaluator(
            self.run_store, self.evaluation_subject, charges, self.settings.evaluation, self.clock
        )

    def evaluation_subject(self, overrides: Overrides) -> Subject:
        """The product under other settings: without caches, and without conversations that are kept."""
        from footnote.evaluation.subject import ProductSubject, Unrecorded
        from footnote.platform.overrides import merged

        settings = merged(self.settings, overrides)
        caches = settings.caches.model_copy(update={"enabled": False})
        other = self.derived(settings.model_copy(update={"caches": caches}))
        other.__dict__ |= {"conversations": Unrecorded(), "answer_charges": None}
        return ProductSubject(
            retriever=other.uncached_retriever,
            chat=other.chat,
            embedder=other.embedder,
            rewriter=other.query_rewriter,
            search_limit=settings.evaluation.search_limit,
            history_turns=settings.chat.history_turns,
        )
