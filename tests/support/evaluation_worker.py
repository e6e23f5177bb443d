"""An evaluator in a process of its own, to be killed: `python -m tests.support.evaluation_worker DSN...`.

What it measures is slow and made up; the runs, their leases and their results are real.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from footnote.chat import Answer, AnswerMetadata, ChatQuestion
from footnote.evaluation.charging import QuestionCharges
from footnote.evaluation.evaluator import Evaluator
from footnote.knowledge import Retrieval
from footnote.models import report_usage
from footnote.models.usage import Kind
from footnote.platform.clock import SystemClock
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.platform.settings import (
    EvaluationSettings,
    GenerationSettings,
    PostgresSettings,
    RerankingSettings,
    Settings,
)
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.evaluation_runs import PostgresRunStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.charging import charges_of

USED: dict[Kind, int] = {"input_tokens": 900, "cached_tokens": 400, "output_tokens": 30, "rerank_calls": 2}
"""What an answer is said to have used."""
MEASURED = Settings(
    environment="test",
    generation=GenerationSettings(base_url="http://127.0.0.1:9", model="model"),
    reranking=RerankingSettings(endpoint_name="reranker"),
)
"""What is said to be measured: a model and a reranker."""


class SlowSubject:
    """`footnote.evaluation.Subject`: finds nothing, refuses everything, and writes down what it was asked.

    Args:
        pause_s: How long an answer takes.
        log: One line for each question; none without it.
    """

    def __init__(self, pause_s: float, log: Path | None = None) -> None:
        self._pause_s = pause_s
        self._log = log

    async def search(self, context: OrganizationContext, query: str, history: Sequence[Any]) -> Retrieval:
        return Retrieval(passages=(), strategy="hybrid")

    async def answer(self, context: OrganizationContext, question: ChatQuestion) -> Answer:
        if self._log is not None:
            with self._log.open("a") as log:
                log.write(question.message + "\n")
        await asyncio.sleep(self._pause_s)
        for kind, units in USED.items():
            report_usage(kind, "model", units)
        metadata = AnswerMetadata(
            tokens_used=0,
            response_time_ms=1,
            model_used="none",
            cached=False,
            confidence=0.0,
            abstained=True,
            strategy="hybrid",
            degraded=None,
            prompt_version=None,
            passages_considered=0,
            citations_removed=0,
            finish_reason="stop",
        )
        return Answer(new_id(), new_id(), "Nothing is said about it.", (), metadata)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0] for _ in texts]


def quota_of(database: Database) -> PostgresQuotaStore:
    """What runs are charged to."""
    return PostgresQuotaStore(database, "enterprise")


def evaluator(
    database: Database,
    pause_s: float,
    log: Path | None,
    *,
    store: Any = None,
    quota: Any = None,
    **settings: Any,
) -> Evaluator:
    """One that works on real runs; `store` and `quota` may be wrapped."""
    subject = SlowSubject(pause_s, log)
    store, limits = store or PostgresRunStore(database), EvaluationSettings(**settings)
    every = MEASURED.model_copy(update={"evaluation": limits})
    charges = QuestionCharges(store, charges_of(database, store=quota or quota_of(database)), every)
    return Evaluator(store, lambda overrides: subject, charges, limits, SystemClock())


async def main(host: str, port: str, name: str, password: str, log: str) -> None:
    """Works until it is killed."""
    settings = PostgresSettings(
        host=host, port=int(port), database=name, user="footnote_app", password_secret="password"
    )
    database = Database(settings, StaticSecrets({"password": password}))
    await evaluator(database, 0.05, Path(log), lease_s=1).work(600)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
