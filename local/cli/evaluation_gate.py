"""`footnote evaluate --gate`: thresholds from a file, and the verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from footnote.evaluation import Condition, QuestionResult, Verdict, parse_conditions
from footnote.platform.errors import InvalidRequest
from local.evaluation.candidates import read_results

FAILED = 3
"""Exit status where the gate does not pass; other failures have 1."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What must be reached, and the results it may be compared with."""

    conditions: tuple[Condition, ...]
    baseline: Sequence[QuestionResult] | None


def read_thresholds(path: Path, dataset: str) -> Thresholds:
    """Thresholds of a YAML file: `metrics`, and `baseline`, a saved --json result beside it.

    Raises:
        InvalidRequest: The file or a threshold is wrong; the message says which.
        UnknownSetting: The baseline is no result of this set.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidRequest(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(data, dict) or set(data) - {"metrics", "baseline"} or "metrics" not in data:
        raise InvalidRequest(f"{path}: 'metrics' is expected, and 'baseline' where something may not drop.")
    baseline = data.get("baseline")
    if baseline is not None and not isinstance(baseline, str):
        raise InvalidRequest(f"{path}: 'baseline' is the name of a file.")
    return Thresholds(
        parse_conditions(data["metrics"]),
        read_results(path.parent / baseline, dataset) if baseline else None,
    )


def render_verdict(verdict: Verdict) -> str:
    """Every finding in a line, and the result."""
    lines = [
        f"  {'passed' if finding.passed else 'FAILED'}  {finding.reason}" for finding in verdict.findings
    ]
    word = "passed" if verdict.passed else "FAILED"
    return "\n".join(["", f"gate: {word}", *lines])
