"""Documents and search."""

from __future__ import annotations

from typing import Literal

from footnote.platform.settings.section import Section


class IngestionSettings(Section):
    """Limits of reliability.md (f). `hold_s` is the function's time limit and 30 seconds."""

    max_bytes: int = 50 * 1024 * 1024
    max_pages: int = 2_000
    max_characters: int = 10_000_000
    archive_max_entries: int = 10_000
    archive_max_bytes: int = 200 * 1024 * 1024
    archive_max_ratio: int = 100
    parser_memory_bytes: int = 1536 * 1024 * 1024
    parser_cpu_s: int = 60
    parser_wall_s: int = 60
    parser_output_bytes: int = 128 * 1024 * 1024
    max_attempts: int = 3
    lease_s: int = 30
    hold_s: int = 630
    chunk_target_tokens: int = 200
    chunk_max_tokens: int = 254
    purge_after_s: int = 900
    stuck_after_s: int = 600
    pending_upload_s: int = 24 * 3600


class RetrievalSettings(Section):
    """Hybrid search. Defaults measured in measurements.md, part 1.

    `routing` is what the strategy `auto` does: `measured` searches both ways unless only exact words can be
    meant, `by_type` follows the table of section 3.2. `near_duplicates` is the likeness from which a passage
    is left out of those that an answer rests on; a search for a number of passages shows them all.
    `rewrite_with_model` has follow-up questions worded anew by the language model, where one is configured; a
    search waits for it no longer than `rewrite_timeout_s`.
    """

    candidates: int = 100
    champions_per_term: int = 500
    rescored: int = 200
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    vector_index_from: int = 20_000
    vector_index_until: int = 10_000
    hnsw_m: int = 16
    hnsw_ef_construction: int = 128
    hnsw_ef_search: int = 300
    hnsw_max_scan_tuples: int = 20_000
    hnsw_build_memory_mb: int = 2_048
    hnsw_build_workers: int = 1
    dense_weight: float = 0.65
    fusion: Literal["convex", "rrf"] = "convex"
    rrf_k: int = 60
    rerank: Literal["auto", "features", "off"] = "auto"
    reranked: int = 40
    rerank_weight: float = 0.7
    ranker_weight: float = 0.8
    near_duplicates: float | None = 0.8
    diversity: float = 0.0
    freshness_weight: float = 0.0
    freshness_half_life_days: float = 180.0
    title_weight: float = 0.0
    cut_below: float | None = None
    neighbours: int = 0
    expand: bool = True
    routing: Literal["measured", "by_type"] = "measured"
    rewrite_with_model: bool = True
    rewrite_timeout_s: float = 2.0
