"""Comparisons of methods."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zofo import _core
from zofo.models import Model
from zofo.requests import number
from zofo.results import Scores
from zofo.runs import Run, finetune
from zofo.tasks import Pathlike, Task


@dataclass(frozen=True)
class MethodSummary:
    """Results of one method of a comparison."""

    method: str
    """The training method."""
    runs: tuple[Run, ...]
    """One run for each seed."""
    mean: float
    """Mean of the metric."""
    deviation: float
    """Standard deviation of the metric over the seeds; 0 for one seed."""


@dataclass(frozen=True)
class Comparison:
    """Several methods on one task with equal budgets."""

    metric: str
    """The metric of the table: a field of Scores."""
    methods: tuple[MethodSummary, ...]
    """The methods, in the given order."""

    def __str__(self) -> str:
        head = f"{'method':<16}{self.metric:>20}{'loss':>10}{'steps':>8}{'seconds':>10}"
        rows = [
            f"{m.method:<16}{f'{m.mean:.4f} +- {m.deviation:.4f}':>20}"
            f"{statistics.fmean(r.scores.loss for r in m.runs):>10.4f}{m.runs[0].steps:>8}"
            f"{statistics.fmean(r.seconds for r in m.runs):>10.1f}"
            for m in self.methods
        ]
        return "\n".join([head, *rows])

    def plot(self, ax: Any = None) -> Any:
        """Draws the learning curves with matplotlib and returns the axes."""
        from zofo.plot import plot_runs

        return plot_runs([run for method in self.methods for run in method.runs], ax)


def compare(
    model: Pathlike | Model,
    task: Task | Pathlike,
    methods: Sequence[str],
    *,
    out: Pathlike,
    seeds: Iterable[int] = (0,),
    metric: str = "accuracy",
    **arguments: Any,
) -> Comparison:
    """Fine-tunes with each method and each seed, one run after the other in this process.

    The run folders are out/METHOD-SEED; `arguments` are those of finetune. The command `zofo compare` can also run
    several at once and resume.
    """
    if metric not in Scores.__dataclass_fields__:
        raise _core.Error(f"metric = {metric!r}: must be one of {', '.join(Scores.__dataclass_fields__)}")
    folder, numbers = Path(out), list(seeds)
    if not methods or not numbers:
        raise _core.Error("methods, seeds: there must be at least one of each")
    summaries = []
    for method in methods:
        runs = tuple(
            finetune(model, task, out=folder / f"{method}-{seed}", method=method, seed=seed, **arguments)
            for seed in numbers
        )
        values = [number(getattr(run.scores, metric)) for run in runs]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        summaries.append(MethodSummary(method, runs, statistics.fmean(values), spread))
    return Comparison(metric, tuple(summaries))
