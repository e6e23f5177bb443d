"""Answers, what is kept of them, and how good they are."""

from __future__ import annotations

from typing import Literal

from footnote.platform.settings.section import Section


class ChatSettings(Section):
    """Answers and conversations.

    `passages` is how many an answer may rest on, as many as the question's kind needs by default.
    `context_tokens` holds all of them with their headers; `context_token_factor` is how many tokens the
    generation model makes of one of the embedding model's, which count. `passage_order` is that of the
    prompt: by rank, or with the best at both ends. `unsupported` is what becomes of sentences that no passage
    supports: marked in the answer's metadata, dropped (a stream then waits for the end of each sentence), or
    kept.
    """

    passages: int | None = None
    context_tokens: int = 2_000
    context_token_factor: float = 1.0
    passage_order: Literal["ranked", "both_ends"] = "both_ends"
    unsupported: Literal["mark", "drop", "keep"] = "mark"
    history_turns: int = 6
    deadline_s: float = 25.0
    keep_alive_s: float = 12.0
    abstain_below: float | None = None


class CacheSettings(Section):
    """Caches of sections 6.5 and 11.2. Terms are those of Redis; the store keeps ten times as long.

    Each kind can be switched off, as can the tiers `redis` and `store`. `semantic` finds cached answers by
    the meaning of their question: cosine of at least `semantic_threshold` and the second check of
    `footnote/chat/caching/sameness` among the `semantic_candidates` nearest of the last `semantic_questions`.
    Answers of a model at more than `max_temperature` are not kept. `wait_s` is how long a question waits for
    the same question that is being answered just now.
    """

    enabled: bool = True
    redis: bool = True
    store: bool = True
    embedding: bool = True
    search: bool = True
    answers: bool = True
    semantic: bool = True
    embedding_ttl_s: int = 86_400
    search_ttl_s: int = 900
    answer_ttl_s: int = 1_800
    memory_entries: int = 1_000
    memory_bytes: int = 16 * 1024 * 1024
    max_value_bytes: int = 256 * 1024
    semantic_threshold: float = 0.8
    semantic_candidates: int = 5
    semantic_questions: int = 200
    max_temperature: float = 0.7
    wait_s: float = 8.0
    state_keep_s: float = 5.0
    revision_check_s: float = 300.0
    metrics_s: float = 60.0


class EvaluationSettings(Section):
    """Golden sets and their runs. A run is given back after `slice_s`, so that others have their turn.

    A question takes `question_s` at most, and its hold 30 seconds more; a run that may not go on is looked at
    again after `pause_s`.
    """

    max_sets: int = 50
    max_questions: int = 1_000
    max_runs: int = 200
    max_open_runs: int = 10
    search_limit: int = 50
    lease_s: int = 60
    slice_s: float = 60.0
    max_attempts: int = 3
    retry_s: float = 15.0
    question_s: int = 60
    hold_s: int = 90
    pause_s: float = 300.0
