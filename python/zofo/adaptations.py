"""Adaptation of a model, or of the result of a meta-training, to new tasks by a few examples."""

from __future__ import annotations

import math
import os
import statistics
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from zofo import _core
from zofo.meta import MetaRun
from zofo.models import Model
from zofo.requests import path_of_model
from zofo.results import Scores
from zofo.tasks import Pathlike, TaskRows, located_tasks


@dataclass(frozen=True)
class FewShotResult:
    """The result of one random subset of a task's examples."""

    seed: int
    """Seed of the subset."""
    examples: int
    """Number of its examples."""
    training_loss: float
    """Loss on them before the last step; 0 for in-context learning."""
    scores: Scores
    """Scores on the validation rows."""


@dataclass(frozen=True)
class Adaptation:
    """The results for a task, a number of examples and a start."""

    task: str
    """The task."""
    count: int
    """Number of examples: of each class, or in all."""
    per_class: bool
    """Whether the number is that of each class (shots)."""
    start: str
    """The initial adapter: zero, mean or the name of an adapter of the run; "in-context": examples in the prompt."""
    results: tuple[FewShotResult, ...]
    """A result for each seed."""

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the seeds."""
        return statistics.fmean(each.scores.balanced_accuracy for each in self.results)

    @property
    def standard_error(self) -> float:
        """Standard error of this mean; 0 for one seed."""
        if len(self.results) == 1:
            return 0.0
        return statistics.stdev(each.scores.balanced_accuracy for each in self.results) / math.sqrt(len(self.results))

    def __str__(self) -> str:
        return (
            f"{self.task}, {self.count} {'shots per class' if self.per_class else 'training examples'}, start {self.start}: "
            f"balanced accuracy {self.balanced_accuracy:.3f} ± {self.standard_error:.3f} "
            f"(standard error, {len(self.results)} seeds), {self.results[0].scores.examples} examples"
        )


def _numbers(given: int | Iterable[int]) -> list[int]:
    return list(given) if isinstance(given, Iterable) else [given]


def adapt(
    model: Pathlike | Model,
    task: TaskRows | Pathlike | Sequence[TaskRows | Pathlike],
    *,
    run: Pathlike | MetaRun | None = None,
    shots: int | Sequence[int] = (),
    examples: int | Sequence[int] = (),
    start: str | Sequence[str] = "zero",
    in_context: bool = False,
    data: Pathlike | None = None,
    definitions: Pathlike | None = None,
    out: Pathlike | None = None,
    device: str = "auto",
    precision: str = "auto",
    **options: Any,
) -> list[Adaptation]:
    """Adapts a model, or the result of a `meta_train` in the folder `run`, to new tasks by a few training examples.

    There is a result for each task, each number of examples and each start, in this order. `task` is one or several of
    what `meta_train` takes. `shots`: training examples per class; `examples`: training examples in all; each a number
    or several. `start`: zero (no change to the model), mean (of the run's adapters) or the name of one of them, or
    several. `in_context` trains nothing: the examples are put in front of every prompt, as many as fit.

    `options` are those of `zofo adapt` with underscores: num_seeds, seed, max_eval_samples, max_prompt_tokens,
    special, max_steps, learning_rate, weight_decay, batch_size, lora_rank, lora_alpha and lora_target_modules. `out`: a
    folder to make for the adapter, in peft's format; only for one task, number, start and seed. Raises zofo.Error
    naming the argument, file or row at fault.
    """
    arguments = {
        **options,
        "run": run.out if isinstance(run, MetaRun) else None if run is None else os.fspath(run),
        "shots": _numbers(shots),
        "examples": _numbers(examples),
        "start": [start] if isinstance(start, str) else list(start),
        "in_context": in_context,
        "out": None if out is None else os.fspath(out),
        "device": device,
        "precision": precision,
    }
    given = [task] if isinstance(task, (TaskRows, str, os.PathLike)) else list(task)
    with located_tasks(given, data, definitions) as (places, folder, defined):
        answers, notes = _core.adapt(path_of_model(model), places, folder, defined, arguments)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return [
        Adaptation(name, count, per_class, begun, tuple(
            FewShotResult(seed, number, loss, Scores(*scores)) for seed, number, loss, scores in results
        ))
        for name, count, per_class, begun, results in answers
    ]
