"""Measures how well supported sentences are told from unsupported ones.

    python -m tests.evaluation.grounding SETS [--words]

SETS is the folder of the development sets. Supported are sentences of squad2's paragraphs that hold an
answer, and sentences of mtrag's reference answers, which tell in other words what their reference passages
say. Unsupported are sentences of other articles, of other paragraphs of the same article, of other
conversations' answers, and supported ones in which a number, a name or the negation was changed. Each is
judged against a few passages, as an answer's sentences are. Thresholds are chosen on half of the articles and
conversations and scored on the other half. `--words` leaves the embedding model out.

Labels are made by rule: a reference answer also says what no passage does, so its figures are a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from footnote.chat.grounding import Grounder
from footnote.chat.support import PARTLY_SUPPORTED, SUPPORTED
from footnote.knowledge import sentence_spans
from footnote.models import Embedder, PromptPassage
from tests.evaluation.answers_corpus import RememberingEmbedder
from tests.evaluation.regression import Array, auroc
from tests.support.chat import NoEmbedder

SEED = 1
QUESTIONS = 400
SUPPLIED = 5
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_YEAR = re.compile(r"1\d{3}|20[0-2]\d")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|could|will|would|may|must|should|does|did)\b(?! not)"
)
_PERSONAL = re.compile(r"\b(?:I|me|my|sorry)\b|\?$")
_LEAST_WORDS = 6


@dataclass(frozen=True)
class Claim:
    """A sentence with what it is judged against; `half` is 0 or 1."""

    text: str
    passages: tuple[PromptPassage, ...]
    supported: bool
    kind: str
    half: int


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--words", action="store_true", help="by words alone")
    options = parser.parse_args()
    claims = [*squad_claims(options.sets / "squad2"), *mtrag_claims(options.sets / "mtrag")]
    embedder: Embedder = NoEmbedder() if options.words else RememberingEmbedder()
    support = np.array(asyncio.run(judged(claims, embedder)))
    report(claims, support)


async def judged(claims: Sequence[Claim], embedder: Embedder) -> list[float]:
    """Support of each."""
    return [(await Grounder(claim.passages, embedder).judge(claim.text)).support for claim in claims]


def report(claims: Sequence[Claim], support: Array) -> None:
    """AUROC, thresholds across the halves, and shares by kind."""
    truth = np.array([claim.supported for claim in claims])
    half = np.array([claim.half for claim in claims])
    kinds = np.array([claim.kind for claim in claims])
    print(f"{len(claims)} sentences; AUROC {auroc(support[truth], support[~truth]):.4f}")
    for train, test in ((0, 1), (1, 0)):
        limit = best_threshold(support[half == train], truth[half == train])
        told, right = support[half == test], truth[half == test]
        print(
            f"  threshold of half {train}: {limit:.2f}; half {test}: "
            f"accuracy {_accuracy(told, right, limit):.3f}, "
            f"supported ones below it {np.mean(told[right] < limit):.3f}"
        )
    print(
        f"  the product's {SUPPORTED}: accuracy {_accuracy(support, truth, SUPPORTED):.3f}; "
        f"supported ones marked as unsupported {np.mean(support[truth] < PARTLY_SUPPORTED):.3f}, "
        f"unsupported ones {np.mean(support[~truth] < PARTLY_SUPPORTED):.3f}"
    )
    print(f"  {'kind':28} {'n':>5} {'AUROC':>6} supported partial unsupported")
    for kind, number in Counter(kinds.tolist()).items():
        own = support[kinds == kind]
        is_true = bool(truth[kinds == kind][0])
        area = auroc(own, support[~truth]) if is_true else auroc(support[truth], own)
        shares = (own >= SUPPORTED).mean(), (own < PARTLY_SUPPORTED).mean()
        print(
            f"  {('' if is_true else 'not: ') + kind:28} {number:>5} {area:6.3f} {shares[0]:9.3f} "
            f"{1 - sum(shares):7.3f} {shares[1]:11.3f}"
        )


def best_threshold(support: Array, truth: Array) -> float:
    """Where the two classes' shares of right decisions are best on average."""
    limits = np.unique(support)
    right = [np.mean(support[truth] >= one) + np.mean(support[~truth] < one) for one in limits]
    return float(limits[int(np.argmax(right))])


def _accuracy(support: Array, truth: Array, limit: float) -> float:
    return float(np.mean((support >= limit) == truth))


def squad_claims(directory: Path) -> Iterator[Claim]:
    """From squad2: sentences as they stand, and what is made of them."""
    chance = random.Random(SEED)
    corpus = _rows(directory / "corpus.jsonl")
    articles: dict[str, list[dict[str, Any]]] = {}
    for row in corpus:
        articles.setdefault(_article(row["id"]), []).append(row)
    order = sorted(articles)
    names = {name: _names(row["text"] for row in rows) for name, rows in articles.items()}
    paragraphs = {row["id"]: row for row in corpus}
    questions = [row for row in _rows(directory / "queries.jsonl") if row["answers"]]
    chance.shuffle(questions)
    for question in questions[:QUESTIONS]:
        about = paragraphs[question["about"]]
        own = _article(about["id"])
        holding = [s for s in _sentences(about["text"]) if any(gold in s for gold in question["answers"])]
        if not holding:
            continue
        others = [row for row in articles[own] if row is not about]
        chance.shuffle(others)
        supplied = [about, *others[: SUPPLIED - 1]]
        passages = _passages(supplied, chance)
        half = order.index(own) % 2
        yield Claim(holding[0], passages, True, "as it stands", half)
        stranger = chance.choice([name for name in order if name != own and order.index(name) % 2 == half])
        made = {
            **_changed(holding[0], chance, names[own]),
            "other article": chance.choice(_sentences(chance.choice(articles[stranger])["text"])),
        }
        if len(others) >= SUPPLIED:
            elsewhere = chance.choice(others[SUPPLIED - 1 :])["text"]
            made["same article"] = chance.choice(_sentences(elsewhere))
        for kind, text in made.items():
            if text and not any(text in row["text"] for row in supplied):
                yield Claim(text, passages, False, kind, half)


def mtrag_claims(directory: Path) -> Iterator[Claim]:
    """From mtrag: sentences of reference answers, and what is made of them."""
    chance = random.Random(SEED)
    corpus = {row["id"]: row for row in _rows(directory / "corpus.jsonl")}
    judged_: dict[str, list[str]] = {}
    for line in (directory / "qrels.tsv").read_text().splitlines()[1:]:
        query, document, _ = line.split("\t")
        judged_.setdefault(query, []).append(document)
    questions = [
        row
        for row in _rows(directory / "queries.jsonl")
        if row["answers"] and row["id"] in judged_ and row["answerability"] == "ANSWERABLE"
    ]
    conversations = sorted({_conversation(row["id"]) for row in questions})
    names = _names(row["answers"][0] for row in questions)
    for question in questions:
        relevant = judged_[question["id"]]
        rows = [corpus[one] for one in relevant[:SUPPLIED]]
        passages = _passages([*rows, *(corpus[one] for one in chance.sample(sorted(corpus), 2))], chance)
        half = conversations.index(_conversation(question["id"])) % 2
        own = _plain(question["answers"][0])
        for text in own[:3]:
            yield Claim(text, passages, True, "reference", half)
        other = chance.choice(questions)
        made = _changed(own[0], chance, names) if own else {}
        if not set(judged_[other["id"]]) & set(relevant):
            made["other answer"] = next(iter(_plain(other["answers"][0])), None)
        for kind, made_text in made.items():
            if made_text:
                yield Claim(made_text, passages, False, f"reference, {kind}", half)


def _changed(text: str, chance: random.Random, names: Sequence[str]) -> dict[str, str | None]:
    return {
        "number": _with(text, _NUMBER, lambda found: _other_number(found, chance), chance),
        "name": _with(text, _NAME, lambda _: chance.choice([n for n in names if n not in text]), chance),
        "negation": _negated(text),
    }


def _with(
    text: str, pattern: re.Pattern[str], new: Callable[[str], str], chance: random.Random
) -> str | None:
    places = list(pattern.finditer(text))
    if not places:
        return None
    place = chance.choice(places)
    return text[: place.start()] + new(place[0]) + text[place.end() :]


def _other_number(written: str, chance: random.Random) -> str:
    plain = written.replace(",", "")
    if _YEAR.fullmatch(written):
        return str(int(written) + chance.choice([-37, -12, -5, -3, 4, 9, 21]))
    if plain.isdigit():
        return f"{max(1, round(int(plain) * chance.choice([0.5, 2, 3])) + chance.choice([1, 2, 3])):,}"
    return f"{float(plain.split('.')[0] or 0) * chance.choice([0.4, 1.7, 2.3]) + 0.3:.1f}"


def _negated(text: str) -> str | None:
    found = re.search(r"\b(?:not|never) ", text)
    if found:
        return text[: found.start()] + text[found.end() :]
    verb = _VERB.search(text)
    return f"{text[: verb.end()]} not{text[verb.end() :]}" if verb else None


def _passages(rows: Sequence[dict[str, Any]], chance: random.Random) -> tuple[PromptPassage, ...]:
    mixed = chance.sample(list(rows), len(rows))
    return tuple(
        PromptPassage(number, row.get("title") or "", row["text"], 0.5, language="en")
        for number, row in enumerate(mixed, 1)
    )


def _plain(answer: str) -> list[str]:
    """Sentences that speak of the subject and are long enough to say something."""
    return [
        text
        for text in _sentences(answer)
        if len(text.split()) >= _LEAST_WORDS and not _PERSONAL.search(text)
    ]


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def _names(texts: Iterator[str]) -> list[str]:
    return sorted({found[0] for text in texts for found in _NAME.finditer(text)})


def _article(paragraph: str) -> str:
    return paragraph.rpartition("-")[0]


def _conversation(query: str) -> str:
    return query.partition("<::>")[0]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    main()
