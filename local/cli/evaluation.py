"""`footnote evaluate`: retrieval and answers measured on a set of judged questions, compared, and gated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from footnote.evaluation import (
    Comparison,
    Dataset,
    QuestionResult,
    Verdict,
    compare,
    judge,
    load_dataset,
    summarise,
)
from footnote.evaluation.report import page
from footnote.platform.errors import InvalidRequest
from local.cli.evaluation_gate import FAILED, Thresholds, read_thresholds, render_verdict
from local.cli.evaluation_progress import EvaluationProgress
from local.cli.output import ProgressDisplay, console
from local.cli.session import (
    DataDirectory,
    SettingOptions,
    chosen_settings,
    data_paths,
    said_plainly,
    stop_with,
)
from local.client import ApiClient
from local.control import read_state
from local.evaluation import STRATEGIES, Evaluation, Report, render, render_comparison
from local.evaluation.candidates import Bench, Candidate, read_candidate
from local.evaluation.scratch import scratch_stack
from local.evaluation.vectors import Vectors
from local.launcher import StackFailed
from local.overrides import UnknownSetting
from local.paths import DataPaths


def evaluate(
    directory: Annotated[Path, typer.Argument(help="Holds corpus.jsonl, queries.jsonl and qrels.tsv.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N questions.")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write every figure and question to this file, too.")
    ] = None,
    report_out: Annotated[
        Path | None, typer.Option("--report", help="Write a page with plots to this file.")
    ] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(help="Search strategies to measure (default: all three).")
    ] = None,
    answers: Annotated[bool, typer.Option(help="Answer the questions, too, not only search.")] = True,
    settings: SettingOptions = None,
    comparison: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare",
            metavar="A B",
            help="Two configurations on the same questions: `default`, section.setting=value,..., a YAML file"
            " of settings, or a saved --json result.",
        ),
    ] = None,
    gate: Annotated[
        Path | None, typer.Option(help="A YAML file of thresholds; the status is 3 where one is missed.")
    ] = None,
    data_dir: DataDirectory = None,
) -> None:
    """Measure search and answers on judged questions, in an organization made for it."""
    strategies = _strategies(strategy)
    try:
        dataset = load_dataset(directory, limit)
        thresholds = read_thresholds(gate, dataset.name) if gate else None
        sides = [read_candidate(side, dataset.name) for side in comparison or ()]
    except InvalidRequest as error:
        stop_with(error.message)
    except UnknownSetting as error:
        stop_with(str(error))
    outputs = _Outputs(dataset, json_out, report_out, thresholds)
    if comparison is not None:
        if settings:
            stop_with("--set goes with one configuration", "Name the settings in --compare A B.")
        outputs.compared(sides, _measured(sides, dataset, strategies, answers=answers))
        return
    candidate = Candidate(",".join(settings or ()), chosen_settings(settings))
    with said_plainly():
        report = _measured_by(data_paths(data_dir), candidate, dataset, strategies, answers=answers)
    outputs.single(report)


def _strategies(asked: list[str] | None) -> list[str]:
    strategies = asked or list(STRATEGIES)
    unknown = sorted(set(strategies) - set(STRATEGIES))
    if unknown:
        stop_with(f"there is no strategy '{unknown[0]}'", f"Choose from {', '.join(STRATEGIES)}.")
    return strategies


def _measured_by(
    data: DataPaths, candidate: Candidate, dataset: Dataset, strategies: Sequence[str], *, answers: bool
) -> Report:
    """By the stack that runs; without one, or with settings of its own, by one that is thrown away after."""
    running = read_state(data.state)
    if running is None or candidate.settings:
        (report,) = _measured([candidate], dataset, strategies, answers=answers)
        assert report is not None
        return report
    with ApiClient(running.api_url) as client, EvaluationProgress() as progress:
        evaluation = Evaluation(client, progress, vectors=Vectors.of_stack(running))
        return evaluation.run(dataset, strategies, answers=answers)


def _measured(
    candidates: Sequence[Candidate], dataset: Dataset, strategies: Sequence[str], *, answers: bool
) -> list[Report | None]:
    """A report for each candidate; `None` for one that was measured before."""
    if all(candidate.saved is not None for candidate in candidates):
        return [None] * len(candidates)
    with said_plainly(), scratch_stack(ProgressDisplay) as scratch, EvaluationProgress() as progress:
        bench = Bench(scratch, dataset, strategies, progress, answers=answers)
        try:
            return [bench.measure(one) if one.saved is None else None for one in candidates]
        except StackFailed as error:
            stop_with(str(error), "`footnote doctor` looks for the cause.")


class _Outputs:
    """Where the figures go: the terminal, a file for programs, a page, and the exit status.

    Args:
        dataset: What was measured.
        json_out: File for programs.
        report_out: File for the page.
        thresholds: What must be reached.
    """

    def __init__(
        self,
        dataset: Dataset,
        json_out: Path | None,
        report_out: Path | None,
        thresholds: Thresholds | None,
    ) -> None:
        self._dataset = dataset
        self._json_out = json_out
        self._report_out = report_out
        self._thresholds = thresholds

    def single(self, report: Report) -> None:
        """One configuration."""
        console.print(render(report), markup=False)
        verdict = self._judged(report.results, None)
        self._write_json(report.as_json() | _as_json(verdict))
        self._write_page(report.configuration, report.results, None, verdict)
        self._end(verdict)

    def compared(self, sides: Sequence[Candidate], reports: Sequence[Report | None]) -> None:
        """Two configurations."""
        a, b = (
            report.results if report else list(side.saved or ())
            for side, report in zip(sides, reports, strict=True)
        )
        comparison = compare(a, b, (sides[0].name, sides[1].name))
        if not comparison.paired:
            stop_with("the two have no question in common")
        console.print(render_comparison(comparison), markup=False)
        verdict = self._judged(b, a)
        measured = {
            name: report.as_json() for name, report in zip("ab", reports, strict=True) if report is not None
        }
        facts = {"dataset": self._dataset.name, "comparison": comparison.as_json()}
        self._write_json(facts | measured | _as_json(verdict))
        self._write_page(sides[1].name, b, comparison, verdict)
        self._end(verdict)

    def _judged(
        self, candidate: Sequence[QuestionResult], baseline: Sequence[QuestionResult] | None
    ) -> Verdict | None:
        if self._thresholds is None:
            return None
        return judge(self._thresholds.conditions, candidate, baseline or self._thresholds.baseline)

    def _write_json(self, data: dict[str, Any]) -> None:
        if self._json_out is not None:
            self._json_out.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            console.print(f"\nAll figures: {self._json_out}")

    def _write_page(
        self,
        name: str,
        results: Sequence[QuestionResult],
        comparison: Comparison | None,
        verdict: Verdict | None,
    ) -> None:
        if self._report_out is None:
            return
        facts = {
            "set": self._dataset.name,
            "documents": str(len(self._dataset.corpus)),
            "configuration": name or "default",
        }
        text = page(
            f"{self._dataset.name}: {name or 'default settings'}",
            summarise(results),
            results,
            facts=facts,
            comparison=comparison,
            verdict=verdict,
        )
        self._report_out.write_text(text, encoding="utf-8")
        console.print(f"Page with plots: {self._report_out}")

    @staticmethod
    def _end(verdict: Verdict | None) -> None:
        if verdict is None:
            return
        console.print(render_verdict(verdict), markup=False)
        if not verdict.passed:
            raise typer.Exit(FAILED)


def _as_json(verdict: Verdict | None) -> dict[str, Any]:
    return {"gate": verdict.as_json()} if verdict else {}
