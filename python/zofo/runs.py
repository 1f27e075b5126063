"""Fine-tuning, comparisons of methods, and export."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zofo import _core
from zofo.models import Model, Scores
from zofo.progress import Observer, Printer, Progress
from zofo.rows import Rows
from zofo.tasks import Pathlike, Task, located


@dataclass(frozen=True)
class Run:
    """The result of a fine-tuning run. Its scores are on the validation rows, which training does not use."""

    out: str
    """The run folder."""
    model: str
    """The model that was fine-tuned."""
    method: str
    """The training method."""
    scores: Scores
    """Scores of the selected model."""
    steps: int
    """Number of outer steps."""
    seconds: float
    """Seconds of training."""
    forward_passes: float
    """Forward passes over a mini-batch; a gradient counts as two."""
    peak_mib: float
    """Peak memory of the process, in MiB."""
    selected: str
    """The selected model: upper (theta with p), lower (theta with s) or backbone (theta)."""
    selected_steps: int
    """Number of outer steps after which the selected model was saved."""
    stopped_early: bool
    """Whether early stopping ended the run."""

    def load(self) -> Model:
        """The fine-tuned model."""
        return Model(self.model, self.out)

    def events(self) -> list[dict[str, Any]]:
        """The lines of the run's metrics.jsonl."""
        with open(Path(self.out) / "metrics.jsonl", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def plot(self, ax: Any = None) -> Any:
        """Draws the learning curve with matplotlib and returns its axes."""
        from zofo.plot import plot_runs

        return plot_runs([self], ax)


def finetune(
    model: Pathlike | Model,
    task: Task | Pathlike,
    *,
    out: Pathlike,
    method: str = "bilevel",
    data: Pathlike | None = None,
    train: Rows = None,
    validation: Rows = None,
    tasks: Pathlike | None = None,
    progress: bool | Observer = True,
    **options: Any,
) -> Run:
    """Fine-tunes a model on a task and writes the run folder `out`, which must not exist.

    The rows are `train` and `validation`, or train.jsonl and validation.jsonl in the folder `data` or next to the
    task.toml. `options` are those of `zofo finetune` with underscores (max_steps=200, lora_rank=4;
    zofo.options() lists them). Without a limit a run takes 3 epochs. A Model that is passed is not changed: the run
    loads its weights again.

    Ctrl-C ends the run after the current step, saves it and raises KeyboardInterrupt; `resume` continues it. Raises
    zofo.Error naming the option, file or row at fault.
    """
    if (train is None) != (validation is None):
        missing = "validation" if validation is None else "train"
        raise _core.Error(f"{missing}: no rows: give train and validation rows, or the folder data")
    source = model.path if isinstance(model, Model) else os.fspath(model)
    if isinstance(model, Model) and model.run is not None:
        raise _core.Error(f"model: is the result of the run {model.run}: export it first, and fine-tune that")
    request = _core.RunRequest()
    request.out = os.fspath(out)
    request.model = source
    request.options = _toml({"method": method, **options})
    with located(task, data, train, validation, tasks) as files:
        request.task, request.data, request.definitions = files.task, files.data, files.definitions
        return _run(request, method, progress)


def resume(
    out: Pathlike,
    *,
    model: Pathlike | None = None,
    task: Task | Pathlike | None = None,
    data: Pathlike | None = None,
    train: Rows = None,
    validation: Rows = None,
    tasks: Pathlike | None = None,
    progress: bool | Observer = True,
    **options: Any,
) -> Run:
    """Continues an interrupted run with the result of an uninterrupted one, or a finished run with a raised limit.

    The model and the data are read from their original paths. Rows and tasks that were Python objects must be given
    again, because they are not stored. Raises zofo.Error if they differ from the original ones.
    """
    request = _core.RunRequest()
    request.resume = True
    request.out = os.fspath(out)
    request.model = "" if model is None else os.fspath(model)
    request.options = _toml(options)
    if task is None:
        if data is not None or train is not None or validation is not None:
            raise _core.Error("task: none: data and rows must be given together with the task")
        return _run(request, "resumed", progress)
    with located(task, data, train, validation, tasks) as files:
        request.task, request.data, request.definitions = files.task, files.data, files.definitions
        return _run(request, "resumed", progress)


def _run(request: _core.RunRequest, title: str, progress: bool | Observer) -> Run:
    printer = Printer(title) if progress is True else None
    observer: Observer | None = printer if printer is not None else (progress if callable(progress) else None)
    watch = None
    if observer is not None:
        shown = observer

        def watch(step: int | None, *numbers: Any) -> None:
            shown(numbers[-1] if step is None else Progress(step, *numbers[:-1]))

    try:
        result = json.loads(_core.finetune(request, watch))
    finally:
        if printer is not None:
            printer.close()
    if result["interrupted"]:
        raise KeyboardInterrupt(f"interrupted after step {result['steps']}; to resume: zofo.resume({request.out!r})")
    return _read_result(request.out, result, request.model)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _read_result(out: str, result: dict[str, Any], model: str) -> Run:
    if not model:  # a resumed run
        with open(Path(out) / "result.json", encoding="utf-8") as file:
            model = json.load(file)["model"]
    scores = Scores(
        _number(result.get("loss")), _number(result.get("accuracy")), _number(result.get("macro_f1")),
        _number(result.get("balanced_accuracy")), result.get("exact_match"), result.get("f1"),
        int(result.get("rows", 0)), _number(result.get("eval_seconds", 0.0)),
    )
    return Run(out, model, result["method"], scores, result["steps"], result["seconds"], result["passes"],
               result["peak_mib"], result["served"], result["served_steps"], result["stopped_early"])


def options() -> dict[str, str]:
    """The options of a run and their help."""
    return dict(_core.option_names())


def _toml(given: dict[str, Any]) -> str:
    """Options as TOML. Raises zofo.Error naming an option that does not exist or has a value of another type."""
    known = options()
    lines = []
    for name, value in given.items():
        if name not in known:
            raise _core.Error(f"{name}: is no option of a run: zofo.options() lists them")
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, (int, float)):
            text = repr(value)
        elif isinstance(value, str):
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        elif hasattr(value, "item"):  # NumPy's numbers
            text = json.dumps(value.item())
        else:
            raise _core.Error(f"{name}: {type(value).__name__}: must be a text, a number, True or False")
        lines.append(f"{name} = {text}\n")
    return "".join(lines)


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
        values = [_number(getattr(run.scores, metric)) for run in runs]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        summaries.append(MethodSummary(method, runs, statistics.fmean(values), spread))
    return Comparison(metric, tuple(summaries))


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    out: str
    """Path of the result."""
    what: str
    """Description of the result, for example "a GGUF file (f32)"."""
    warning: str
    """What the format cannot represent; empty if there is nothing."""


def export(
    model: Pathlike | Model,
    out: Pathlike,
    *,
    run: Pathlike | Run | None = None,
    format: str = "hf",
    dtype: str = "f32",
    merge: bool = False,
    no_tokenizer: bool = False,
    without_backbone: bool = False,
) -> Exported:
    """Writes a model, or the result of a run, for other programs.

    `format`: hf (a folder for transformers), gguf (a file for llama.cpp) or peft (the adapter). `dtype`: f32, bf16
    or q8_0. `merge` merges the run's adapter into the weights. `no_tokenizer` leaves the tokenizer's files out of a folder.
    `without_backbone` writes the adapter alone of a run that updated the backbone. Raises zofo.Error naming the option at
    fault.
    """
    source = model.path if isinstance(model, Model) else os.fspath(model)
    if run is None and isinstance(model, Model):
        run = model.run
    folder = run.out if isinstance(run, Run) else ("" if run is None else os.fspath(run))
    what, warning = _core.export_model(
        source, folder, os.fspath(out), format, dtype, merge, no_tokenizer, without_backbone
    )
    return Exported(os.fspath(out), what, warning)


def write_tiny(folder: Pathlike, train: int = 1000, validation: int = 400) -> tuple[str, str]:
    """Writes a small generated model and task into a new folder; returns their paths. Needs no download."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    model, task = str(place / "tiny.gguf"), str(place / "tiny_task")
    _core.write_tiny_model(model)
    _core.write_tiny_task(task, train, validation)
    return model, task
