"""Evaluation sets on disk: `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` in one folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footnote.platform.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class CorpusRow:
    """One document of the corpus."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class EvaluationQuery:
    """One question.

    Attributes:
        answers: Golden answers; empty where the set has none.
        unanswerable: The corpus does not hold the answer.
        history: Earlier turns as (`user` or `assistant`, text), oldest first.
        relevance: Relevant documents and how relevant each is.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    unanswerable: bool
    history: tuple[tuple[str, str], ...]
    relevance: dict[str, int]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A corpus with judged questions."""

    name: str
    corpus: tuple[CorpusRow, ...]
    queries: tuple[EvaluationQuery, ...]


def load_dataset(directory: Path, limit: int | None = None) -> Dataset:
    """Reads a set.

    Args:
        directory: Holds the three files.
        limit: At most so many queries, the first ones; the corpus is always whole.

    Raises:
        InvalidRequest: A file is missing or a line is malformed; the message names file and line.
    """
    judgements = _judgements(directory / "qrels.tsv")
    corpus = tuple(
        CorpusRow(str(row["id"]), str(row.get("title") or ""), str(row["text"]))
        for row in _rows(directory / "corpus.jsonl", "id", "text")
    )
    queries = [_query(row, judgements) for row in _rows(directory / "queries.jsonl", "id", "text")]
    return Dataset(directory.name, corpus, tuple(queries[:limit]))


def _query(row: dict[str, Any], judgements: dict[str, dict[str, int]]) -> EvaluationQuery:
    turns = row.get("history") or []
    history = tuple(("user" if turn["speaker"] == "user" else "assistant", turn["text"]) for turn in turns)
    return EvaluationQuery(
        id=str(row["id"]),
        text=row["text"],
        answers=tuple(row.get("answers") or ()),
        unanswerable=bool(row.get("unanswerable")),
        history=history,
        relevance=judgements.get(str(row["id"]), {}),
    )


def _rows(path: Path, *required: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidRequest(f"{path.name}, line {number}: not JSON ({error.msg}).") from error
        missing = [key for key in required if not isinstance(row, dict) or key not in row]
        if missing:
            raise InvalidRequest(f"{path.name}, line {number}: no '{missing[0]}'.")
        yield row


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for number, row in enumerate(csv.reader(_text(path).splitlines(), delimiter="\t"), start=1):
        if number == 1 and row and not row[-1].lstrip("-").isdigit():
            continue  # the header line
        if len(row) != 3 or not row[2].lstrip("-").isdigit():
            raise InvalidRequest(f"{path.name}, line {number}: expected query id, document id and relevance.")
        judged.setdefault(row[0], {})[row[1]] = int(row[2])
    return judged


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidRequest(
            f"'{path}' is missing: a set is corpus.jsonl, queries.jsonl, qrels.tsv."
        ) from error
