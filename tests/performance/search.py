"""Search: latency with one client, and the quality that it buys.

    python -m tests.performance.search [--corpus DIR] [--queries N] [--json OUT]

Footnote is asked through its public API (gateway, authorizer and all); the peers are called in process,
beside their database. All hold the same texts, embedded by the same model.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.client import ApiClient
from tests.performance.corpus import DEFAULT_CORPUS, DEPTH, Corpus, load
from tests.performance.figures import machine, milliseconds, percentile, save, table, warn_if_busy
from tests.performance.options import parser
from tests.performance.peers.environment import ensure_environment
from tests.performance.peers.runner import run_peer
from tests.performance.service import Service, service
from tests.performance.upload import upload_texts

STRATEGIES = ("hybrid", "vector", "lexical")
_UPLOADERS = 8
_WARM_UP = 5
_RESULTS = 20


@dataclass(frozen=True)
class SearchFigures:
    """One kind of search over all questions.

    Attributes:
        p50_s, p95_s: As the caller waits for it.
        server_p50_s, server_p95_s: As the server says it took, where there is one.
    """

    p50_s: float
    p95_s: float
    ndcg: float
    server_p50_s: float | None = None
    server_p95_s: float | None = None


@dataclass(frozen=True)
class _Answers:
    seconds: list[float]
    server_seconds: list[float]
    rankings: list[list[str]]


def measure_footnote(target: Service, corpus: Corpus, limit_s: float) -> dict[str, SearchFigures]:
    """Uploads the corpus into a new organization and searches it with every strategy."""
    with target.member() as client:
        rows = upload_texts(client, corpus.rows, _UPLOADERS, limit_s).rows
        return {name: _figures(_ask(client, corpus, rows, name), corpus) for name in STRATEGIES}


def _ask(client: ApiClient, corpus: Corpus, rows: dict[str, str], strategy: str) -> _Answers:
    for query in corpus.queries[:_WARM_UP]:
        client.search(query.text, limit=_RESULTS, strategy=strategy, cache=False)
    answers = _Answers([], [], [])
    for query in corpus.queries:
        started = time.perf_counter()
        answer = client.search(query.text, limit=_RESULTS, strategy=strategy, cache=False)
        answers.seconds.append(time.perf_counter() - started)
        answers.server_seconds.append(answer["took_ms"] / 1000)
        found = dict.fromkeys(result["document_id"] for result in answer["results"])
        answers.rankings.append([rows[document] for document in found][:DEPTH])
    return answers


def _figures(answers: _Answers, corpus: Corpus) -> SearchFigures:
    return SearchFigures(
        p50_s=percentile(answers.seconds, 0.5),
        p95_s=percentile(answers.seconds, 0.95),
        ndcg=corpus.ndcg(answers.rankings),
        server_p50_s=percentile(answers.server_seconds, 0.5) if answers.server_seconds else None,
        server_p95_s=percentile(answers.server_seconds, 0.95) if answers.server_seconds else None,
    )


def measure_peer(name: str, corpus: Corpus, limit_s: float) -> dict[str, SearchFigures]:
    """Lets a peer insert the corpus and search it in every way it has."""
    report = run_peer(
        ensure_environment(),
        name,
        texts=corpus.short_texts(),
        queries=[query.text for query in corpus.queries],
        depth=DEPTH,
        limit_s=limit_s,
    )
    return {
        kind: _figures(_Answers(result.seconds, [], result.rankings), corpus)
        for kind, result in report.searches.items()
    }


def render(corpus: Corpus, results: dict[str, dict[str, SearchFigures]]) -> str:
    """One row per system and kind of search."""
    rows = {f"{system} {kind}": one for system, kinds in results.items() for kind, one in kinds.items()}
    columns = {
        "p50": {row: milliseconds(one.p50_s) for row, one in rows.items()},
        "p95": {row: milliseconds(one.p95_s) for row, one in rows.items()},
        "p50 in the server": {row: milliseconds(one.server_p50_s) for row, one in rows.items()},
        "p95 in the server": {row: milliseconds(one.server_p95_s) for row, one in rows.items()},
        "nDCG@10": {row: f"{one.ndcg:.3f}" for row, one in rows.items()},
    }
    head = f"search ({corpus.name}: {len(corpus.rows)} texts, {len(corpus.queries)} questions)"
    return table(head, columns)


def main(arguments: Sequence[str]) -> int:
    """Measures, prints, writes."""
    options = parser(__doc__)
    options.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="folder of a judged set")
    options.add_argument("--limit", type=int, help="at most so many texts (default: all)")
    options.add_argument("--queries", type=int, default=200, help="at most so many questions (default: 200)")
    chosen = options.parse_args(arguments)
    on = machine()
    warn_if_busy(on)
    corpus = load(chosen.corpus, chosen.limit, chosen.queries)
    if not corpus.queries:
        options.error("the set has no judged questions about these texts")
    results: dict[str, dict[str, SearchFigures]] = {}
    for name in chosen.systems:
        if name == "footnote":
            with service(chosen.base_url) as target:
                results[name] = measure_footnote(target, corpus, chosen.limit_s)
        else:
            results[name] = measure_peer(name, corpus, chosen.limit_s)
    print(render(corpus, results))
    figures: dict[str, Any] = {
        system: {kind: asdict(one) for kind, one in kinds.items()} for system, kinds in results.items()
    }
    save(
        chosen.json,
        {
            "machine": on,
            "corpus": corpus.name,
            "texts": len(corpus.rows),
            "queries": len(corpus.queries),
            "systems": figures,
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
