"""Query analysis: how long it takes, for short queries and for the longest.

    python -m tests.performance.query_analysis [--rounds N] [--json OUT]

Each query is analysed `--rounds` times in one thread; the table gives milliseconds of the processor's time,
which other work on the machine disturbs little.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from footnote.knowledge import analyze_query
from tests.performance.figures import machine, percentile, save, table, warn_if_busy

LONGEST = 2_000
QUERIES = {
    "keyword": "parental leave policy",
    "question": "When did Martin Luther publish the 95 theses in Wittenberg?",
    "question with operators": 'title:handbook "paid time off" -draft how many days after:2024-01-31',
    "comparison, German": "Was ist der Unterschied zwischen Brutto- und Nettogehalt, und wer berechnet es?",
    "question, Japanese": "出張費は誰が承認しますか",
}
LONG_QUERIES = {
    "English": "How does the General Data Protection Regulation affect colour printing since May 2018? ",
    "German": "Wie viele Urlaubstage habe ich im ersten Jahr, und wer genehmigt sie in Berlin? ",
    "Chinese": "请问公司的年假政策是什么，谁来批准差旅费用？",
    "no language": "xy zzt qwrt plk ",
    "capitals": "A b ",
    "figures": "1.2.3 ",
    "quotation marks": '" ',
    "minus signs": "-ab ",
}


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one analysis."""

    characters: int
    median_ms: float
    p95_ms: float
    slowest_ms: float


def measure(query: str, rounds: int) -> Timing:
    """Analyses one query again and again."""
    analyze_query(query)
    taken: list[float] = []
    for _ in range(rounds):
        started = time.thread_time()
        analyze_query(query)
        taken.append(1000 * (time.thread_time() - started))
    return Timing(len(query), percentile(taken, 0.5), percentile(taken, 0.95), max(taken))


def main() -> None:
    """The command line."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    chosen = options.parse_args()
    before = machine()
    longest = {
        f"{LONGEST} characters, {name}": (text * LONGEST)[:LONGEST] for name, text in LONG_QUERIES.items()
    }
    timings = {name: measure(query, chosen.rounds) for name, query in {**QUERIES, **longest}.items()}
    columns = {
        "median": {name: f"{one.median_ms:.3f} ms" for name, one in timings.items()},
        "p95": {name: f"{one.p95_ms:.3f} ms" for name, one in timings.items()},
        "slowest": {name: f"{one.slowest_ms:.3f} ms" for name, one in timings.items()},
    }
    print(table("query", columns))
    warn_if_busy(before)
    save(chosen.json, {"machine": before, "queries": {name: asdict(one) for name, one in timings.items()}})


if __name__ == "__main__":
    main()
