"""The two sides of `--compare`: settings to be measured, or results that were measured before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footnote.evaluation import Dataset, QuestionResult
from local.client import ApiClient
from local.evaluation.corpus import Corpus
from local.evaluation.report import Report
from local.evaluation.runner import Evaluation
from local.evaluation.scratch import ScratchStack
from local.evaluation.vectors import Vectors
from local.evaluation.work import Progress
from local.overrides import UnknownSetting, parse_assignments, read_settings_file

DEFAULT = "default"
"""Stands for the deployment's own settings."""

# What shapes the index: a change of these needs an ingestion of its own.
_INDEXED = ("APP_INGESTION__", "APP_RETRIEVAL__BM25_")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One side of a comparison.

    Attributes:
        name: What it is called.
        settings: Environment variables of its settings.
        saved: Its results, if it was measured before.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    saved: Sequence[QuestionResult] | None = None

    @property
    def index(self) -> tuple[tuple[str, str], ...]:
        """The settings that shape its index."""
        chosen = (item for item in self.settings.items() if item[0].startswith(_INDEXED))
        return tuple(sorted(chosen))


def read_candidate(text: str, dataset: str) -> Candidate:
    """A candidate from what was written on the command line.

    Args:
        text: `default`, `section.setting=value,...`, a YAML file of settings, or a saved `--json` result.
        dataset: Name of the set; results of another one are refused.

    Raises:
        UnknownSetting: It is none of these, or a setting is wrong.
    """
    if text == DEFAULT:
        return Candidate(DEFAULT)
    path = Path(text)
    if path.suffix == ".json":
        return Candidate(path.name, saved=read_results(path, dataset))
    if path.suffix in {".yaml", ".yml"}:
        return Candidate(path.name, read_settings_file(path))
    if "=" not in text:
        raise UnknownSetting(
            f"'{text}' is neither '{DEFAULT}', nor section.setting=value, nor a .yaml or .json file."
        )
    return Candidate(text, parse_assignments(part for part in text.split(",") if part.strip()))


def read_results(path: Path, dataset: str) -> list[QuestionResult]:
    """The questions of a result saved by `footnote evaluate --json`.

    Raises:
        UnknownSetting: It is none, or of another set.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        results = [QuestionResult.from_json(question) for question in data["questions"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnknownSetting(
            f"{path} is no result that `footnote evaluate --json` wrote ({error})."
        ) from error
    if data.get("dataset") != dataset:
        raise UnknownSetting(f"{path} is a result of the set '{data.get('dataset')}', not of '{dataset}'.")
    return results


class Bench:
    """Measures candidates on one scratch stack; those with the same index share one ingestion.

    Args:
        scratch: The stack.
        dataset: What they are measured on.
        strategies: Search strategies; the first one names the figures.
        answers: Whether questions are answered, too.
        progress: Told how far it is.
    """

    def __init__(
        self,
        scratch: ScratchStack,
        dataset: Dataset,
        strategies: Sequence[str],
        progress: Progress,
        *,
        answers: bool,
    ) -> None:
        self._scratch = scratch
        self._dataset = dataset
        self._strategies = strategies
        self._answers = answers
        self._progress = progress
        self._corpora: dict[tuple[tuple[str, str], ...], Corpus] = {}

    def measure(self, candidate: Candidate) -> Report:
        """Starts the stack with the candidate's settings and asks every question.

        Raises:
            StackFailed: The stack did not start.
            TimeoutError: The corpus was not ingested in time.
        """
        with self._scratch.serving(candidate.settings) as state, ApiClient(state.api_url) as client:
            evaluation = Evaluation(client, self._progress, vectors=Vectors.of_stack(state))
            if candidate.index not in self._corpora:
                self._corpora[candidate.index] = evaluation.prepare(self._dataset)
            return evaluation.measure(
                self._dataset,
                self._corpora[candidate.index],
                self._strategies,
                answers=self._answers,
                configuration=candidate.name,
            )
